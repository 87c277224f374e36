//! What a list of notifications may be narrowed by, and where a page ends.

use std::fmt;
use std::str::FromStr;

use sqlx::{Database, Encode, QueryBuilder, Type};

use super::fields::Fields;
use super::{Record, rows};
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

impl Filter {
    /// Makes the query of a page, with one row more to tell whether another follows.
    pub(super) fn query<DB: Database>(&self) -> QueryBuilder<DB>
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let mut query = QueryBuilder::new("SELECT ");
        query
            .push(rows::RECORD_COLUMNS)
            .push(" FROM notifications WHERE seq < ")
            .push_bind(self.cursor.map_or(i64::MAX, |Cursor(row)| row));
        if let Some(event_id) = &self.event_id {
            query.push(" AND (event_key = ").push_bind(event_id.clone());
            query
                .push(" OR (event_id <> event_key AND event_id = ")
                .push_bind(event_id.clone())
                .push("))");
        }
        let texts = [
            (" AND customer = ", self.customer.as_ref().map(Customer::as_str)),
            (" AND state = ", self.state.map(State::as_str)),
            (" AND event_type = ", self.event_type.as_deref()),
        ];
        for (condition, text) in texts {
            if let Some(text) = text {
                query.push(condition).push_bind(text.to_owned());
            }
        }
        let times = [
            (" AND accepted_at >= ", self.from),
            (" AND accepted_at < ", self.to),
        ];
        for (condition, time) in times {
            if let Some(time) = time {
                query.push(condition).push_bind(time.as_millis());
            }
        }
        query
            .push(" ORDER BY seq DESC LIMIT ")
            .push_bind(i64::from(self.limit) + 1);
        query
    }

    /// Makes a page of the rows that were found.
    pub(super) fn page<R: Fields>(&self, found: &[R]) -> Page {
        let mut page = Page::default();
        let mut last = None;
        for row in found.iter().take(self.limit as usize) {
            last = rows::int(row, "seq").ok();
            match rows::record(row) {
                Ok(record) => page.records.push(record),
                // The claim sets it aside and says so; a list goes on without it.
                Err(error) => log::warn!(error:err, row = last; "a stored notification cannot be shown"),
            }
        }
        page.next = last.filter(|_| found.len() > self.limit as usize).map(Cursor);
        page
    }
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
