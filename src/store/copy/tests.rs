//! What a copy keeps, and what it refuses.

use super::row::{COLUMNS, Moved};
use super::source::Source;
use super::{CopyError, CopyReport, Copying, LIMITS, Limits, copy};
use crate::domain::{AnswerKind, State, Timestamp};
use crate::store::check::tests::{Place, fill, filled, on_both};
use crate::store::examples::{
    accept, accept_leased, customer, delivered, find, new, post_known, settlement, with_event,
};
use crate::store::postgres::tests::TestDatabase;
use crate::store::sqlite::tests::DatabaseInDirectory;
use crate::store::{ConnectError, Leased, StoreError, check};

const ALL: Limits = Limits {
    rows: i64::MAX,
    bytes: i64::MAX,
};

/// Copies without looking at the progress.
async fn copied(from: &str, to: &str) -> Result<CopyReport, CopyError> {
    copy(from, to, |_| {}).await
}

/// Reads everything that a store has.
async fn contents(place: &impl Place) -> Vec<Moved> {
    let mut source = Source::open(&place.url()).await.unwrap();
    let rows = source.batch(0, ALL).await.unwrap();
    source.close().await.unwrap();
    rows
}

async fn ledger(place: &impl Place) -> super::counts::Ledger {
    let mut source = Source::open(&place.url()).await.unwrap();
    let ledger = source.ledger().await.unwrap();
    source.close().await.unwrap();
    ledger
}

async fn assert_same(one: &impl Place, other: &impl Place) {
    let (rows, others) = (contents(one).await, contents(other).await);
    assert_eq!(rows.len(), others.len());
    for (row, other) in rows.iter().zip(&others) {
        assert_eq!(row, other);
    }
    assert!(rows.iter().any(|row| row.made.len() == 3), "some have attempts");
    assert!(rows.iter().all(|row| row.event.is_some()));
    assert_eq!(ledger(one).await, ledger(other).await);
    for url in [one.url(), other.url()] {
        assert_eq!(check(&url).await.unwrap().findings, []);
    }
}

async fn there_and_back_keeps_everything<P: Place>() {
    let (origin, back) = (filled::<P>().await, P::fresh().await);
    if P::IS_SHARED {
        let there = DatabaseInDirectory::fresh().await;
        forth_and_back(&origin, &there, &back).await;
    } else {
        let there = TestDatabase::fresh().await;
        forth_and_back(&origin, &there, &back).await;
    }
}

async fn forth_and_back(origin: &impl Place, there: &impl Place, back: &impl Place) {
    let report = copied(&origin.url(), &there.url()).await.unwrap();
    assert!(report.is_equal(), "{report:?}");
    assert_eq!((report.copied, report.found, report.target.notifications), (24, 0, 24));
    assert_eq!((report.source.attempts, report.source.states["dead"]), (21, 3));
    assert_same(origin, there).await;
    let report = copied(&there.url(), &back.url()).await.unwrap();
    assert!(report.is_equal(), "{report:?}");
    assert_same(origin, back).await;
}

async fn a_copy_works_as_a_store<P: Place>() {
    let origin = filled::<DatabaseInDirectory>().await;
    let target = P::fresh().await;
    copied(&origin.url(), &target.url()).await.unwrap();
    let (old, store) = (origin.open().await, target.open().await);
    let known = post_known(&store, new("acme", "delivered")).await;
    assert_eq!(find(&store, known.id).await.event_id, find(&old, known.id).await.event_id);
    let (notification, lease) = accept_leased(&store, new("acme", "evt_new")).await;
    assert!(find(&store, notification.id).await.row > 24, "it is the last");
    store.settle(delivered(&notification), lease).await.unwrap();
    let claimed = store.claim(customer("acme"), 10).await.unwrap();
    let expected = old.claim(customer("acme"), 10).await.unwrap();
    assert_eq!((claimed.len(), expected.len()), (2, 2));
    for (Leased { notification, lease }, expected) in claimed.into_iter().zip(&expected) {
        let right = &expected.notification;
        assert_eq!(notification.event, right.event);
        assert_eq!(notification.progress, right.progress);
        assert_eq!((notification.id, notification.suspect_until), (right.id, None));
        store.settle(delivered(&notification), lease).await.unwrap();
    }
    store.close(true).await.unwrap();
    assert_eq!(check(&target.url()).await.unwrap().findings, []);
}

async fn a_copy_that_was_cut_off_goes_on<P: Place>() {
    let origin = filled::<DatabaseInDirectory>().await;
    let target = P::fresh().await;
    let limits = Limits { rows: 5, ..LIMITS };
    let mut copying = Copying::begin(&origin.url(), &target.url(), limits)
        .await
        .unwrap();
    assert!(copying.step().await.unwrap());
    copying.close().await.unwrap();

    // Events that are larger than a batch may be go one by one.
    let limits = Limits { bytes: 1, ..LIMITS };
    let mut copying = Copying::begin(&origin.url(), &target.url(), limits)
        .await
        .unwrap();
    assert!(copying.step().await.unwrap());
    assert_eq!((copying.found, copying.copied), (5, 1));
    copying.close().await.unwrap();

    let mut seen = Vec::new();
    let report = copy(&origin.url(), &target.url(), |progress| seen.push((progress.done, progress.total)))
        .await
        .unwrap();
    assert_eq!((report.found, report.copied, report.is_equal()), (6, 18, true));
    assert_eq!(seen, [(6, 24), (24, 24)]);
    assert_same(&origin, &target).await;

    let again = copied(&origin.url(), &target.url()).await.unwrap();
    assert_eq!((again.found, again.copied, again.is_equal()), (24, 0, true));
    assert_same(&origin, &target).await;
}

async fn a_target_that_holds_something_else_is_refused<P: Place>() {
    let origin = filled::<DatabaseInDirectory>().await;
    let other = filled::<P>().await;
    assert_foreign(&origin, &other, "another store with as many rows").await;

    let store = other.open().await;
    accept(&store, new("acme", "evt_new")).await;
    store.close(true).await.unwrap();
    assert_foreign(&origin, &other, "another store with more rows").await;

    for (statement, why) in [
        ("UPDATE notifications SET state = 'dead' WHERE event_key = 'queued'", "work that was done since"),
        ("UPDATE ledger SET retries = retries + 1", "other counts"),
        ("DELETE FROM notifications WHERE event_key = 'delivered'", "rows pruned since"),
    ] {
        let target = P::fresh().await;
        copied(&origin.url(), &target.url()).await.unwrap();
        assert!(target.tamper(statement).await > 0);
        assert_foreign(&origin, &target, why).await;
    }
    let half = P::fresh().await;
    begun(&origin, &half).await;
    half.tamper("DELETE FROM notifications WHERE seq = 2").await;
    assert_foreign(&origin, &half, "a hole").await;
}

async fn a_source_that_worked_meanwhile_is_refused<P: Place>() {
    let table = [(State::Delivered, "a delivery"), (State::Queued, "a failed try")];
    for (state, why) in table {
        let origin = filled::<DatabaseInDirectory>().await;
        let target = P::fresh().await;
        begun(&origin, &target).await;
        let store = origin.open().await;
        let mut claimed = store.claim(customer("acme"), 1).await.unwrap();
        let Leased { notification, lease } = claimed.pop().unwrap();
        let outcome = settlement(&notification, state, AnswerKind::Unavailable);
        store.settle(outcome, lease).await.unwrap();
        store.close(true).await.unwrap();
        assert_foreign(&origin, &target, why).await;
        assert_eq!(target.number("SELECT count(*) FROM ledger").await, 0, "{why}: not complete");
    }
}

/// Copies some rows, and is cut off.
async fn begun(origin: &impl Place, target: &impl Place) {
    let limits = Limits { rows: 5, ..LIMITS };
    let mut copying = Copying::begin(&origin.url(), &target.url(), limits)
        .await
        .unwrap();
    assert!(copying.step().await.unwrap());
    copying.close().await.unwrap();
}

async fn assert_foreign(origin: &impl Place, target: &impl Place, why: &str) {
    let before = target.number("SELECT count(*) FROM notifications").await;
    let refused = copied(&origin.url(), &target.url()).await;
    assert!(matches!(refused, Err(CopyError::Foreign { .. })), "{why}: {refused:?}");
    let after = target.number("SELECT count(*) FROM notifications").await;
    assert_eq!(before, after, "{why}: nothing was written");
}

async fn an_empty_store_is_copied_too<P: Place>() {
    let (origin, target) = (P::fresh().await, P::fresh().await);
    origin.open().await.close(true).await.unwrap();
    for _ in 0..2 {
        let report = copied(&origin.url(), &target.url()).await.unwrap();
        assert_eq!((report.copied, report.found, report.is_equal()), (0, 0, true));
    }
    let store = target.open().await;
    let first = accept(&store, new("acme", "evt_1")).await;
    assert_eq!(find(&store, first.id).await.row, 1);
}

on_both!(
    there_and_back_keeps_everything,
    a_copy_works_as_a_store,
    a_copy_that_was_cut_off_goes_on,
    a_target_that_holds_something_else_is_refused,
    a_source_that_worked_meanwhile_is_refused,
    an_empty_store_is_copied_too,
);

#[tokio::test]
async fn no_column_is_forgotten() {
    let (file, server) = (filled::<DatabaseInDirectory>().await, filled::<TestDatabase>().await);
    let columns = i64::try_from(COLUMNS.split(", ").count()).unwrap();
    let (notifications, attempts) = (
        file.number("SELECT count(*) FROM pragma_table_info('notifications')")
            .await,
        file.number("SELECT count(*) FROM pragma_table_info('attempts')")
            .await,
    );
    assert_eq!((notifications, attempts), (columns, 8));
    let (notifications, attempts) = (
        server
            .number("SELECT count(*) FROM information_schema.columns WHERE table_name = 'notifications'")
            .await,
        server
            .number("SELECT count(*) FROM information_schema.columns WHERE table_name = 'attempts'")
            .await,
    );
    // `suspect_at` is the shared store's own.
    assert_eq!((notifications, attempts), (columns + 1, 9));
}

#[tokio::test]
async fn slots_of_the_ledger_are_added_up() {
    let server = TestDatabase::fresh().await;
    let (one, other) = (Place::open(&server).await, Place::open(&server).await);
    fill(&one).await;
    let (notification, lease) = accept_leased(&other, new("acme", "evt_other")).await;
    other.settle(delivered(&notification), lease).await.unwrap();
    one.close(true).await.unwrap();
    other.close(true).await.unwrap();
    assert_eq!(
        server
            .number("SELECT count(*) FROM ledger WHERE customer = 'acme'")
            .await,
        2
    );
    let file = DatabaseInDirectory::fresh().await;
    assert!(copied(&server.url(), &file.url()).await.unwrap().is_equal());
    assert_same(&server, &file).await;
}

#[tokio::test]
async fn what_is_suspect_stays_suspect() {
    let file = DatabaseInDirectory::fresh().await;
    let store = Place::open(&file).await;
    fill(&store).await;
    store.close(false).await.unwrap();
    let server = TestDatabase::fresh().await;
    assert!(copied(&file.url(), &server.url()).await.unwrap().is_equal());
    let marked = "SELECT count(*) FROM notifications WHERE (state = 'queued') = (suspect_at >= accepted_at)";
    assert_eq!(server.number(marked).await, 9, "what waits, and nothing else");
    let others = "SELECT count(*) FROM notifications WHERE state <> 'queued' AND suspect_at IS NOT NULL";
    assert_eq!(server.number(others).await, 0);
    let until = server.number("SELECT max(suspect_at) FROM notifications").await;

    let back = DatabaseInDirectory::fresh().await;
    copied(&server.url(), &back.url()).await.unwrap();
    assert_eq!(
        back.number("SELECT suspect_until FROM runs WHERE stopped_at > 0")
            .await,
        until
    );
    let again = TestDatabase::fresh().await;
    copied(&back.url(), &again.url()).await.unwrap();
    assert_eq!(again.number("SELECT max(suspect_at) FROM notifications").await, until);
    let store = Place::open(&back).await;
    let claimed = store.claim(customer("acme"), 1).await.unwrap();
    assert_eq!(claimed[0].notification.suspect_until, Some(Timestamp::from_millis(until)));
}

#[tokio::test]
async fn what_became_suspect_after_it_was_copied_is_suspect() {
    let file = filled::<DatabaseInDirectory>().await;
    let server = TestDatabase::fresh().await;
    begun(&file, &server).await;
    // What this run sends without recording it may be among the rows that are copied.
    Place::open(&file).await.close(false).await.unwrap();
    assert!(copied(&file.url(), &server.url()).await.unwrap().is_equal());
    let marked = "SELECT count(*) FROM notifications WHERE state = 'queued' AND suspect_at >= accepted_at";
    assert_eq!(server.number(marked).await, 9);
}

#[tokio::test]
async fn what_a_killed_replica_held_becomes_suspect() {
    let server = TestDatabase::fresh().await;
    let store = Place::open(&server).await;
    let (held, _lease) = accept_leased(&store, new("acme", "evt_1")).await;
    accept(&store, new("acme", "evt_2")).await;
    let file = DatabaseInDirectory::fresh().await;
    let refused = copied(&server.url(), &file.url()).await;
    let in_use = matches!(&refused, Err(CopyError::Source(ConnectError::InUse { count: 1 })));
    assert!(in_use, "while it lives: {refused:?}");
    assert_eq!(server.tamper("UPDATE replicas SET ends_at = 0").await, 1);

    let other = TestDatabase::fresh().await;
    assert!(copied(&server.url(), &other.url()).await.unwrap().is_equal());
    let suspect = "SELECT count(*) FROM notifications AS n JOIN queue AS q USING (customer, seq) \
                   WHERE event_key = 'evt_1' AND owner IS NULL AND suspect_at >= accepted_at";
    assert_eq!(other.number(suspect).await, 1);
    assert_eq!(
        other
            .number("SELECT count(*) FROM notifications WHERE suspect_at > 0")
            .await,
        1
    );

    assert!(copied(&server.url(), &file.url()).await.unwrap().is_equal());
    let store = Place::open(&file).await;
    let claimed = store.claim(customer("acme"), 10).await.unwrap();
    assert_eq!(claimed[0].notification.id, held.id);
    assert!(claimed[0].notification.suspect_until.is_some());
}

#[tokio::test]
async fn what_is_in_use_is_refused() {
    let (file, server) = (filled::<DatabaseInDirectory>().await, TestDatabase::fresh().await);
    let store = Place::open(&file).await;
    let refused = copied(&file.url(), &server.url()).await;
    let in_use = matches!(&refused, Err(CopyError::Source(ConnectError::Store(StoreError::InUse { .. }))));
    assert!(in_use, "a file: {refused:?}");
    store.close(true).await.unwrap();

    let replica = Place::open(&server).await;
    let refused = copied(&file.url(), &server.url()).await;
    let in_use = matches!(&refused, Err(CopyError::Target(ConnectError::InUse { count: 1 })));
    assert!(in_use, "a target: {refused:?}");
    server
        .tamper("DROP TABLE queue; DROP SEQUENCE lease_fence; DELETE FROM _sqlx_migrations WHERE version = 3")
        .await;
    let refused = copied(&file.url(), &server.url()).await;
    assert!(matches!(refused, Err(CopyError::Target(ConnectError::InUse { count: 1 }))), "an older one");
    let made = "SELECT count(*) FROM pg_class WHERE oid = to_regclass('queue')";
    assert_eq!(server.number(made).await, 0, "and its tables stay as they are");
    replica.close(false).await.unwrap();
    let server = TestDatabase::fresh().await;
    Place::open(&server).await.close(true).await.unwrap();

    let refused = copied(&file.url(), &file.url()).await;
    let same = matches!(&refused, Err(CopyError::Target(ConnectError::Store(StoreError::InUse { .. }))));
    assert!(same, "a file onto itself: {refused:?}");
    let refused = copied(&server.url(), &server.url()).await;
    let same = matches!(&refused, Err(CopyError::Target(ConnectError::Starting)));
    assert!(same, "a database onto itself: {refused:?}");
}

#[tokio::test]
async fn a_character_that_the_server_cannot_hold_is_replaced() {
    let file = filled::<DatabaseInDirectory>().await;
    let statement = "UPDATE notifications SET detail = 'a' || char(0) || 'b' WHERE event_key = 'dead'";
    assert_eq!(file.tamper(statement).await, 3);
    let server = TestDatabase::fresh().await;
    assert!(copied(&file.url(), &server.url()).await.unwrap().is_equal());
    let replaced = "SELECT count(*) FROM notifications WHERE detail = 'a' || chr(65533) || 'b'";
    assert_eq!(server.number(replaced).await, 3);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let file = filled::<DatabaseInDirectory>().await;
    let blob = "UPDATE notifications SET customer = CAST(customer AS BLOB) \
                WHERE customer = 'acme' AND event_key = 'dead'";
    assert_eq!(file.tamper(blob).await, 1);
    let server = TestDatabase::fresh().await;
    let refused = copied(&file.url(), &server.url()).await;
    assert!(matches!(refused, Err(CopyError::Row { seq: 4, .. })), "{refused:?}");
    assert_eq!(server.number("SELECT count(*) FROM ledger").await, 0, "it is not complete");
}

#[tokio::test]
async fn large_events_go_over_in_batches_that_fit() {
    let file = DatabaseInDirectory::fresh().await;
    let store = Place::open(&file).await;
    for number in 0..5_u8 {
        let event = vec![number; 5 << 20];
        accept(&store, with_event(new("acme", &format!("evt_{number}")), event)).await;
    }
    store.close(true).await.unwrap();
    let server = TestDatabase::fresh().await;
    let mut seen = Vec::new();
    let report = copy(&file.url(), &server.url(), |progress| seen.push(progress.done)).await;
    assert!(report.unwrap().is_equal());
    assert_eq!(seen, [0, 3, 5]);
}
