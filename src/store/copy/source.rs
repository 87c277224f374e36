//! The side that is read.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::counts::{self, Counts, Ledger, Prefix};
use super::error::of_source;
use super::row::{self, COLUMNS, Moved};
use super::{CopyError, Limits};
use crate::domain::Timestamp;
use crate::store::check::{Database, either};
use crate::store::clock::machine_now;
use crate::store::fields::Fields;
use crate::store::rows;

/// A store that stays as it is while it is copied.
pub(super) struct Source {
    database: Database,
    /// Until when all queued rows of an embedded store are suspect.
    file_suspect_until: Option<i64>,
}

impl Source {
    pub(super) async fn open(url: &str) -> Result<Self, CopyError> {
        let mut database = Database::for_reading(url).await.map_err(CopyError::Source)?;
        database.be_alone().await.map_err(CopyError::Source)?;
        database.begin_reading().await.map_err(CopyError::Source)?;
        database.check_unused().await.map_err(CopyError::Source)?;
        let file_suspect_until = file_suspect_until(&mut database).await.map_err(of_source)?;
        Ok(Self {
            database,
            file_suspect_until,
        })
    }

    /// Reads what follows after a row, in order of the numbers.
    pub(super) async fn batch(&mut self, after: i64, limits: Limits) -> Result<Vec<Moved>, CopyError> {
        let statements = Statements::of(&self.database);
        either!(&mut self.database, connection => {
            let found = sqlx::query(statements.notifications)
                .bind(after)
                .bind(limits.rows)
                .fetch_all(&mut *connection)
                .await
                .map_err(of_source)?;
            let mut batch = Vec::with_capacity(found.len());
            let mut bytes = 0;
            for row in &found {
                bytes += row.int("size").map_err(of_source)?.unwrap_or_default();
                if bytes > limits.bytes && !batch.is_empty() {
                    break;
                }
                batch.push(self::moved(row, self.file_suspect_until)?);
            }
            let last = batch.last().map_or(after, |row: &Moved| row.seq);
            let events = sqlx::query(statements.events).bind(after).bind(last);
            for row in &events.fetch_all(&mut *connection).await.map_err(of_source)? {
                let seq = rows::int(row, "seq").map_err(of_source)?;
                let body = rows::bytes(row, "body").map_err(|source| CopyError::Row { seq, source })?;
                if let Some(moved) = of(&mut batch, seq) {
                    moved.event = Some(body.to_vec());
                }
            }
            let attempts = sqlx::query(statements.attempts).bind(after).bind(last);
            for row in &attempts.fetch_all(connection).await.map_err(of_source)? {
                let seq = rows::int(row, "seq").map_err(of_source)?;
                let made = row::attempt(row).map_err(|source| CopyError::Row { seq, source })?;
                if let Some(moved) = of(&mut batch, seq) {
                    moved.made.push(made);
                }
            }
            Ok(batch)
        })
    }

    /// Returns the id of a row.
    pub(super) async fn id(&mut self, seq: i64) -> Result<Option<Vec<u8>>, CopyError> {
        let query = "SELECT id FROM notifications WHERE seq = $1";
        either!(&mut self.database, connection => {
            sqlx::query_scalar(query).bind(seq).fetch_optional(connection).await
        })
        .map_err(of_source)
    }

    /// Counts what is there up to a row.
    pub(super) async fn prefix(&mut self, seq: i64) -> Result<Prefix, CopyError> {
        counts::prefix(&mut self.database, seq).await.map_err(of_source)
    }

    pub(super) async fn count(&mut self) -> Result<u64, CopyError> {
        let count = self.database.number("SELECT count(*) FROM notifications").await;
        Ok(u64::try_from(count.map_err(of_source)?).unwrap_or_default())
    }

    pub(super) async fn ledger(&mut self) -> Result<Ledger, CopyError> {
        counts::ledger(&mut self.database).await.map_err(of_source)
    }

    pub(super) async fn counts(&mut self) -> Result<Counts, CopyError> {
        counts::counts(&mut self.database).await.map_err(of_source)
    }

    pub(super) async fn close(self) -> Result<(), CopyError> {
        self.database.close().await.map_err(of_source)
    }

    /// Returns until when everything that is queued is suspect, rather than single rows.
    pub(super) fn all_suspect_until(&self) -> Option<i64> {
        self.file_suspect_until
    }

    /// Returns until when anything that is queued may have been sent without that being recorded.
    pub(super) async fn suspect_until(&mut self) -> Result<Option<i64>, CopyError> {
        match &mut self.database {
            Database::Sqlite { .. } => Ok(self.file_suspect_until),
            Database::Postgres(connection) => {
                let latest = "SELECT max(CASE WHEN q.owner IS NULL THEN n.suspect_at ELSE now_ms() END) \
                              FROM queue AS q JOIN notifications AS n \
                                ON n.customer = q.customer AND n.seq = q.seq";
                let latest = sqlx::query_scalar(latest).fetch_one(connection).await;
                latest.map_err(of_source)
            }
        }
    }
}

/// Reads a row; in an embedded store one moment counts for all that waited before it.
fn moved(row: &impl Fields, file_suspect_until: Option<i64>) -> Result<Moved, CopyError> {
    let seq = rows::int(row, "seq").map_err(of_source)?;
    let mut moved = row::moved(row).map_err(|source| CopyError::Row { seq, source })?;
    if let Some(until) = file_suspect_until
        && moved.state == "queued"
        && moved.accepted_at <= until
    {
        moved.suspect_at = Some(until);
    }
    Ok(moved)
}

/// Finds the row with a number in a batch, which is in order.
fn of(batch: &mut [Moved], seq: i64) -> Option<&mut Moved> {
    let place = batch.binary_search_by_key(&seq, |row| row.seq).ok()?;
    batch.get_mut(place)
}

/// Returns until when a run may have sent what it did not record, as the next one to open the file would.
async fn file_suspect_until(database: &mut Database) -> Result<Option<i64>, sqlx::Error> {
    let Database::Sqlite { connection, .. } = database else {
        return Ok(None);
    };
    let last: Option<(Option<i64>, Option<i64>)> =
        sqlx::query_as("SELECT stopped_at, suspect_until FROM runs ORDER BY run DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    Ok(match last {
        Some((None, _)) => Some(Timestamp::as_millis(machine_now())),
        Some((Some(_), until)) => until,
        None => None,
    })
}

/// What is asked for one batch.
struct Statements {
    notifications: SqlStr,
    events: &'static str,
    attempts: &'static str,
}

impl Statements {
    fn of(database: &Database) -> Self {
        // Nothing but fixed text is in it.
        let fixed = |text: String| AssertSqlSafe(text).into_sql_str();
        match database {
            Database::Sqlite { .. } => Self {
                notifications: fixed(format!(
                    "SELECT {COLUMNS}, NULL AS suspect_at, \
                       (SELECT length(e.body) FROM events AS e WHERE e.seq = n.seq) AS size \
                     FROM notifications AS n WHERE seq > $1 ORDER BY seq LIMIT $2"
                )),
                events: "SELECT seq, body FROM events WHERE seq > $1 AND seq <= $2 ORDER BY seq",
                attempts: "SELECT * FROM attempts WHERE seq > $1 AND seq <= $2 ORDER BY seq, number",
            },
            // What a run that is gone still owns is as suspect as if another had taken it over.
            Database::Postgres(_) => Self {
                notifications: fixed(format!(
                    "SELECT {COLUMNS}, \
                       CASE WHEN EXISTS ( \
                           SELECT 1 FROM queue AS q \
                           WHERE q.customer = n.customer AND q.seq = n.seq AND q.owner IS NOT NULL) \
                         THEN now_ms() ELSE suspect_at END AS suspect_at, \
                       (SELECT octet_length(e.body)::BIGINT FROM events AS e \
                        WHERE e.customer = n.customer AND e.seq = n.seq) AS size \
                     FROM notifications AS n WHERE seq > $1 ORDER BY seq LIMIT $2"
                )),
                events: "SELECT n.seq, e.body FROM notifications AS n JOIN events AS e \
                           ON e.customer = n.customer AND e.seq = n.seq \
                         WHERE n.seq > $1 AND n.seq <= $2",
                attempts: "SELECT a.* FROM notifications AS n JOIN attempts AS a \
                             ON a.customer = n.customer AND a.seq = n.seq \
                           WHERE n.seq > $1 AND n.seq <= $2 ORDER BY a.seq, a.number",
            },
        }
    }
}
