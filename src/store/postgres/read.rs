//! Look-ups, beside the writer.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::postgres::Postgres;
use sqlx::{QueryBuilder, Row};

use super::pool::Pool;
use crate::domain::{Attempt, Customer, NotificationId, Timestamp};
use crate::store::port::ReadSide;
use crate::store::query::{Filter, Page};
use crate::store::{Record, StoreError, Totals, rows};

/// The reading side of the shared store.
pub(in crate::store) struct Reader {
    pool: Pool,
}

impl Reader {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }
}

impl ReadSide for Reader {
    fn find(&self, id: NotificationId) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let mut query = QueryBuilder::<Postgres>::new("SELECT ");
                query
                    .push(rows::RECORD_COLUMNS)
                    .push(" FROM notifications WHERE id = ");
                query.push_bind(id.as_bytes().to_vec());
                let found = query.build().fetch_optional(connection).await?;
                Ok(found.as_ref().map(rows::record).transpose()?)
            }
            .boxed()
        })
    }

    fn event(&self, customer: Customer, row: i64) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let query = sqlx::query_scalar("SELECT body FROM events WHERE customer = $1 AND seq = $2");
                let query = query.bind(customer.as_str().to_owned()).bind(row);
                Ok(query.fetch_optional(connection).await?)
            }
            .boxed()
        })
    }

    fn attempts(&self, customer: Customer, row: i64) -> BoxFuture<'_, Result<Vec<Attempt>, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let query =
                    sqlx::query("SELECT * FROM attempts WHERE customer = $1 AND seq = $2 ORDER BY number");
                let query = query.bind(customer.as_str().to_owned()).bind(row);
                let found = query.fetch_all(connection).await?;
                Ok(found.iter().map(rows::attempt).collect::<Result<_, _>>()?)
            }
            .boxed()
        })
    }

    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let found = filter.query::<Postgres>().build().fetch_all(connection).await?;
                Ok(filter.page(&found))
            }
            .boxed()
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.pool.close().boxed()
    }

    fn totals(&self) -> BoxFuture<'_, Result<Totals, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let sums = sqlx::query(
                    "SELECT sum(accepted)::BIGINT, sum(duplicates)::BIGINT, sum(queued)::BIGINT, \
                 sum(delivered)::BIGINT, sum(filtered)::BIGINT, sum(dead)::BIGINT, sum(expired)::BIGINT, \
                 sum(retries)::BIGINT, sum(failed_attempts)::BIGINT FROM ledger",
                )
                .fetch_one(connection)
                .await?;
                Ok(Totals::of(|column| sums.try_get(column))?)
            }
            .boxed()
        })
    }

    fn waiting_customers(
        &self,
        after: Option<Customer>,
        _: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Customer, bool)>, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                // Steps from customer to customer through the index of what can be claimed.
                let found: Vec<(String, bool)> = sqlx::query_as(
                    "WITH RECURSIVE step (customer) AS ( \
                   (SELECT customer FROM queue \
                    WHERE owner IS NULL AND customer > $1 ORDER BY customer LIMIT 1) \
                   UNION ALL \
                   SELECT (SELECT q.customer FROM queue AS q \
                           WHERE q.owner IS NULL AND q.customer > step.customer \
                           ORDER BY q.customer LIMIT 1) \
                   FROM step WHERE step.customer IS NOT NULL) \
                 SELECT customer, EXISTS ( \
                   SELECT 1 FROM queue AS q WHERE q.owner IS NULL AND q.customer = step.customer \
                     AND q.due_at <= now_ms()) \
                 FROM step WHERE customer IS NOT NULL LIMIT $2",
                )
                .bind(after.as_ref().map_or("", Customer::as_str).to_owned())
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
                // One name that cannot be read must not hide the others.
                let readable = |(name, due): &(String, bool)| Some((Customer::parse(name).ok()?, *due));
                Ok(found.iter().filter_map(readable).collect())
            }
            .boxed()
        })
    }
}
