//! Look-ups, beside the writer.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::SqlitePool;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::rows;
use crate::domain::{Attempt, Customer, NotificationId, Timestamp};
use crate::store::port::ReadSide;
use crate::store::query::{Cursor, Filter, Page};
use crate::store::{Record, StoreError, Totals};

/// The reading side of the embedded store.
pub(in crate::store) struct Reader {
    pool: SqlitePool,
}

impl Reader {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    async fn find_page(&self, filter: Filter) -> Result<Page, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
        query
            .push(rows::RECORD_COLUMNS)
            .push(" FROM notifications WHERE 1");
        if let Some(event_id) = filter.event_id {
            query.push(" AND (event_key = ").push_bind(event_id.clone());
            query
                .push(" OR (event_id <> event_key AND event_id = ")
                .push_bind(event_id)
                .push("))");
        }
        if let Some(customer) = filter.customer {
            query
                .push(" AND customer = ")
                .push_bind(customer.as_str().to_owned());
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.as_str());
        }
        if let Some(event_type) = filter.event_type {
            query.push(" AND event_type = ").push_bind(event_type);
        }
        if let Some(from) = filter.from {
            query.push(" AND accepted_at >= ").push_bind(from.as_millis());
        }
        if let Some(to) = filter.to {
            query.push(" AND accepted_at < ").push_bind(to.as_millis());
        }
        if let Some(Cursor(row)) = filter.cursor {
            query.push(" AND seq < ").push_bind(row);
        }
        query
            .push(" ORDER BY seq DESC LIMIT ")
            .push_bind(i64::from(filter.limit) + 1);
        let found = query.build().fetch_all(&self.pool).await?;
        let more = found.len() > filter.limit as usize;
        let mut records = Vec::new();
        let mut last = None;
        for row in found.iter().take(filter.limit as usize) {
            last = Some(row.try_get("seq")?);
            match rows::record(row) {
                Ok(record) => records.push(record),
                // The claim sets it aside and says so; a list goes on without it.
                Err(error) => log::warn!(error:err, row = last; "a stored notification cannot be shown"),
            }
        }
        Ok(Page {
            records,
            next: last.filter(|_| more).map(Cursor),
        })
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

    fn event(&self, row: i64) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        async move {
            let query = sqlx::query_scalar("SELECT body FROM events WHERE seq = ?");
            Ok(query.bind(row).fetch_optional(&self.pool).await?)
        }
        .boxed()
    }

    fn attempts(&self, row: i64) -> BoxFuture<'_, Result<Vec<Attempt>, StoreError>> {
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
            let sum = |column: usize| row.try_get::<Option<i64>, _>(column).map(Option::unwrap_or_default);
            Ok(Totals {
                accepted: sum(0)?,
                duplicates: sum(1)?,
                queued: sum(2)?,
                delivered: sum(3)?,
                filtered: sum(4)?,
                dead: sum(5)?,
                expired: sum(6)?,
                retries: sum(7)?,
                failed_attempts: sum(8)?,
            })
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
