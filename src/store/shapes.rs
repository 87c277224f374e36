//! What goes into the store and what comes out of it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Lease;
use crate::domain::{
    AccountName, Attempt, Customer, EventId, Notification, NotificationId, Origin, Progress, Reason, State,
    Timestamp,
};

/// A notification that asks to be accepted.
#[derive(Debug, Clone)]
pub struct NewNotification {
    /// The id it gets if it is new.
    pub id: NotificationId,
    /// Whose webhooks it feeds.
    pub customer: Customer,
    /// The Svix credential it goes out with.
    pub account: AccountName,
    /// The Svix application that receives it.
    pub application: Arc<str>,
    /// The name under which Svix may be told to create the application; none where it may not.
    pub create_application: Option<Arc<str>>,
    /// What makes two posts the same event.
    pub event_key: EventId,
    /// The Svix event type.
    pub event_type: String,
    /// When the event happened, as it says itself.
    pub occurred_at: Option<Timestamp>,
    /// The event, byte for byte as posted.
    pub event: Bytes,
    /// Which bytes of the event are the payload.
    pub payload: Range<usize>,
    /// SHA-256 of the event's bytes.
    pub digest: [u8; 32],
    /// The present time.
    pub accepted_at: Timestamp,
    /// When it must not be sent any more, as the event says.
    pub expires_at: Option<Timestamp>,
    /// How it came in.
    pub origin: Origin,
    /// Whether a filter decided that it is not sent.
    pub filtered: bool,
}

impl NewNotification {
    /// Returns where it stands from the beginning.
    #[must_use]
    pub fn state(&self) -> State {
        if self.filtered {
            State::Filtered
        } else {
            State::Queued
        }
    }

    /// Returns when it came to its end, where that is at once.
    pub(super) fn settled_at(&self) -> Option<Timestamp> {
        self.filtered.then_some(self.accepted_at)
    }

    /// Makes the notification that is to be delivered under `event_id`.
    pub(super) fn into_notification(self, event_id: EventId) -> Notification {
        Notification {
            id: self.id,
            customer: self.customer,
            account: self.account,
            application: self.application,
            create_application: self.create_application,
            event_id,
            event_type: self.event_type,
            event: self.event,
            payload: self.payload,
            accepted_at: self.accepted_at,
            due_at: self.accepted_at,
            expires_at: self.expires_at,
            redrive: None,
            redrives: 0,
            suspect_until: None,
            call: self.origin.call,
            progress: Progress::default(),
        }
    }
}

/// What came of an accept.
#[derive(Debug)]
pub enum Accepted {
    /// It is stored. With a lease, the caller is the one to deliver it.
    New {
        /// The notification as stored.
        notification: Box<Notification>,
        /// The right to deliver it, where that was asked for.
        lease: Option<Lease>,
    },
    /// The customer has a notification with this key already.
    Known(Existing),
}

/// A stored notification that a post ran into.
#[derive(Debug, Clone)]
pub struct Existing {
    /// Its id.
    pub id: NotificationId,
    /// Its id at Svix.
    pub event_id: EventId,
    /// Where it stands.
    pub state: State,
    /// Its event, where that is not the same byte for byte.
    pub other_event: Option<OtherEvent>,
}

/// The event of a notification that a post ran into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherEvent {
    /// It came with the same transaction.
    Posted(Bytes),
    /// It is in this row of the store.
    Stored(i64),
}

/// What came of a notification: it ends, or it is put back for later.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// What it came of.
    pub notification: Arc<Notification>,
    /// Where it stands from now on; `queued` for a retry.
    pub state: State,
    /// When it is due again, for a retry.
    pub due_at: Timestamp,
    /// Why it ended, where it was not delivered.
    pub reason: Option<Reason>,
    /// How far it has come.
    pub progress: Progress,
    /// The requests made since the last settlement; the last one stands for the outcome.
    pub attempts: Vec<Attempt>,
    /// The present time.
    pub settled_at: Timestamp,
}

impl Settlement {
    /// Tells whether a single request was enough, which needs no row of its own.
    pub(super) fn is_first_try_success(&self) -> bool {
        self.state == State::Delivered && self.progress.attempts <= 1
    }

    /// Tells whether it ended without a delivery, for a reason that somebody may want to know.
    pub(super) fn is_undelivered(&self) -> bool {
        matches!(self.state, State::Dead | State::Expired)
    }

    /// Returns why it ended so, in words to be searched.
    pub(super) fn words(&self) -> String {
        let reason = self.reason.map_or("", Reason::as_str);
        let detail = self.attempts.last().map_or("", |last| last.detail.as_str());
        format!("{reason} {detail}")
    }
}

/// A notification as look-ups show it.
#[derive(Debug, Clone)]
pub struct Record {
    /// The store's own number of it; grows with time.
    pub row: i64,
    /// Its id.
    pub id: NotificationId,
    /// What makes two posts the same event.
    pub event_key: EventId,
    /// Its id at Svix: the key, or a digest where the key is taken there.
    pub event_id: EventId,
    /// Whose webhooks it feeds.
    pub customer: Customer,
    /// The Svix credential it goes out with.
    pub account: AccountName,
    /// The Svix application that receives it.
    pub application: String,
    /// The Svix event type.
    pub event_type: String,
    /// Where it stands.
    pub state: State,
    /// Why, where that needs saying.
    pub reason: Option<Reason>,
    /// What Svix said last, at most 1 KiB.
    pub detail: Option<String>,
    /// With which HTTP status.
    pub status: Option<u16>,
    /// When the event happened, as it says itself.
    pub occurred_at: Option<Timestamp>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it is due, while queued.
    pub due_at: Timestamp,
    /// When its way ended.
    pub settled_at: Option<Timestamp>,
    /// How far it has come.
    pub progress: Progress,
    /// Start and length of the last request.
    pub last_sent: Option<(Timestamp, Duration)>,
    /// SHA-256 of the event's bytes.
    pub digest: Vec<u8>,
    /// When it must not be sent any more, as the event says.
    pub expires_at: Option<Timestamp>,
    /// How it came in.
    pub origin: Origin,
    /// The process that made the last request.
    pub replica: Option<String>,
    /// How often it was sent again.
    pub redrives: u32,
    /// Which bytes of the event are the payload.
    pub payload: Range<usize>,
}
