//! The questions in SQL, for either database.

use std::marker::PhantomData;
use std::ops::Range;
use std::time::Duration;

use sqlx::{Database, Encode, QueryBuilder, Type};

use super::{AuditScope, Counted, MOST_ROWS, Pick, RowCounts, SeriesScope};
use crate::domain::{Customer, NotificationId, Timestamp};
use crate::store::fields::Fields;
use crate::store::{Totals, rows};

/// Cells that are added up at most to find out how many rows there are.
const MOST_CELLS: i64 = 100_000;

/// How far an id may be from its row's time of acceptance.
const SLACK: Duration = Duration::from_secs(1);

/// How many rows there must be of what a row of the ledger counts.
const KEPT: &str = "accepted - pruned_delivered - pruned_filtered - pruned_dead - pruned_expired";

/// The questions for one kind of database, each led to the index that fits it.
pub(in crate::store) struct Queries<DB> {
    /// Stands behind `notifications` where that is gone through by the id.
    by_id: &'static str,
    /// The customer of a row that is found by its id.
    customer_of_id: &'static str,
    database: PhantomData<fn() -> DB>,
}

impl<DB> Queries<DB> {
    pub(in crate::store) const fn new(by_id: &'static str, customer_of_id: &'static str) -> Self {
        Self {
            by_id,
            customer_of_id,
            database: PhantomData,
        }
    }
}

impl<DB: Database> Queries<DB>
where
    String: for<'q> Encode<'q, DB> + Type<DB>,
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    /// Adds up the ledger.
    pub(in crate::store) fn ledger(&self, scope: &AuditScope) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new("SELECT ");
        query.push(Totals::sums());
        match &scope.minutes {
            None => {
                query.push(" FROM ledger WHERE TRUE");
                push_customer(&mut query, scope.customer.as_ref());
            }
            Some(minutes) => push_cells(&mut query, scope.customer.as_ref(), minutes),
        }
        query
    }

    /// Asks how many rows would have to be gone through to count them this way, as `weight`.
    pub(in crate::store) fn weight(&self, scope: &AuditScope, way: Counted) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new("SELECT CAST(CASE WHEN count(*) > ");
        query
            .push_bind(MOST_CELLS)
            .push(" THEN ")
            .push_bind(MOST_ROWS + 1);
        query.push(" ELSE coalesce(sum(kept), 0) END AS BIGINT) AS weight FROM (SELECT ");
        query.push(KEPT).push(" AS kept");
        match (&scope.minutes, way) {
            (Some(minutes), Counted::ByTime) => push_cells(&mut query, None, minutes),
            _ => {
                query.push(" FROM ledger WHERE TRUE");
                push_customer(&mut query, scope.customer.as_ref());
            }
        }
        query.push(" LIMIT ").push_bind(MOST_CELLS + 1).push(") AS cells");
        query
    }

    /// Counts rows by state.
    pub(in crate::store) fn rows(&self, scope: &AuditScope, way: Counted) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new(
            "SELECT CAST(n.state AS TEXT) AS state, count(*) AS count FROM notifications AS n",
        );
        let customer = scope.customer.as_ref();
        match (&scope.minutes, way) {
            (Some(minutes), Counted::ByTime) => {
                query.push(self.by_id);
                push_ids(&mut query, &moments(minutes));
                if let Some(customer) = customer {
                    query.push(" AND ").push(self.customer_of_id).push(" = ");
                    query.push_bind(customer.as_str().to_owned());
                }
            }
            _ => {
                query.push(" WHERE TRUE");
                push_customer(&mut query, customer);
            }
        }
        if let Some(minutes) = &scope.minutes {
            push_acceptance(&mut query, minutes);
            // Asked for row by row, which an EXISTS need not be.
            query.push(
                " AND (SELECT 1 FROM ledger_minutes AS m \
                   WHERE m.customer = n.customer AND m.minute = n.accepted_at / 60000 LIMIT 1) IS NOT NULL",
            );
        }
        query.push(" GROUP BY 1");
        query
    }

    /// Adds up the cells of a time step by step; `place` counts the steps from nought on.
    pub(in crate::store) fn series(&self, scope: &SeriesScope) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new("SELECT (minute - ");
        query
            .push_bind(scope.minutes.start)
            .push(") / ")
            .push_bind(scope.step);
        query.push(" AS place, ").push(Totals::sums());
        // Minutes come in order and are added up as they come; only their sums are sorted into points.
        query.push(" FROM (SELECT minute, ").push(Totals::sums());
        push_cells(&mut query, scope.customer.as_ref(), &scope.minutes);
        query.push(" GROUP BY minute) AS minutes GROUP BY 1");
        query
    }

    /// Finds a minute that has cells, as `minute`.
    pub(in crate::store) fn minute(&self, minutes: &Range<i64>, pick: Pick) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new(match pick {
            Pick::Oldest => "SELECT min(minute) AS minute",
            Pick::Newest => "SELECT max(minute) AS minute",
        });
        push_cells(&mut query, None, minutes);
        query
    }

    /// Reads the cells of a minute, slots added up.
    pub(in crate::store) fn cells(&self, minute: i64) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new("SELECT customer, ");
        query.push(Totals::sums());
        push_cells(&mut query, None, &(minute..minute + 1));
        query.push(" GROUP BY customer");
        query
    }

    /// Counts the rows of a minute whose ids lie between these moments, by customer and state.
    pub(in crate::store) fn rows_of(&self, minute: i64, ids: &Range<Timestamp>) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new(
            "SELECT n.customer AS customer, CAST(n.state AS TEXT) AS state, count(*) AS count \
             FROM notifications AS n",
        );
        query.push(self.by_id);
        push_ids(&mut query, ids);
        push_acceptance(&mut query, &(minute..minute + 1));
        query.push(" GROUP BY 1, 2");
        query
    }

    /// Reads what the ledger says of up to `limit` customers after `after`, in order.
    pub(in crate::store) fn customers(&self, after: Option<&Customer>, limit: u32) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new("SELECT customer, ");
        query.push(Totals::sums()).push(" FROM ledger WHERE customer > ");
        query.push_bind(after.map_or("", Customer::as_str).to_owned());
        query.push(" GROUP BY customer ORDER BY customer LIMIT ");
        query.push_bind(i64::from(limit));
        query
    }
}

fn push_cells<DB: Database>(query: &mut QueryBuilder<DB>, customer: Option<&Customer>, minutes: &Range<i64>)
where
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    query
        .push(" FROM ledger_minutes WHERE minute >= ")
        .push_bind(minutes.start);
    query.push(" AND minute < ").push_bind(minutes.end);
    push_customer(query, customer);
}

fn push_customer<DB: Database>(query: &mut QueryBuilder<DB>, customer: Option<&Customer>)
where
    String: for<'q> Encode<'q, DB> + Type<DB>,
{
    if let Some(customer) = customer {
        query
            .push(" AND customer = ")
            .push_bind(customer.as_str().to_owned());
    }
}

fn push_ids<DB: Database>(query: &mut QueryBuilder<DB>, ids: &Range<Timestamp>)
where
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
{
    let least = |moment| NotificationId::least_at(moment).as_bytes().to_vec();
    query.push(" WHERE n.id >= ").push_bind(least(ids.start));
    query.push(" AND n.id < ").push_bind(least(ids.end));
}

fn push_acceptance<DB: Database>(query: &mut QueryBuilder<DB>, minutes: &Range<i64>)
where
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let at = |minute| Timestamp::of_minute(minute).as_millis();
    query.push(" AND n.accepted_at >= ").push_bind(at(minutes.start));
    query.push(" AND n.accepted_at < ").push_bind(at(minutes.end));
}

/// Between which moments the ids lie of what was accepted in these minutes.
pub(super) fn moments(minutes: &Range<i64>) -> Range<Timestamp> {
    Timestamp::of_minute(minutes.start).before(SLACK)..Timestamp::of_minute(minutes.end).after(SLACK)
}

impl AuditScope {
    /// The ways in which the rows may be counted, the surest first.
    pub(in crate::store) fn ways(&self) -> &'static [Counted] {
        match (&self.minutes, &self.customer) {
            (None, _) => &[Counted::All],
            (Some(_), None) => &[Counted::ByTime],
            (Some(_), Some(_)) => &[Counted::All, Counted::ByTime],
        }
    }
}

impl RowCounts {
    /// Reads counts by state.
    pub(in crate::store) fn read(found: &[impl Fields]) -> Result<Self, sqlx::Error> {
        let mut counts = Self::default();
        for row in found {
            counts.add(rows::named(row, "state").ok(), rows::int(row, "count")?);
        }
        Ok(counts)
    }
}
