//! Look-ups, beside the writer.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgPool, Postgres};
use sqlx::{QueryBuilder, Row};

use crate::domain::{Attempt, Customer, NotificationId, Timestamp};
use crate::store::port::ReadSide;
use crate::store::query::{Filter, Page};
use crate::store::{Record, StoreError, Totals, rows};

/// The reading side of the shared store.
pub(in crate::store) struct Reader {
    pool: PgPool,
}

impl Reader {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

impl ReadSide for Reader {
    fn find(&self, id: NotificationId) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        async move {
            let mut query = QueryBuilder::<Postgres>::new("SELECT ");
            query
                .push(rows::RECORD_COLUMNS)
                .push(" FROM notifications WHERE id = ");
            query.push_bind(id.as_bytes().to_vec());
            let found = query.build().fetch_optional(&self.pool).await?;
            Ok(found.as_ref().map(rows::record).transpose()?)
        }
        .boxed()
    }

    fn event(&self, customer: Customer, row: i64) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        async move {
            let query = sqlx::query_scalar("SELECT body FROM events WHERE customer = $1 AND seq = $2");
            let query = query.bind(customer.as_str().to_owned()).bind(row);
            Ok(query.fetch_optional(&self.pool).await?)
        }
        .boxed()
    }

    fn attempts(&self, customer: Customer, row: i64) -> BoxFuture<'_, Result<Vec<Attempt>, StoreError>> {
        async move {
            let query =
                sqlx::query("SELECT * FROM attempts WHERE customer = $1 AND seq = $2 ORDER BY number");
            let query = query.bind(customer.as_str().to_owned()).bind(row);
            let found = query.fetch_all(&self.pool).await?;
            Ok(found.iter().map(rows::attempt).collect::<Result<_, _>>()?)
        }
        .boxed()
    }

    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>> {
        async move {
            let found = filter.query::<Postgres>().build().fetch_all(&self.pool).await?;
            Ok(filter.page(&found))
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.pool.close().boxed()
    }

    fn totals(&self) -> BoxFuture<'_, Result<Totals, StoreError>> {
        async move {
            let sums = sqlx::query(
                "SELECT sum(accepted)::BIGINT, sum(duplicates)::BIGINT, sum(queued)::BIGINT, \
                 sum(delivered)::BIGINT, sum(filtered)::BIGINT, sum(dead)::BIGINT, sum(expired)::BIGINT, \
                 sum(retries)::BIGINT, sum(failed_attempts)::BIGINT FROM ledger",
            )
            .fetch_one(&self.pool)
            .await?;
            Ok(Totals::of(|column| sums.try_get(column))?)
        }
        .boxed()
    }

    fn waiting_customers(
        &self,
        after: Option<Customer>,
        _: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Customer, bool)>, StoreError>> {
        async move {
            // Steps from customer to customer through the index of what can be claimed.
            let found: Vec<(String, bool)> = sqlx::query_as(
                "WITH RECURSIVE step (customer) AS ( \
                   (SELECT customer FROM notifications \
                    WHERE state = 'queued' AND owner IS NULL AND customer > $1 ORDER BY customer LIMIT 1) \
                   UNION ALL \
                   SELECT (SELECT n.customer FROM notifications AS n \
                           WHERE n.state = 'queued' AND n.owner IS NULL AND n.customer > step.customer \
                           ORDER BY n.customer LIMIT 1) \
                   FROM step WHERE step.customer IS NOT NULL) \
                 SELECT customer, EXISTS ( \
                   SELECT 1 FROM notifications AS n WHERE n.state = 'queued' AND n.owner IS NULL \
                     AND n.customer = step.customer AND n.due_at <= now_ms()) \
                 FROM step WHERE customer IS NOT NULL LIMIT $2",
            )
            .bind(after.as_ref().map_or("", Customer::as_str).to_owned())
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
            // One name that cannot be read must not hide the others.
            let readable = |(name, due): &(String, bool)| Some((Customer::parse(name).ok()?, *due));
            Ok(found.iter().filter_map(readable).collect())
        }
        .boxed()
    }
}
