//! Queries over what was not delivered, as either database takes them.

use sqlx::{Encode, QueryBuilder, Type};

use super::fields::Fields;
use super::narrowing::{Dialect, Source, Span, push_span};
use super::redrive::{DeadGroup, DeadLetters, GroupBy};
use super::{Narrowing, rows};
use crate::domain::{Customer, Reason, State, Timestamp};

/// Rows that one look for dead letters takes in at most.
const LOOKED_AT: i64 = 10_000;

/// Which dead letters are looked for.
#[derive(Debug, Clone)]
pub struct DeadQuery {
    /// What they are narrowed by.
    pub narrowing: Narrowing,
    /// Dead since then at the latest.
    pub died_by: Timestamp,
    /// The last row of the look before.
    pub after: Option<i64>,
    /// Whether the newest come first.
    pub newest_first: bool,
    /// How many at most.
    pub limit: u32,
    /// Whether those whose rows cannot be read are among them.
    pub unreadable: bool,
}

impl DeadQuery {
    fn source<DB: Dialect>(&self) -> Source {
        match (&self.narrowing.words, &self.narrowing.customer) {
            (Some(_), _) => DB::BY_WORDS,
            (None, Some(_)) => DB::UNDELIVERED_OF_CUSTOMER,
            (None, None) => DB::UNDELIVERED,
        }
    }

    pub(super) fn span(&self, times: Option<(i64, i64)>) -> Span {
        let (above, below) = times.unwrap_or((0, i64::MAX));
        match (self.after, self.newest_first) {
            (None, _) => Span { above, below },
            (Some(after), true) => Span {
                above,
                below: below.min(after),
            },
            (Some(after), false) => Span {
                above: above.max(after),
                below,
            },
        }
    }

    const fn order(&self) -> &'static str {
        if self.newest_first { "DESC" } else { "ASC" }
    }

    /// Makes the query for the number of the last row that is looked at.
    pub(super) fn bound_query<DB: Dialect>(&self, span: Span) -> QueryBuilder<DB>
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let table = self.source::<DB>().looked_at;
        let mut query = QueryBuilder::new(format!("SELECT seq FROM {table} WHERE seq < "));
        query
            .push_bind(span.below)
            .push(" AND seq > ")
            .push_bind(span.above);
        // Words lead to rows of all customers.
        if let Some(customer) = &self.narrowing.customer
            && self.narrowing.words.is_none()
        {
            query
                .push(" AND customer = ")
                .push_bind(customer.as_str().to_owned());
        }
        query
            .push(format!(" ORDER BY seq {} LIMIT 1 OFFSET ", self.order()))
            .push_bind(LOOKED_AT - 1);
        query
    }

    /// Narrows a span to what is looked at.
    pub(super) fn bounded(&self, span: Span, bound: Option<i64>) -> Span {
        match bound {
            None => span,
            Some(bound) if self.newest_first => Span {
                above: bound - 1,
                ..span
            },
            Some(bound) => Span {
                below: bound + 1,
                ..span
            },
        }
    }

    /// Makes the query for the rows.
    pub(super) fn query<DB: Dialect>(&self, span: Span) -> QueryBuilder<DB>
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let seq = self.source::<DB>().seq;
        let mut query = self.from::<DB>("u.customer AS customer, u.seq AS seq", span);
        query
            .push(format!(" ORDER BY {seq} {} LIMIT ", self.order()))
            .push_bind(i64::from(self.limit));
        query
    }

    /// Makes the query for how many there are.
    pub(super) fn count_query<DB: Dialect>(&self, span: Span) -> QueryBuilder<DB>
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        self.from("count(*)", span)
    }

    fn from<DB: Dialect>(&self, columns: &str, span: Span) -> QueryBuilder<DB>
    where
        String: for<'q> Encode<'q, DB> + Type<DB>,
        i64: for<'q> Encode<'q, DB> + Type<DB>,
    {
        let Source { from, seq, join, .. } = self.source::<DB>();
        let join = if self.narrowing.has_times() { join } else { "" };
        let mut query = QueryBuilder::new("");
        push_span(&mut query, columns, &format!("{from} {join}"), seq, span);
        query
            .push(" AND u.settled_at <= ")
            .push_bind(self.died_by.as_millis());
        if !self.unreadable {
            query
                .push(" AND u.reason <> ")
                .push_bind(Reason::Unreadable.as_str().to_owned());
        }
        self.narrowing.push_undelivered(&mut query, Some(State::Dead));
        query
    }

    /// Makes dead letters of the rows that were found, none of them beyond `bound`.
    pub(super) fn letters<R: Fields>(
        &self,
        found: &[R],
        bound: Option<i64>,
    ) -> Result<DeadLetters, sqlx::Error> {
        let mut letters = DeadLetters::default();
        let mut last = None;
        for row in found {
            let seq = rows::int(row, "seq")?;
            last = Some(seq);
            // One whose name cannot be read is set aside by whoever claims; nothing can be sent for it.
            if let Ok(customer) = Customer::parse(rows::text(row, "customer")?) {
                letters.rows.push((customer, seq));
            }
        }
        let full = found.len() >= self.limit as usize;
        letters.cursor = if full { last } else { bound.or(last) };
        letters.more = full || bound.is_some();
        Ok(letters)
    }
}

/// Makes the query for groups of dead letters, the largest first.
pub(super) fn groups_query<DB: Dialect>(narrowing: &Narrowing, by: &[GroupBy], limit: u32) -> QueryBuilder<DB>
where
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let columns: String = by.iter().map(|by| format!("{}, ", by.column())).collect();
    let numbers: Vec<String> = (1..=by.len()).map(|number| number.to_string()).collect();
    // Each kind is in several rows where replicas count apart, and in one of none where all were sent again.
    let mut query = QueryBuilder::new(format!(
        "SELECT {columns}CAST(sum(dead) AS BIGINT) AS dead, min(first_at) AS first_at, max(last_at) AS last_at \
         FROM (SELECT customer, event_type, reason, status, outcome, CAST(sum(dead) AS BIGINT) AS dead, \
           min(first_at) AS first_at, max(last_at) AS last_at FROM dead_groups AS u WHERE TRUE"
    ));
    narrowing.push_kind(&mut query);
    query.push(" GROUP BY customer, event_type, reason, status, outcome HAVING sum(dead) > 0) AS kinds");
    if !numbers.is_empty() {
        query.push(format!(" GROUP BY {}", numbers.join(", ")));
    }
    query.push(format!(" HAVING sum(dead) > 0 ORDER BY {} DESC", by.len() + 1));
    if !numbers.is_empty() {
        query.push(format!(", {}", numbers.join(", ")));
    }
    query.push(" LIMIT ").push_bind(i64::from(limit));
    query
}

/// Reads a group.
pub(super) fn group(row: &impl Fields, by: &[GroupBy]) -> Result<DeadGroup, sqlx::Error> {
    let mut group = DeadGroup {
        dead: rows::int(row, "dead")?,
        first_at: Timestamp::from_millis(rows::int(row, "first_at")?),
        last_at: Timestamp::from_millis(rows::int(row, "last_at")?),
        ..DeadGroup::default()
    };
    for by in by {
        let text = || rows::text(row, by.column()).map(|text| Some(text.to_owned()));
        match by {
            GroupBy::Customer => group.customer = text()?,
            GroupBy::Reason => group.reason = text()?,
            GroupBy::Outcome => group.outcome = text()?,
            GroupBy::Type => group.event_type = text()?,
            GroupBy::Status => group.status = row.int("status")?,
        }
    }
    Ok(group)
}
