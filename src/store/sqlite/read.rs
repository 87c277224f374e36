//! Look-ups, beside the writer.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::SqlitePool;
use sqlx::{QueryBuilder, Sqlite};

use super::{disk, survey};
use crate::domain::{AccountName, Attempt, Customer, NotificationId, Timestamp};
use crate::store::audit::{AddedUp, Audit, AuditScope, Compared, Pick, Queries, SeriesScope};
use crate::store::key_uses::{KeyUseRows, LastUse};
use crate::store::narrowing::{Dialect, Source};
use crate::store::port::ReadSide;
use crate::store::query::{Filter, Page};
use crate::store::redrive_rows::{RedriveRows, sent_again};
use crate::store::setting_rows::SettingRows;
use crate::store::survey::{SurveyPart, SurveyPlace};
use crate::store::undelivered::{self, DeadQuery};
use crate::store::{
    DeadGroup, DeadLetters, Disk, GroupBy, Narrowing, Record, Redrive, Redrives, SentAgain, Setting,
    SettingChanges, SettingKind, SettingQuery, SettingVersion, StoreError, Totals, rows,
};

/// The questions of an audit, led to the rows by their ids.
const AUDIT: Queries<Sqlite> = Queries::new(" INDEXED BY notifications_by_id", "+n.customer");

/// The reading side of the embedded store.
pub(in crate::store) struct Reader {
    pool: SqlitePool,
    path: PathBuf,
}

impl Reader {
    pub(super) fn new(pool: SqlitePool, path: PathBuf) -> Self {
        Self { pool, path }
    }

    /// Finds the numbers of the rows around the times asked for.
    async fn times(&self, narrowing: &Narrowing) -> Result<Option<(i64, i64)>, sqlx::Error> {
        match narrowing.span_query::<Sqlite>() {
            Some(mut query) => query.build_query_as().fetch_one(&self.pool).await.map(Some),
            None => Ok(None),
        }
    }

    async fn find_page(&self, filter: Filter) -> Result<Page, StoreError> {
        let mut span = filter.span(self.times(&filter.narrowing).await?);
        let bound: Option<i64> = match filter.bound_query::<Sqlite>(span, false) {
            Some(mut query) => query.build_query_scalar().fetch_optional(&self.pool).await?,
            None => None,
        };
        span.above = bound.map_or(span.above, |bound| bound - 1);
        let found = filter.query::<Sqlite>(span).build().fetch_all(&self.pool).await?;
        Ok(filter.page(&found, bound))
    }
}

impl Dialect for Sqlite {
    const OF_CUSTOMER: Source = Source {
        from: "notifications AS n INDEXED BY notifications_by_customer",
        seq: "n.seq",
        join: "",
        looked_at: "notifications INDEXED BY notifications_by_customer",
    };
    const UNDELIVERED: Source = Source {
        from: "undelivered AS u",
        seq: "u.seq",
        join: "CROSS JOIN notifications AS n ON n.seq = u.seq",
        looked_at: "undelivered",
    };
    const UNDELIVERED_OF_CUSTOMER: Source = Source {
        from: "undelivered AS u INDEXED BY undelivered_by_customer",
        seq: "u.seq",
        join: "CROSS JOIN notifications AS n ON n.seq = u.seq",
        looked_at: "undelivered INDEXED BY undelivered_by_customer",
    };
    const BY_WORDS: Source = Source {
        from: "undelivered_words CROSS JOIN undelivered AS u ON u.seq = undelivered_words.rowid",
        seq: "undelivered_words.rowid",
        join: "CROSS JOIN notifications AS n ON n.seq = u.seq",
        looked_at: "undelivered",
    };
    const MATCHES: (&'static str, &'static str) = (" AND undelivered_words MATCH ", "");

    /// Each word is a phrase of its own, so that nothing in it is an operator.
    fn words(text: &str) -> String {
        let phrases = text
            .split_whitespace()
            .map(|word| format!("\"{}\"", word.replace('"', "\"\"")));
        phrases.collect::<Vec<_>>().join(" ")
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

    fn dead_letters(&self, query: DeadQuery) -> BoxFuture<'_, Result<DeadLetters, StoreError>> {
        async move {
            let span = query.span(self.times(&query.narrowing).await?);
            let mut bound = query.bound_query::<Sqlite>(span);
            let bound = bound.build_query_scalar().fetch_optional(&self.pool).await?;
            let mut rows = query.query::<Sqlite>(query.bounded(span, bound));
            let found = rows.build().fetch_all(&self.pool).await?;
            Ok(query.letters(&found, bound)?)
        }
        .boxed()
    }

    fn count_dead(&self, query: DeadQuery) -> BoxFuture<'_, Result<i64, StoreError>> {
        async move {
            let span = query.span(self.times(&query.narrowing).await?);
            let mut count = query.count_query::<Sqlite>(span);
            Ok(count.build_query_scalar().fetch_one(&self.pool).await?)
        }
        .boxed()
    }

    fn dead_groups(
        &self,
        narrowing: Narrowing,
        by: Vec<GroupBy>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<DeadGroup>, StoreError>> {
        async move {
            let mut query = undelivered::groups_query::<Sqlite>(&narrowing, &by, limit);
            let found = query.build().fetch_all(&self.pool).await?;
            let groups = found.iter().map(|row| undelivered::group(row, &by));
            Ok(groups.collect::<Result<_, _>>()?)
        }
        .boxed()
    }

    fn redrives(&self, which: Redrives) -> BoxFuture<'_, Result<Vec<Redrive>, StoreError>> {
        async move {
            let mut connection = self.pool.acquire().await?;
            RedriveRows::<Sqlite>::find(&mut connection, which).await
        }
        .boxed()
    }

    fn sent_again(&self, _: Customer, row: i64) -> BoxFuture<'_, Result<Vec<SentAgain>, StoreError>> {
        async move {
            let query = sqlx::query("SELECT * FROM redriven WHERE seq = ? ORDER BY number");
            let found = query.bind(row).fetch_all(&self.pool).await?;
            Ok(found.iter().map(sent_again).collect::<Result<_, _>>()?)
        }
        .boxed()
    }

    fn settings(&self, which: SettingQuery) -> BoxFuture<'_, Result<Vec<Setting>, StoreError>> {
        async move {
            let mut connection = self.pool.acquire().await?;
            SettingRows::<Sqlite>::find(&mut connection, which).await
        }
        .boxed()
    }

    fn changed_settings(&self, after: i64, limit: u32) -> BoxFuture<'_, Result<SettingChanges, StoreError>> {
        async move {
            let mut connection = self.pool.acquire().await?;
            SettingRows::<Sqlite>::changed(&mut connection, after, limit).await
        }
        .boxed()
    }

    fn setting_versions(
        &self,
        kind: SettingKind,
        name: String,
        before: i64,
    ) -> BoxFuture<'_, Result<Vec<SettingVersion>, StoreError>> {
        async move {
            let mut connection = self.pool.acquire().await?;
            SettingRows::<Sqlite>::versions(&mut connection, kind, name, before).await
        }
        .boxed()
    }

    fn key_uses(&self, names: Vec<String>) -> BoxFuture<'_, Result<Vec<LastUse>, StoreError>> {
        async move {
            let mut connection = self.pool.acquire().await?;
            KeyUseRows::<Sqlite>::find(&mut connection, names).await
        }
        .boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.pool.close().boxed()
    }

    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>> {
        self.find_page(filter).boxed()
    }

    fn totals(&self, customer: Option<Customer>) -> BoxFuture<'_, Result<Totals, StoreError>> {
        async move {
            let mut connection = self.pool.acquire().await?;
            AUDIT.totals(&mut connection, customer).await
        }
        .boxed()
    }

    fn audit(&self, scope: AuditScope) -> BoxFuture<'_, Result<Audit, StoreError>> {
        async move {
            let mut snapshot = self.pool.begin().await?;
            AUDIT.audit(&mut snapshot, &scope).await
        }
        .boxed()
    }

    fn series(&self, scope: SeriesScope) -> BoxFuture<'_, Result<Vec<Totals>, StoreError>> {
        async move {
            let mut connection = self.pool.acquire().await?;
            AUDIT.points(&mut connection, &scope).await
        }
        .boxed()
    }

    fn compare(
        &self,
        minutes: Range<i64>,
        pick: Pick,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Compared, StoreError>> {
        async move {
            let mut snapshot = self.pool.begin().await?;
            AUDIT.compare(&mut snapshot, &minutes, pick, patience).await
        }
        .boxed()
    }

    fn add_up(&self, after: Option<Customer>, limit: u32) -> BoxFuture<'_, Result<AddedUp, StoreError>> {
        async move {
            let mut connection = self.pool.acquire().await?;
            AUDIT.add_up(&mut connection, after.as_ref(), limit).await
        }
        .boxed()
    }

    /// A second process is kept out.
    fn replicas(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        async { Ok(1) }.boxed()
    }

    fn survey(&self, after: SurveyPlace, limit: u32) -> BoxFuture<'_, Result<SurveyPart, StoreError>> {
        async move {
            let mut snapshot = self.pool.begin().await?;
            survey::run(&mut snapshot, &after, limit).await
        }
        .boxed()
    }

    fn disk(&self) -> BoxFuture<'_, Result<Disk, StoreError>> {
        async move {
            let path = self.path.clone();
            let measured = tokio::task::spawn_blocking(move || disk::measure(&path)).await;
            let measured = measured.unwrap_or_else(|ended| Err(std::io::Error::other(ended)));
            Ok(measured.map_err(sqlx::Error::Io)?)
        }
        .boxed()
    }

    fn queued_for(&self, account: AccountName) -> BoxFuture<'_, Result<Option<Customer>, StoreError>> {
        async move {
            let found: Option<String> = sqlx::query_scalar(
                "SELECT customer FROM notifications INDEXED BY notifications_due \
                 WHERE state = 'queued' AND account = ? LIMIT 1",
            )
            .bind(account.as_str().to_owned())
            .fetch_optional(&self.pool)
            .await?;
            Ok(found.and_then(|name| Customer::parse(&name).ok()))
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
