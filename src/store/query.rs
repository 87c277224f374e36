//! What a list of notifications may be narrowed by, and where a page ends.

use std::fmt;
use std::str::FromStr;

use super::Record;
use crate::domain::{Customer, State, Timestamp};

/// Narrows a list; what is not set does not count.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The id at Svix or the caller's id.
    pub event_id: Option<String>,
    /// Whose webhooks it feeds.
    pub customer: Option<Customer>,
    /// Where it stands.
    pub state: Option<State>,
    /// The Svix event type.
    pub event_type: Option<String>,
    /// Accepted at this moment or later.
    pub from: Option<Timestamp>,
    /// Accepted before this moment.
    pub to: Option<Timestamp>,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// How many at most.
    pub limit: u32,
}

/// Where a page ends; what is accepted later does not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub(super) i64);

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor; take it from `nextCursor` of the page before")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{:x}", self.0)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let digits = text.strip_prefix('n').ok_or(CursorError)?;
        i64::from_str_radix(digits, 16)
            .ok()
            .filter(|row| *row >= 0)
            .map(Self)
            .ok_or(CursorError)
    }
}

/// Some notifications, newest first.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The notifications.
    pub records: Vec<Record>,
    /// Where the next page starts, if there may be one.
    pub next: Option<Cursor>,
}
