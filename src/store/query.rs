//! Pages of notifications: how they are found, and where one ends.
//!
//! Rows come in the order of their numbers, the newest first, from the smallest table that has them all. Where
//! rows must be looked at one by one, a page looks at so many and no more; it may then be short while others
//! follow.

use std::fmt;
use std::str::FromStr;

use sqlx::{Encode, QueryBuilder, Type};

use super::fields::Fields;
use super::narrowing::{ALL, Dialect, Source, Span, push_span};
use super::{Narrowing, Record, rows};
use crate::domain::State;

/// Rows that are looked at for one page at most.
const LOOKED_AT: i64 = 50_000;

/// The same where they are looked at for their words too.
const READ: i64 = 20_000;

/// Which notifications a page has.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// What the id at Svix or the caller's is one of; empty where it may be any.
    pub event_ids: Vec<String>,
    /// Where they stand.
    pub state: Option<State>,
    /// What else they are narrowed by.
    pub narrowing: Narrowing,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
    /// How many at most.
    pub limit: u32,
}

impl Filter {
    fn source<DB: Dialect>(&self) -> Source {
        if !self.event_ids.is_empty() {
            return ALL;
        }
        if self.narrowing.words.is_some() {
            DB::BY_WORDS
        } else if self.is_about_undelivered() {
            match self.narrowing.customer {
                Some(_) => DB::UNDELIVERED_OF_CUSTOMER,
                None => DB::UNDELIVERED,
            }
        } else if self.narrowing.customer.is_some() {
            DB::OF_CUSTOMER
        } else {
            ALL
        }
    }

    /// Tells whether only what was not delivered can be meant.
    fn is_about_undelivered(&self) -> bool {
        matches!(self.state, Some(State::Dead | State::Expired)) || self.narrowing.is_about_undelivered()
    }

    /// Tells whether rows must be looked at one by one, because no index leads to those asked for alone.
    fn looks_at_each(&self) -> bool {
        let Narrowing {
            event_type,
            reason,
            status,
            outcome,
            from,
            to,
            ..
        } = &self.narrowing;
        let others = event_type.is_some() || reason.is_some() || status.is_some() || outcome.is_some();
        let others = others || from.is_some() || to.is_some();
        let of_state = self.state.is_some() && self.narrowing.words.is_none();
        let of_customer = self.narrowing.customer.is_some() && self.narrowing.words.is_some();
        self.event_ids.is_empty() && (others || of_state || of_customer)
    }

    /// Returns the span of all rows that the cursor has not passed.
    pub(super) fn span(&self, times: Option<(i64, i64)>) -> Span {
        let (above, below) = times.unwrap_or((0, i64::MAX));
        let cursor = self.cursor.map_or(i64::MAX, |Cursor(row)| row);
        Span {
            above,
            below: below.min(cursor),
        }
    }

    /// Makes the query for the number of the last row that the page looks at, where that is bounded: where rows
    /// must be looked at one by one, or `each` of them is anyway.
    pub(super) fn bound_query<DB: Dialect>(&self, span: Span, each: bool) -> Option<QueryBuilder<DB>>
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        if !each && !self.looks_at_each() {
            return None;
        }
        let table = self.source::<DB>().looked_at;
        let mut query = QueryBuilder::new(format!("SELECT seq FROM {table} WHERE seq < "));
        query
            .push_bind(span.below)
            .push(" AND seq > ")
            .push_bind(span.above);
        // Words lead to rows of all customers.
        let (most, customer) = match (&self.narrowing.words, &self.narrowing.customer) {
            (Some(_), _) => (READ, None),
            (None, customer) => (LOOKED_AT, customer.as_ref()),
        };
        if let Some(customer) = customer {
            query
                .push(" AND customer = ")
                .push_bind(customer.as_str().to_owned());
        }
        query
            .push(" ORDER BY seq DESC LIMIT 1 OFFSET ")
            .push_bind(most - 1);
        Some(query)
    }

    /// Makes the query of a page, with one row more to tell whether another follows.
    pub(super) fn query<DB: Dialect>(&self, span: Span) -> QueryBuilder<DB>
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let source = self.source::<DB>();
        let columns = rows::record_columns();
        let undelivered = self.event_ids.is_empty() && self.is_about_undelivered();
        if undelivered && !self.narrowing.has_times() {
            // The rows of the page are found first, so that only theirs are read.
            let mut query = QueryBuilder::new(format!("SELECT {columns} FROM ("));
            self.push_undelivered(&mut query, "u.customer AS customer, u.seq AS seq", source.from, span);
            query.push(format!(") AS u {} ORDER BY n.seq DESC", source.join));
            return query;
        }
        let from = format!("{} {}", source.from, source.join);
        let mut query = QueryBuilder::new("");
        if undelivered {
            self.push_undelivered(&mut query, &columns, &from, span);
            return query;
        }
        push_span(&mut query, &columns, &from, source.seq, span);
        for (place, event_id) in self.event_ids.iter().enumerate() {
            query.push(if place == 0 { " AND (" } else { " OR " });
            query.push("n.event_key = ").push_bind(event_id.clone());
            query.push(" OR (n.event_id <> n.event_key AND n.event_id = ");
            query.push_bind(event_id.clone()).push(")");
        }
        if !self.event_ids.is_empty() {
            query.push(")");
        }
        self.narrowing.push_all(&mut query, self.state);
        self.push_end(&mut query, source.seq);
        query
    }

    fn push_undelivered<DB: Dialect>(
        &self,
        query: &mut QueryBuilder<DB>,
        columns: &str,
        from: &str,
        span: Span,
    ) where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let seq = self.source::<DB>().seq;
        push_span(query, columns, from, seq, span);
        self.narrowing.push_undelivered(query, self.state);
        self.push_end(query, seq);
    }

    fn push_end<DB: Dialect>(&self, query: &mut QueryBuilder<DB>, seq: &str)
    where
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        query
            .push(format!(" ORDER BY {seq} DESC LIMIT "))
            .push_bind(i64::from(self.limit) + 1);
    }

    /// Makes a page of the rows that were found; where no row beyond `bound` was looked at, more may follow.
    pub(super) fn page<R: Fields>(&self, found: &[R], bound: Option<i64>) -> Page {
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
        let full = found.len() > self.limit as usize;
        page.next = if full { last } else { bound }.map(Cursor);
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
