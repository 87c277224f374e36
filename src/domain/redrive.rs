//! Sending dead letters again.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::Timestamp;
use super::state::named;

/// The id of a job that sends dead letters again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedriveId(Uuid);

/// A text that is no redrive's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a redrive, such as 0198c0de-0000-7000-8000-000000000000")]
pub struct RedriveIdError;

impl RedriveId {
    /// Makes the id of a job that begins now.
    pub fn generate(now: Timestamp) -> Self {
        let (seconds, nanos) = now.as_unix();
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)))
    }

    /// Returns the sixteen bytes under which it is stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads the sixteen bytes under which it was stored.
    ///
    /// # Errors
    /// When they are not sixteen.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RedriveIdError> {
        Uuid::from_slice(bytes).map(Self).map_err(|_| RedriveIdError)
    }
}

impl FromStr for RedriveId {
    type Err = RedriveIdError;

    fn from_str(text: &str) -> Result<Self, RedriveIdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| RedriveIdError)
    }
}

impl fmt::Display for RedriveId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl Serialize for RedriveId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

named! {
    /// Where a redrive stands.
    RedriveState {
        /// It puts dead letters back.
        Running = "running",
        /// An operator has paused it.
        Paused = "paused",
        /// Too much failed again, so it stopped by itself; an operator may resume it.
        Stopped = "stopped",
        /// An operator has ended it.
        Cancelled = "cancelled",
        /// All that it was to send again has come to an end.
        Completed = "completed",
    }
}

impl RedriveState {
    /// Tells whether nothing moves it out of this state.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Completed)
    }
}
