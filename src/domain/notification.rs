//! One event as accepted.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::{AccountName, Call, Customer, EventId, Progress, RedriveId, Timestamp};

/// The service's own id of a notification; sorts by the time of acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotificationId(Uuid);

/// A text that is no notification's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a notification, such as 0198c0de-0000-7000-8000-000000000000")]
pub struct NotificationIdError;

impl NotificationId {
    /// Makes the id of a notification that is accepted at that moment.
    pub fn generate(accepted_at: Timestamp) -> Self {
        let (seconds, nanos) = accepted_at.as_unix();
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)))
    }

    /// Returns what the ids of all notifications accepted at that moment or later are not less than.
    pub fn least_at(moment: Timestamp) -> Self {
        // The times that an id can tell end in the year 10889.
        let millis = u64::try_from(moment.as_millis()).unwrap_or(0).min((1 << 48) - 1);
        Self(Uuid::from_u128(u128::from(millis) << 80))
    }

    /// Returns the sixteen bytes under which it is stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads the sixteen bytes under which it was stored.
    ///
    /// # Errors
    /// When they are not sixteen.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotificationIdError> {
        Uuid::from_slice(bytes).map(Self).map_err(|_| NotificationIdError)
    }
}

impl FromStr for NotificationId {
    type Err = NotificationIdError;

    fn from_str(text: &str) -> Result<Self, NotificationIdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| NotificationIdError)
    }
}

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl Serialize for NotificationId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Everything that its delivery needs.
#[derive(Clone, Debug)]
pub struct Notification {
    /// The service's own id.
    pub id: NotificationId,
    /// Whose webhooks it feeds.
    pub customer: Customer,
    /// The Svix credential it goes out with.
    pub account: AccountName,
    /// The Svix application that receives it.
    pub application: Arc<str>,
    /// The name under which Svix may be told to create the application; none where it may not.
    pub create_application: Option<Arc<str>>,
    /// The id under which Svix knows it.
    pub event_id: EventId,
    /// The Svix event type.
    pub event_type: String,
    /// The event, byte for byte as posted.
    pub event: Bytes,
    /// Which bytes of the event are the payload.
    pub payload: Range<usize>,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it is due: at once, or after a wait.
    pub due_at: Timestamp,
    /// When it must not be sent any more, as the event says.
    pub expires_at: Option<Timestamp>,
    /// The job that put it back to be sent again, where one did.
    pub redrive: Option<RedriveId>,
    /// How often it was put back to be sent again.
    pub redrives: u32,
    /// Until when a holder before this one may have sent it without recording that.
    pub suspect_until: Option<Timestamp>,
    /// The request by which it came in; none of those from before it was noted.
    pub call: Option<Call>,
    /// How far it has come.
    pub progress: Progress,
}

impl Notification {
    /// Returns the bytes that Svix is sent as the payload.
    pub fn payload(&self) -> &[u8] {
        self.event.get(self.payload.clone()).unwrap_or(&self.event)
    }

    /// Returns the id of the request by which it came in.
    pub fn request(&self) -> Option<&str> {
        self.call.as_ref().map(|call| call.request.as_str())
    }
}
