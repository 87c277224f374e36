//! Look-ups, beside the writer.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::SqlitePool;
use sqlx::{QueryBuilder, Row, Sqlite};

use crate::domain::{Attempt, Customer, NotificationId, Timestamp};
use crate::store::port::ReadSide;
use crate::store::query::{Filter, Page};
use crate::store::{Record, StoreError, Totals, rows};

/// The reading side of the embedded store.
pub(in crate::store) struct Reader {
    pool: SqlitePool,
}

impl Reader {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    async fn find_page(&self, filter: Filter) -> Result<Page, StoreError> {
        let mut query = filter.query::<Sqlite>();
        let found = query.build().fetch_all(&self.pool).await?;
        Ok(filter.page(&found))
    }
}

impl ReadSide for Reader {
    fn find(&self, id: NotificationId) -> BoxFuture<'_, Result<Option<Record>, StoreError>> {
        async move {
            let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
            query
                .push(rows::RECORD_COLUMNS)
                .push(" FROM notifications WHERE id = ");
            query.push_bind(id.as_bytes().to_vec());
            let found = query.build().fetch_optional(&self.pool).await?;
            Ok(found.as_ref().map(rows::record).transpose()?)
        }
        .boxed()
    }

    fn event(&self, _: Customer, row: i64) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        async move {
            let query = sqlx::query_scalar("SELECT body FROM events WHERE seq = ?");
            Ok(query.bind(row).fetch_optional(&self.pool).await?)
        }
        .boxed()
    }

    fn attempts(&self, _: Customer, row: i64) -> BoxFuture<'_, Result<Vec<Attempt>, StoreError>> {
        async move {
            let query = sqlx::query("SELECT * FROM attempts WHERE seq = ? ORDER BY number");
            let found = query.bind(row).fetch_all(&self.pool).await?;
            Ok(found.iter().map(rows::attempt).collect::<Result<_, _>>()?)
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.pool.close().boxed()
    }

    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.find_page(filter).boxed()
    }

    fn totals(&self) -> BoxFuture<'_, Result<Totals, StoreError>> {
        async move {
            let row = sqlx::query(
                "SELECT sum(accepted), sum(duplicates), sum(queued), sum(delivered), sum(filtered), sum(dead), \
                 sum(expired), sum(retries), sum(failed_attempts) FROM ledger",
            )
            .fetch_one(&self.pool)
            .await?;
            Ok(Totals::of(|column| row.try_get(column))?)
        }
        .boxed()
    }

    fn waiting_customers(
        &self,
        after: Option<Customer>,
        now: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Customer, bool)>, StoreError>> {
        async move {
            // Steps from customer to customer through the index of what is queued.
            let found: Vec<(Vec<u8>, bool)> = sqlx::query_as(
                "WITH RECURSIVE step (customer) AS ( \
                   SELECT (SELECT customer FROM notifications INDEXED BY notifications_due \
                           WHERE state = 'queued' AND customer > ?1 ORDER BY customer LIMIT 1) \
                   UNION ALL \
                   SELECT (SELECT n.customer FROM notifications AS n INDEXED BY notifications_due \
                           WHERE n.state = 'queued' AND n.customer > step.customer ORDER BY n.customer LIMIT 1) \
                   FROM step WHERE step.customer IS NOT NULL LIMIT ?3) \
                 SELECT CAST(customer AS BLOB), EXISTS ( \
                   SELECT 1 FROM notifications AS n INDEXED BY notifications_due \
                   WHERE n.state = 'queued' AND n.customer = step.customer AND n.due_at <= ?2) \
                 FROM step WHERE customer IS NOT NULL",
            )
            .bind(after.as_ref().map_or("", Customer::as_str).to_owned())
            .bind(now.as_millis())
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
            // One name that cannot be read must not hide the others.
            let readable = |(name, due): &(Vec<u8>, bool)| {
                let name = std::str::from_utf8(name).ok()?;
                Some((Customer::parse(name).ok()?, *due))
            };
            Ok(found.iter().filter_map(readable).collect())
        }
        .boxed()
    }
}
