//! What a check finds on either database, and what it lets pass.

use std::time::Duration;

use super::{CheckReport, ConnectError, Fault, check};
use crate::domain::{AnswerKind, Notification, Progress, Reason, Stage, State, Timestamp};
use crate::store::examples::{
    accept, accept_leased, attempt, customer, delivered, new, options, post_known, settlement, with_event,
};
use crate::store::postgres::tests::TestDatabase;
use crate::store::sqlite::tests::DatabaseInDirectory;
use crate::store::{Lease, Leased, NewNotification, Settlement, Store, StoreError};

/// A database of either kind, which can be changed behind the store's back.
pub(in crate::store) trait Place: Sized {
    const IS_SHARED: bool;

    async fn fresh() -> Self;
    fn url(&self) -> String;
    async fn tamper(&self, statement: &'static str) -> u64;
    async fn number(&self, query: &'static str) -> i64;

    async fn open(&self) -> Store {
        Store::open(options(self.url())).await.unwrap()
    }
}

impl Place for DatabaseInDirectory {
    const IS_SHARED: bool = false;

    async fn fresh() -> Self {
        Self::new()
    }

    fn url(&self) -> String {
        self.url()
    }

    async fn tamper(&self, statement: &'static str) -> u64 {
        self.tamper(statement).await
    }

    async fn number(&self, query: &'static str) -> i64 {
        self.number(query).await
    }
}

impl Place for TestDatabase {
    const IS_SHARED: bool = true;

    async fn fresh() -> Self {
        Self::new().await
    }

    fn url(&self) -> String {
        self.url()
    }

    async fn tamper(&self, statement: &'static str) -> u64 {
        self.tamper(statement).await
    }

    async fn number(&self, query: &'static str) -> i64 {
        self.number(query).await
    }
}

/// Makes a test of each law for both kinds of database.
macro_rules! on_both {
    ($($law:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $law() {
                super::$law::<$crate::store::sqlite::tests::DatabaseInDirectory>().await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $law() {
                super::$law::<$crate::store::postgres::tests::TestDatabase>().await;
            })+
        }
    };
}
pub(in crate::store) use on_both;

/// Bytes that are no text, with a payload in their middle.
fn odd(customer_name: &str, id: &str) -> NewNotification {
    let event: Vec<u8> = (0..=255).chain([0, 0xff, 0xfe, b'\'', b'\\', 0]).collect();
    NewNotification {
        payload: 3..250,
        occurred_at: Some(Timestamp::from_millis(-62_135_596_800_000)),
        create_application: true,
        ..with_event(new(customer_name, id), event)
    }
}

async fn settle(store: &Store, notification: &Notification, lease: Lease, state: State) {
    let reason = match state {
        State::Dead => Some(Reason::Rejected),
        State::Expired => Some(Reason::TooOld),
        _ => None,
    };
    let outcome = Settlement {
        reason,
        ..settlement(notification, state, AnswerKind::Ambiguous)
    };
    store.settle(outcome, lease).await.unwrap();
}

/// Stores notifications of several customers in every state and stage, some after several requests.
/// Leaves one of them leased until the store is closed.
pub(in crate::store) async fn fill(store: &Store) {
    for name in ["acme", "globex", "Ünïcode & 'söns'"] {
        for state in State::ALL {
            let (notification, lease) = accept_leased(store, new(name, state.as_str())).await;
            settle(store, &notification, lease, *state).await;
        }
        accept(store, odd(name, "evt_odd")).await;
        post_known(store, odd(name, "evt_odd")).await;
        let (notification, lease) = accept_leased(store, odd(name, "evt_prove")).await;
        let at = Timestamp::from_millis(1_700_000_000_123);
        let outcome = Settlement {
            progress: Progress {
                stage: Stage::Prove {
                    since: at,
                    resends: 2,
                },
                attempts: 3,
                spent: 1,
                ambiguous: true,
                message_id: Some("msg_1".to_owned()),
            },
            due_at: store.now().after(Duration::from_secs(3600)),
            attempts: (1..=3)
                .map(|number| attempt(number, at, AnswerKind::Unavailable))
                .collect(),
            ..settlement(&notification, State::Queued, AnswerKind::Unavailable)
        };
        store.settle(outcome, lease).await.unwrap();
        let (notification, lease) = accept_leased(store, new(name, "evt_first_try")).await;
        store.settle(delivered(&notification), lease).await.unwrap();
    }
}

/// Makes a store with everything in it, stopped cleanly.
pub(in crate::store) async fn filled<P: Place>() -> P {
    let place = P::fresh().await;
    let store = place.open().await;
    fill(&store).await;
    store.close(true).await.unwrap();
    place
}

fn faults(report: &CheckReport) -> Vec<(Fault, u64)> {
    let found = report.findings.iter();
    found.map(|finding| (finding.fault, finding.count)).collect()
}

async fn a_healthy_store_has_no_finding<P: Place>() {
    let report = check(&filled::<P>().await.url()).await.unwrap();
    assert_eq!(report.findings, [], "nothing was done to it");
    assert_eq!((report.notifications, report.customers), (24, 3));

    let unused = P::fresh().await;
    unused.open().await.close(true).await.unwrap();
    let report = check(&unused.url()).await.unwrap();
    assert_eq!((report.notifications, report.customers, report.findings.len()), (0, 0, 0));
}

async fn each_fault_is_found<P: Place>() {
    let table = [
        (
            "UPDATE notifications SET state = 'limbo' WHERE customer = 'acme' AND event_key = 'dead'",
            &[(Fault::Unreadable, 1), (Fault::LedgerAndRows, 1)][..],
            "a state that is none",
        ),
        (
            "UPDATE notifications SET stage = 'limbo' WHERE event_key = 'evt_prove'",
            &[(Fault::Unreadable, 3)],
            "a stage that is none",
        ),
        (
            "UPDATE notifications SET settled_at = 5 WHERE customer = 'acme' AND event_key = 'queued'",
            &[(Fault::SettledAt, 1)],
            "an end that has not come",
        ),
        (
            "UPDATE notifications SET settled_at = NULL WHERE customer = 'acme' AND event_key = 'dead'",
            &[(Fault::SettledAt, 1)],
            "an end without a time",
        ),
        (
            "DELETE FROM events WHERE seq = (SELECT max(seq) FROM notifications)",
            &[(Fault::EventGone, 1)],
            "a lost event",
        ),
        (
            "DELETE FROM notifications WHERE customer = 'acme' AND event_key = 'evt_first_try'",
            &[(Fault::EventOrphaned, 1)],
            "a lost row that might have been pruned",
        ),
        (
            "DELETE FROM notifications WHERE customer = 'acme' AND event_key = 'dead'",
            &[(Fault::LedgerAndRows, 1), (Fault::EventOrphaned, 1)],
            "a lost dead letter",
        ),
        (
            "UPDATE notifications SET payload_end = 100000 WHERE customer = 'acme' AND event_key = 'queued'",
            &[(Fault::PayloadOutside, 1)],
            "a payload beyond the event",
        ),
        (
            "UPDATE notifications SET payload_end = 3, payload_start = 3 WHERE event_key = 'queued'",
            &[(Fault::PayloadOutside, 3)],
            "a payload of nothing",
        ),
        (
            "UPDATE ledger SET delivered = delivered - 2 WHERE customer = 'acme'",
            &[(Fault::LedgerAndRows, 1), (Fault::LedgerBalance, 1)],
            "a count that is too small",
        ),
        (
            "UPDATE ledger SET queued = queued + 1, accepted = accepted + 1 WHERE customer = 'acme'",
            &[(Fault::LedgerAndRows, 1)],
            "one that waits and is not there",
        ),
        ("UPDATE ledger SET accepted = accepted + 1", &[(Fault::LedgerBalance, 3)], "counts off by one"),
        (
            "DELETE FROM ledger WHERE customer = 'acme'",
            &[(Fault::LedgerAndRows, 1)],
            "a customer without counts",
        ),
    ];
    for (statement, right, why) in table {
        let place = filled::<P>().await;
        assert!(place.tamper(statement).await > 0, "{why}");
        let report = check(&place.url()).await.unwrap();
        assert_eq!(faults(&report), right, "{why}: {:?}", report.findings);
        assert_eq!(report.is_sound(), right == [(Fault::EventOrphaned, 1)], "{why}");
    }
}

async fn many_faults_are_counted_over_all_batches<P: Place>() {
    let place = P::fresh().await;
    let store = place.open().await;
    let posts = (0..2100).map(|number| store.accept(new("acme", &format!("evt_{number}")), false));
    for accepted in futures_util::future::join_all(posts).await {
        accepted.unwrap();
    }
    store.close(true).await.unwrap();
    place.tamper("UPDATE notifications SET settled_at = 5").await;
    let report = check(&place.url()).await.unwrap();
    assert_eq!(report.notifications, 2100);
    assert_eq!(faults(&report), [(Fault::SettledAt, 2100)]);
    assert_eq!(report.findings[0].examples.len(), 5);
}

on_both!(a_healthy_store_has_no_finding, each_fault_is_found, many_faults_are_counted_over_all_batches,);

#[tokio::test]
async fn a_flipped_byte_of_an_event_is_found() {
    let file = filled::<DatabaseInDirectory>().await;
    let flip = "UPDATE events SET body = CAST(replace(body, 'paid', 'pAid') AS BLOB) \
                WHERE seq = (SELECT seq FROM notifications WHERE customer = 'acme' AND event_key = 'queued')";
    assert_eq!(file.tamper(flip).await, 1);
    let report = check(&file.url()).await.unwrap();
    assert_eq!(faults(&report), [(Fault::EventChanged, 1)]);

    let server = filled::<TestDatabase>().await;
    let flip = "UPDATE events SET body = set_byte(body, 4, 200) WHERE customer = 'acme'";
    assert_eq!(server.tamper(flip).await, 8);
    let report = check(&server.url()).await.unwrap();
    assert_eq!(faults(&report), [(Fault::EventChanged, 8)]);
}

#[tokio::test]
async fn what_cannot_be_read_at_all_is_found_in_a_file() {
    let file = filled::<DatabaseInDirectory>().await;
    let blob = "UPDATE notifications SET customer = CAST(customer AS BLOB) \
                WHERE customer = 'acme' AND event_key = 'dead'";
    assert_eq!(file.tamper(blob).await, 1);
    let report = check(&file.url()).await.unwrap();
    assert_eq!(faults(&report), [(Fault::Unreadable, 1), (Fault::LedgerAndRows, 1)]);
}

#[tokio::test]
async fn a_queue_that_is_not_that_of_the_notifications_is_found() {
    let database = TestDatabase::new().await;
    let store = Place::open(&database).await;
    fill(&store).await;
    let (_, lease) = accept_leased(&store, new("acme", "evt_leased")).await;
    let report = check(&database.url()).await.unwrap();
    assert_eq!(report.findings, [], "beside a replica that holds something");
    drop(lease);
    store.close(true).await.unwrap();

    let table = [
        (
            "UPDATE queue SET owner = 4711 WHERE seq = (SELECT min(seq) FROM queue WHERE customer = 'acme')",
            Fault::OwnerUnknown,
        ),
        ("DELETE FROM queue WHERE seq = (SELECT max(seq) FROM queue)", Fault::OutOfQueue),
        ("UPDATE queue SET due_at = due_at + 1 WHERE seq = (SELECT max(seq) FROM queue)", Fault::OutOfQueue),
        (
            "INSERT INTO queue (customer, seq, due_at) \
             SELECT customer, seq, due_at FROM notifications WHERE customer = 'acme' AND event_key = 'dead'",
            Fault::QueuedAtEnd,
        ),
        ("INSERT INTO queue (customer, seq, due_at) VALUES ('acme', 4711, 1)", Fault::QueueOrphaned),
    ];
    for (number, (statement, _)) in (1..).zip(&table) {
        assert_eq!(database.tamper(statement).await, 1, "{number}: {statement}");
    }
    let report = check(&database.url()).await.unwrap();
    let right = [
        (Fault::OwnerUnknown, 1),
        (Fault::OutOfQueue, 2),
        (Fault::QueuedAtEnd, 1),
        (Fault::QueueOrphaned, 1),
    ];
    assert_eq!(faults(&report), right);
    assert!(report.findings[0].examples[0].ends_with("(run 4711)"));
}

#[tokio::test]
async fn what_is_under_way_is_not_wrong() {
    let database = TestDatabase::new().await;
    let (one, other) = (Place::open(&database).await, Place::open(&database).await);
    let work = async |store: &Store, name: &'static str| {
        for number in 0..150 {
            let (notification, lease) = accept_leased(store, new(name, &format!("evt_{number}"))).await;
            settle(store, &notification, lease, State::ALL[number % State::ALL.len()]).await;
        }
    };
    let look = async {
        for _ in 0..20 {
            let report = check(&database.url()).await.unwrap();
            assert_eq!(report.findings, []);
        }
    };
    tokio::join!(work(&one, "acme"), work(&one, "globex"), work(&other, "initech"), look);
    one.close(true).await.unwrap();
    other.close(true).await.unwrap();
    let report = check(&database.url()).await.unwrap();
    assert_eq!((report.notifications, report.findings), (450, Vec::new()));
}

#[tokio::test]
async fn a_check_changes_nothing() {
    let file = DatabaseInDirectory::new();
    let store = Place::open(&file).await;
    fill(&store).await;
    // As where the process ended without saying so.
    store.close(false).await.unwrap();
    assert_eq!(check(&file.url()).await.unwrap().findings, []);
    assert_eq!(
        file.number("SELECT count(*) FROM runs WHERE stopped_at IS NULL")
            .await,
        1
    );

    // As a backup that was made with VACUUM INTO.
    file.tamper("PRAGMA journal_mode = DELETE").await;
    assert_eq!(check(&file.url()).await.unwrap().notifications, 24);

    let server = filled::<TestDatabase>().await;
    check(&server.url()).await.unwrap();
    assert_eq!(server.number("SELECT count(*) FROM replicas").await, 0);
    let store = Place::open(&server).await;
    let claimed = store.claim(customer("acme"), 10).await.unwrap();
    assert_eq!(claimed.len(), 2, "what waits waits still");
    for Leased { notification, lease } in claimed {
        store.settle(delivered(&notification), lease).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_store_that_can_be_looked_at_is_refused() {
    let file = DatabaseInDirectory::new();
    assert!(matches!(check(&file.url()).await, Err(ConnectError::Absent { .. })));
    let store = Place::open(&file).await;
    let running = check(&file.url()).await;
    assert!(matches!(running, Err(ConnectError::Store(StoreError::InUse { .. }))), "{running:?}");
    store.close(true).await.unwrap();
    file.tamper("UPDATE _sqlx_migrations SET version = 99").await;
    let newer = check(&file.url()).await;
    assert!(matches!(newer, Err(ConnectError::OtherVersion { found: 99, .. })), "{newer:?}");

    let server = TestDatabase::new().await;
    assert!(matches!(check(&server.url()).await, Err(ConnectError::NoStore)));
    for url in ["mysql://u:secret@host/db", "sqlite://", "sqlite://:memory:"] {
        let error = check(url).await.unwrap_err();
        assert!(matches!(error, ConnectError::Store(StoreError::Url { .. })), "{url}");
        assert!(!error.to_string().contains("secret"));
    }
}
