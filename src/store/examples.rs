//! Notifications, outcomes and waiting, for the tests of the store and of those who use it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::Unwatched;
use super::{
    Accepted, ClaimLimit, Existing, Lease, Leased, NewNotification, Record, Retention, Settlement, Store,
    StoreError, StoreOptions,
};
use crate::domain::{
    AccountName, AnswerKind, Attempt, Customer, EventId, Notification, NotificationId, Origin, Progress,
    State, Timestamp,
};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn options(url: String) -> StoreOptions {
    StoreOptions {
        url,
        lease: Duration::from_secs(15),
        max_batch: 512,
        max_waiting: 10_000,
        retention: Retention::default(),
        watch: Arc::new(Unwatched),
    }
}

pub(crate) fn customer(name: &str) -> Customer {
    Customer::parse(name).unwrap()
}

/// Makes an event with this id, posted now, for an application that customers share.
pub(crate) fn new(customer_name: &str, id: &str) -> NewNotification {
    let event = format!(r#"{{"id":"{id}","type":"invoice.paid","data":{{"n":1}}}}"#);
    let payload = event.find(r#"{"n""#).unwrap()..event.len() - 1;
    let new = NewNotification {
        id: NotificationId::generate(super::clock::machine_now()),
        customer: customer(customer_name),
        account: AccountName::new("default"),
        application: "app".into(),
        create_application: None,
        event_key: EventId::of_caller(id),
        event_type: "invoice.paid".to_owned(),
        occurred_at: None,
        event: Bytes::new(),
        payload,
        digest: [0; 32],
        accepted_at: super::clock::machine_now(),
        expires_at: None,
        origin: Origin::default(),
        filtered: false,
    };
    with_event(new, event)
}

/// Replaces the bytes of an event.
pub(crate) fn with_event(new: NewNotification, event: impl Into<Bytes>) -> NewNotification {
    let event = event.into();
    NewNotification {
        digest: Sha256::digest(&event).into(),
        event,
        ..new
    }
}

/// Makes a successful request the outcome.
pub(crate) fn delivered(notification: &Notification) -> Settlement {
    settlement(notification, State::Delivered, AnswerKind::Accepted)
}

/// Makes a request with this answer the outcome; a retry is due at once.
pub(crate) fn settlement(notification: &Notification, state: State, answer: AnswerKind) -> Settlement {
    let now = super::clock::machine_now();
    let number = notification.progress.attempts + 1;
    Settlement {
        notification: Arc::new(notification.clone()),
        state,
        due_at: now,
        reason: None,
        progress: Progress {
            attempts: number,
            ..notification.progress.clone()
        },
        attempts: vec![attempt(number, now, answer)],
        settled_at: now,
    }
}

pub(crate) fn attempt(number: u32, started_at: Timestamp, answer: AnswerKind) -> Attempt {
    Attempt {
        number,
        step: "send".to_owned(),
        due_at: Some(started_at),
        started_at,
        duration: Duration::from_millis(7),
        answer,
        status: Some(202),
        detail: format!("attempt {number}"),
        replica: Some("here".to_owned()),
    }
}

impl Store {
    /// Leases up to so many notifications of a customer that are due, of whichever size.
    pub(crate) async fn claim(&self, customer: Customer, rows: usize) -> Result<Vec<Leased>, StoreError> {
        let limit = ClaimLimit {
            rows,
            bytes: usize::MAX,
        };
        Ok(self.claim_within(customer, limit).await?.rows)
    }
}

/// Accepts what must be new, without a lease.
pub(crate) async fn accept(store: &Store, new: NewNotification) -> Notification {
    match store.accept(new, false).await.unwrap() {
        Accepted::New {
            notification,
            lease: None,
        } => *notification,
        other => panic!("not accepted as new without a lease: {other:?}"),
    }
}

/// Accepts what must be new, with a lease.
pub(crate) async fn accept_leased(store: &Store, new: NewNotification) -> (Notification, Lease) {
    match store.accept(new, true).await.unwrap() {
        Accepted::New {
            notification,
            lease: Some(lease),
        } => (*notification, lease),
        other => panic!("not accepted as new with a lease: {other:?}"),
    }
}

/// Posts what must be known already.
pub(crate) async fn post_known(store: &Store, new: NewNotification) -> Existing {
    match store.accept(new, true).await.unwrap() {
        Accepted::Known(existing) => existing,
        other => panic!("accepted as new: {other:?}"),
    }
}

pub(crate) async fn find(store: &Store, id: NotificationId) -> Record {
    store.find(id).await.unwrap().expect("it was stored")
}

/// Waits until the condition holds; fails when that takes too long.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "it never came true: {what}");
        tokio::time::sleep(LOOK).await;
    }
}
