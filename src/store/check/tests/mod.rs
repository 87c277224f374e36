//! What a check finds on either database, and what it lets pass.

mod looking;
mod rows;
mod settings;
mod sums;

use std::time::Duration;

use super::{CheckReport, Fault, check};
use crate::domain::{
    AnswerKind, ApplicationRule, Call, CredentialId, Doubt, Notification, Origin, Progress, Reason, Stage,
    State, Timestamp,
};
use crate::store::examples::{
    accept, accept_leased, attempt, delivered, new, options, post_known, settlement, with_event,
};
use crate::store::postgres::tests::TestDatabase;
use crate::store::sqlite::tests::DatabaseInDirectory;
use crate::store::{Lease, NewNotification, Settlement, Store};

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
        create_application: Some("Odd & söns".into()),
        expires_at: Some(Timestamp::from_millis(4_102_444_800_000)),
        origin: Origin {
            call: Some(Call {
                request: "r-1".parse().unwrap(),
                trace: Some(
                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                        .parse()
                        .unwrap(),
                ),
            }),
            key: Some("shop".to_owned()),
            customer_rule: Some("/customer".to_owned()),
            application_rule: Some(ApplicationRule::PerCustomer),
            settings_version: Some(3),
            filter: Some("include \"invoice.*\"".to_owned()),
        },
        ..with_event(new(customer_name, id), event)
    }
}

pub(in crate::store) async fn settle(store: &Store, notification: &Notification, lease: Lease, state: State) {
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
                doubt: Some(Doubt {
                    since: Timestamp::from_millis(5),
                    until: Timestamp::from_millis(9),
                }),
                message_id: Some("msg_1".to_owned()),
                credential: Some(CredentialId::of("sk_1")),
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

/// What is done to a sound store, what is found then, and why.
type Case<'a> = (&'static str, &'a [(Fault, u64)], &'a str);

/// Does each to a store of its own, and finds just these faults.
async fn assert_found<P: Place>(table: &[Case<'_>]) {
    for (statement, right, why) in table {
        let place = filled::<P>().await;
        assert!(place.tamper(statement).await > 0, "{why}");
        let report = check(&place.url()).await.unwrap();
        assert_eq!(faults(&report), *right, "{why}: {:?}", report.findings);
        assert!(!report.is_sound(), "{why}");
    }
}
