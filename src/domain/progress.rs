//! How far a notification has come on its way to Svix; stored with it.

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

/// The counters and marks of a notification that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What remains to be done.
    pub stage: Stage,
    /// Requests made for it so far.
    pub attempts: u32,
    /// Attempts that count against the retry policy.
    pub spent: u32,
    /// Whether an attempt ended without telling if Svix has it.
    pub ambiguous: bool,
    /// Svix's id of the message, once known.
    pub message_id: Option<String>,
    /// The token of its first request: under another one Svix does not know the key again.
    pub credential: Option<CredentialId>,
}
