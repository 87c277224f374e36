//! What notifications are narrowed by, and the conditions that makes of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::{Database, Encode, QueryBuilder, Type};

use crate::domain::{Customer, NotificationId, State, Timestamp};

/// Narrows notifications; what is not set does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Narrowing {
    /// Whose webhooks they feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// The Svix event type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Why they were not delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The HTTP status of the last request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the last request of one that was not delivered came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Words of why they were not delivered; all of them must be there.
    #[serde(rename = "q", skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Accepted at this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Accepted before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

impl Narrowing {
    /// Tells whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Tells whether times narrow, which only the notifications themselves know.
    pub(super) fn has_times(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// Tells whether only what was not delivered can be meant.
    pub(super) fn is_about_undelivered(&self) -> bool {
        self.reason.is_some() || self.outcome.is_some() || self.words.is_some()
    }
}

/// A database, as far as its statements for look-ups differ.
pub(super) trait Dialect: Database {
    /// The notifications of one customer.
    const OF_CUSTOMER: Source;
    /// What was not delivered.
    const UNDELIVERED: Source;
    /// The same of one customer.
    const UNDELIVERED_OF_CUSTOMER: Source;
    /// What was not delivered, found by words.
    const BY_WORDS: Source;
    /// The condition that words are met, up to the value and after it.
    const MATCHES: (&'static str, &'static str);

    /// Makes the value that is compared of words.
    fn words(text: &str) -> String;
}

/// Where rows come from. The notifications are `n` in it, what was not delivered `u`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) from: &'static str,
    /// The column that tells their order.
    pub(super) seq: &'static str,
    /// What brings in the notifications where they are not in it.
    pub(super) join: &'static str,
    /// The table of which rows are looked at one by one where no index leads to them.
    pub(super) looked_at: &'static str,
}

/// The notifications themselves, of all customers or by the id of the event.
pub(super) const ALL: Source = Source {
    from: "notifications AS n",
    seq: "n.seq",
    join: "",
    looked_at: "notifications",
};

/// Numbers of rows between which those asked for lie: above the first, below the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) above: i64,
    pub(super) below: i64,
}

/// By how much the order of the rows may differ from that of the times of acceptance: a notification waits for
/// its transaction some seconds at most.
const DISORDER: Duration = Duration::from_secs(15);

impl Narrowing {
    /// Makes the query for the numbers of the rows around the times asked for. Ids tell the time.
    pub(super) fn span_query<DB: Database>(&self) -> Option<QueryBuilder<DB>>
    where
        Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
    {
        if !self.has_times() {
            return None;
        }
        let least = |moment: Timestamp| NotificationId::least_at(moment).as_bytes().to_vec();
        let mut query = QueryBuilder::new("SELECT ");
        match self.from {
            Some(from) => query
                .push("coalesce((SELECT seq FROM notifications WHERE id < ")
                .push_bind(least(from.before(DISORDER)))
                .push(" ORDER BY id DESC LIMIT 1), 0)"),
            None => query.push("CAST(0 AS BIGINT)"),
        };
        match self.to {
            Some(to) => query
                .push(", coalesce((SELECT seq FROM notifications WHERE id >= ")
                .push_bind(least(to.after(DISORDER)))
                .push(" ORDER BY id LIMIT 1), 9223372036854775807)"),
            None => query.push(", 9223372036854775807"),
        };
        Some(query)
    }

    /// Adds the conditions on what was not delivered, in these states.
    pub(super) fn push_undelivered<DB: Dialect>(&self, query: &mut QueryBuilder<DB>, state: Option<State>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let texts = [
            (" AND u.customer = ", self.customer.as_ref().map(Customer::as_str)),
            (" AND u.state = ", state.map(State::as_str)),
            (" AND u.event_type = ", self.event_type.as_deref()),
            (" AND u.reason = ", self.reason.as_deref()),
            (" AND u.outcome = ", self.outcome.as_deref()),
        ];
        push_texts(query, texts);
        if let Some(status) = self.status {
            query.push(" AND u.status = ").push_bind(i64::from(status));
        }
        if let Some(words) = &self.words {
            let (before, after) = DB::MATCHES;
            query.push(before).push_bind(DB::words(words)).push(after);
        }
        self.push_times(query);
    }

    /// Adds the conditions on kinds of dead letters, which know nothing of times and words.
    pub(super) fn push_kind<DB: Dialect>(&self, query: &mut QueryBuilder<DB>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let kind = Self {
            words: None,
            from: None,
            to: None,
            ..self.clone()
        };
        kind.push_undelivered(query, None);
    }

    /// Adds the conditions on notifications.
    pub(super) fn push_all<DB: Database>(&self, query: &mut QueryBuilder<DB>, state: Option<State>)
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let texts = [
            (" AND n.customer = ", self.customer.as_ref().map(Customer::as_str)),
            (" AND n.state = ", state.map(State::as_str)),
            (" AND n.event_type = ", self.event_type.as_deref()),
            (" AND n.reason = ", self.reason.as_deref()),
        ];
        push_texts(query, texts);
        if let Some(status) = self.status {
            query.push(" AND n.status = ").push_bind(i64::from(status));
        }
        self.push_times(query);
    }

    fn push_times<DB: Database>(&self, query: &mut QueryBuilder<DB>)
    where
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let times = [
            (" AND n.accepted_at >= ", self.from),
            (" AND n.accepted_at < ", self.to),
        ];
        for (condition, time) in times {
            if let Some(time) = time {
                query.push(condition).push_bind(time.as_millis());
            }
        }
    }
}

/// Begins a query for rows of a span.
pub(super) fn push_span<DB: Database>(
    query: &mut QueryBuilder<DB>,
    columns: &str,
    from: &str,
    seq: &str,
    span: Span,
) where
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    query
        .push(format!("SELECT {columns} FROM {from} WHERE {seq} < "))
        .push_bind(span.below)
        .push(format!(" AND {seq} > "))
        .push_bind(span.above);
}

fn push_texts<DB: Database, const N: usize>(
    query: &mut QueryBuilder<DB>,
    texts: [(&'static str, Option<&str>); N],
) where
    String: for<'q> Encode<'q, DB> + Type<DB>,
{
    for (condition, text) in texts {
        if let Some(text) = text {
            query.push(condition).push_bind(text.to_owned());
        }
    }
}
