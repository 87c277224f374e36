//! Why the ledger did not do something, and what Svix says then.

use super::answer::Answer;

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such application.
    UnknownApplication,
    /// There is no such message or endpoint.
    Unknown,
    /// The application to create has no uid.
    UidMissing,
    /// The application to create has another uid than the path.
    UidMismatch,
    /// The event id is taken.
    Conflict,
    /// The payload is no longer there.
    PayloadGone,
    /// There are too many applications.
    Full,
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let uid = |kind, msg| Self::invalid(&[("body", "application.uid", kind, msg)]);
        match refusal {
            Refusal::UnknownApplication => Self::error(404, "not_found", "Application not found"),
            Refusal::Unknown => Self::not_found(),
            Refusal::UidMissing => uid("application_uid_missing", "The application's uid is missing"),
            Refusal::UidMismatch => {
                uid("application_uid_mismatch", "The application's uid is not the one in the path")
            }
            Refusal::Conflict => Self::error(409, "conflict", "A conflict has occurred"),
            Refusal::PayloadGone => {
                Self::error(400, "missing_payload", "The payload is missing, probably expired")
            }
            Refusal::Full => Self::error(503, "sandbox_full", "The sandbox holds no more applications"),
        }
    }
}
