//! How far a notification has come on its way to Svix; stored with it.

use std::time::Duration;

use super::{CredentialId, Timestamp};

/// What remains to be done before a notification counts as delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Svix has not said that it has it.
    #[default]
    Send,
    /// Svix answered 409, or may hold what must not be sent any more: it must be seen whether it holds
    /// something, and whether that is ours.
    Confirm,
    /// Svix has it, but an earlier attempt was ambiguous: a dispatch must be seen.
    Prove {
        /// From when on the settling time counts.
        since: Timestamp,
        /// How often Svix was asked to send it again.
        resends: u32,
    },
}

/// The times between which sends may have reached Svix unseen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// When the first of them began.
    pub since: Timestamp,
    /// When the last of them ended.
    pub until: Timestamp,
}

impl Doubt {
    /// Adds a send that ended at `ended_at` and took so long.
    pub fn add(doubt: Option<Self>, ended_at: Timestamp, took: Duration) -> Self {
        let began_at = ended_at.before(took);
        Self {
            since: doubt.map_or(began_at, |doubt| doubt.since.min(began_at)),
            until: doubt.map_or(ended_at, |doubt| doubt.until.max(ended_at)),
        }
    }
}

/// The counters and marks of a notification that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What remains to be done.
    pub stage: Stage,
    /// Requests made for it so far.
    pub attempts: u32,
    /// Attempts that count against the retry policy.
    pub spent: u32,
    /// Whether a dispatch must be seen before it counts as delivered.
    pub ambiguous: bool,
    /// When it may have reached Svix without an answer that proves either.
    pub doubt: Option<Doubt>,
    /// Svix's id of the message, once known.
    pub message_id: Option<String>,
    /// The token of its first request: under another one Svix does not know the key again.
    pub credential: Option<CredentialId>,
}
