//! Look-ups, beside the writer.

use std::ops::Range;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnection, Postgres};
use sqlx::{Connection, QueryBuilder};

use super::audit::{self, QUERIES};
use super::pool::Pool;
use super::survey;
use crate::domain::{AccountName, Attempt, Customer, NotificationId, Timestamp};
use crate::store::audit::{AddedUp, Audit, AuditScope, Compared, Pick, SeriesScope};
use crate::store::key_uses::{KeyUseRows, LastUse};
use crate::store::narrowing::{ALL, Dialect, Source};
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

/// Rows that are read and sorted to find a page by words.
const FEW: i64 = 5000;

/// The reading side of the shared store.
pub(in crate::store) struct Reader {
    pool: Pool,
}

impl Reader {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }
}

/// Leads the server to the words where few rows have them, and along the rows where many do: of words that are
/// not common it knows nothing, and takes them for less rare than they are. Tells whether many have them, where
/// words are asked for.
async fn lead(connection: &mut PgConnection, filter: &Filter) -> Result<Option<bool>, sqlx::Error> {
    let Some(words) = &filter.narrowing.words else {
        return Ok(None);
    };
    let found: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM ( \
           SELECT 1 FROM undelivered WHERE lexemes @@ plainto_tsquery('simple', $1) LIMIT $2) AS found",
    )
    .bind(Postgres::words(words))
    .bind(FEW + 1)
    .fetch_one(&mut *connection)
    .await?;
    let many = found > FEW;
    let way = if many {
        "SET LOCAL enable_bitmapscan = off"
    } else {
        "SET LOCAL enable_indexscan = off"
    };
    sqlx::query(way).execute(connection).await?;
    Ok(Some(many))
}

/// Finds the numbers of the rows around the times asked for.
async fn times(
    connection: &mut PgConnection,
    narrowing: &Narrowing,
) -> Result<Option<(i64, i64)>, sqlx::Error> {
    match narrowing.span_query::<Postgres>() {
        Some(mut query) => query.build_query_as().fetch_one(connection).await.map(Some),
        None => Ok(None),
    }
}

impl Dialect for Postgres {
    const OF_CUSTOMER: Source = ALL;
    const UNDELIVERED: Source = Source {
        from: "undelivered AS u",
        seq: "u.seq",
        join: "JOIN notifications AS n ON n.customer = u.customer AND n.seq = u.seq",
        looked_at: "undelivered",
    };
    const UNDELIVERED_OF_CUSTOMER: Source = Self::UNDELIVERED;
    const BY_WORDS: Source = Self::UNDELIVERED;
    const MATCHES: (&'static str, &'static str) = (" AND u.lexemes @@ plainto_tsquery('simple', ", ")");

    fn words(text: &str) -> String {
        text.replace('\0', " ")
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
                let mut transaction = connection.begin().await?;
                let mut span = filter.span(times(&mut transaction, &filter.narrowing).await?);
                let many = lead(&mut transaction, &filter).await?;
                let bound: Option<i64> = match filter.bound_query::<Postgres>(span, many == Some(true)) {
                    // Few rows can all be looked at.
                    Some(mut query) if many != Some(false) => {
                        let query = query.build_query_scalar();
                        query.fetch_optional(&mut *transaction).await?
                    }
                    _ => None,
                };
                span.above = bound.map_or(span.above, |bound| bound - 1);
                // Planned for these very values: which index is best depends on them.
                let mut query = filter.query::<Postgres>(span);
                let query = query.build().persistent(false);
                let found = query.fetch_all(&mut *transaction).await?;
                transaction.commit().await?;
                Ok(filter.page(&found, bound))
            }
            .boxed()
        })
    }

    fn dead_letters(&self, query: DeadQuery) -> BoxFuture<'_, Result<DeadLetters, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let span = query.span(times(connection, &query.narrowing).await?);
                let mut bound = query.bound_query::<Postgres>(span);
                let bound = bound
                    .build_query_scalar()
                    .fetch_optional(&mut *connection)
                    .await?;
                let mut rows = query.query::<Postgres>(query.bounded(span, bound));
                let found = rows.build().persistent(false).fetch_all(connection).await?;
                Ok(query.letters(&found, bound)?)
            }
            .boxed()
        })
    }

    fn count_dead(&self, query: DeadQuery) -> BoxFuture<'_, Result<i64, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let span = query.span(times(connection, &query.narrowing).await?);
                let mut count = query.count_query::<Postgres>(span);
                Ok(count.build_query_scalar().fetch_one(connection).await?)
            }
            .boxed()
        })
    }

    fn dead_groups(
        &self,
        narrowing: Narrowing,
        by: Vec<GroupBy>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<DeadGroup>, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let mut query = undelivered::groups_query::<Postgres>(&narrowing, &by, limit);
                let found = query.build().fetch_all(connection).await?;
                let groups = found.iter().map(|row| undelivered::group(row, &by));
                Ok(groups.collect::<Result<_, _>>()?)
            }
            .boxed()
        })
    }

    fn redrives(&self, which: Redrives) -> BoxFuture<'_, Result<Vec<Redrive>, StoreError>> {
        self.pool
            .ask(move |connection| RedriveRows::<Postgres>::find(connection, which).boxed())
    }

    fn sent_again(&self, customer: Customer, row: i64) -> BoxFuture<'_, Result<Vec<SentAgain>, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let query =
                    sqlx::query("SELECT * FROM redriven WHERE customer = $1 AND seq = $2 ORDER BY number");
                let query = query.bind(customer.as_str().to_owned()).bind(row);
                let found = query.fetch_all(connection).await?;
                Ok(found.iter().map(sent_again).collect::<Result<_, _>>()?)
            }
            .boxed()
        })
    }

    fn settings(&self, which: SettingQuery) -> BoxFuture<'_, Result<Vec<Setting>, StoreError>> {
        self.pool
            .ask(move |connection| SettingRows::<Postgres>::find(connection, which).boxed())
    }

    fn changed_settings(&self, after: i64, limit: u32) -> BoxFuture<'_, Result<SettingChanges, StoreError>> {
        self.pool
            .ask(move |connection| SettingRows::<Postgres>::changed(connection, after, limit).boxed())
    }

    fn setting_versions(
        &self,
        kind: SettingKind,
        name: String,
        before: i64,
    ) -> BoxFuture<'_, Result<Vec<SettingVersion>, StoreError>> {
        self.pool
            .ask(move |connection| SettingRows::<Postgres>::versions(connection, kind, name, before).boxed())
    }

    fn key_uses(&self, names: Vec<String>) -> BoxFuture<'_, Result<Vec<LastUse>, StoreError>> {
        self.pool
            .ask(move |connection| KeyUseRows::<Postgres>::find(connection, names).boxed())
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.pool.close().boxed()
    }

    fn totals(&self, customer: Option<Customer>) -> BoxFuture<'_, Result<Totals, StoreError>> {
        self.pool
            .ask(move |connection| QUERIES.totals(connection, customer).boxed())
    }

    fn audit(&self, scope: AuditScope) -> BoxFuture<'_, Result<Audit, StoreError>> {
        self.pool
            .ask_snapshot(move |snapshot| async move { QUERIES.audit(snapshot, &scope).await }.boxed())
    }

    fn series(&self, scope: SeriesScope) -> BoxFuture<'_, Result<Vec<Totals>, StoreError>> {
        self.pool
            .ask(move |connection| async move { QUERIES.points(connection, &scope).await }.boxed())
    }

    fn compare(
        &self,
        minutes: Range<i64>,
        pick: Pick,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Compared, StoreError>> {
        self.pool.ask_snapshot(move |snapshot| {
            async move { audit::compare(snapshot, &minutes, pick, patience).await }.boxed()
        })
    }

    fn add_up(&self, after: Option<Customer>, limit: u32) -> BoxFuture<'_, Result<AddedUp, StoreError>> {
        self.pool.ask(move |connection| {
            async move { QUERIES.add_up(connection, after.as_ref(), limit).await }.boxed()
        })
    }

    fn replicas(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.pool.ask(|connection| {
            async move {
                let alive: i64 =
                    sqlx::query_scalar("SELECT count(*) FROM replicas WHERE ends_at >= now_ms()")
                        .fetch_one(connection)
                        .await?;
                Ok(u64::try_from(alive).unwrap_or_default())
            }
            .boxed()
        })
    }

    fn survey(&self, after: SurveyPlace, limit: u32) -> BoxFuture<'_, Result<SurveyPart, StoreError>> {
        self.pool
            .ask(move |connection| async move { survey::run(connection, &after, limit).await }.boxed())
    }

    fn disk(&self) -> BoxFuture<'_, Result<Disk, StoreError>> {
        self.pool.ask(|connection| survey::disk(connection).boxed())
    }

    fn queued_for(&self, account: AccountName) -> BoxFuture<'_, Result<Option<Customer>, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let found: Option<String> = sqlx::query_scalar(
                    "SELECT n.customer FROM queue AS q \
                     JOIN notifications AS n ON n.customer = q.customer AND n.seq = q.seq \
                     WHERE n.account = $1 LIMIT 1",
                )
                .bind(account.as_str().to_owned())
                .fetch_optional(connection)
                .await?;
                Ok(found.and_then(|name| Customer::parse(&name).ok()))
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
