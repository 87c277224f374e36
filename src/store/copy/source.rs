//! The side that is read.

use futures_util::TryStreamExt;

use super::counts::{self, Counts, Ledger, Prefix, Settings};
use super::error::of_source;
use super::rows::{Readable, Rows};
use super::table::{BELONGINGS, NOTIFICATIONS, Table};
use super::{CopyError, Limits};
use crate::domain::Timestamp;
use crate::store::check::{Database, either};
use crate::store::clock::machine_now;
use crate::store::fields::Fields;
use crate::store::rows;

/// Rows of a table that are handed on together at the end.
const HANDED_ON: usize = 2000;

/// Notifications that follow each other, with what belongs to them.
#[derive(Debug, PartialEq)]
pub(super) struct Batch {
    /// The number before the first.
    pub(super) after: i64,
    /// The number of the last.
    pub(super) last: i64,
    pub(super) notifications: Rows,
    pub(super) belongings: Vec<Rows>,
}

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
    pub(super) async fn batch(&mut self, after: i64, limits: Limits) -> Result<Batch, CopyError> {
        let shared = self.database.is_shared();
        let mut batch = Batch {
            after,
            last: after,
            notifications: Rows::of(&NOTIFICATIONS),
            belongings: Vec::with_capacity(BELONGINGS.len()),
        };
        either!(&mut self.database, connection => {
            let found = sqlx::query(NOTIFICATIONS.batch(shared))
                .bind(after)
                .bind(limits.rows)
                .bind(self.file_suspect_until)
                .fetch_all(&mut *connection)
                .await
                .map_err(of_source)?;
            let mut bytes = 0;
            for row in &found {
                bytes += row.int("size").map_err(of_source)?.unwrap_or_default();
                if bytes > limits.bytes && batch.notifications.len() > 0 {
                    break;
                }
                batch.last = read(row, &mut batch.notifications)?;
            }
            for table in BELONGINGS.iter() {
                let query = sqlx::query(table.of_batch(shared)).bind(after).bind(batch.last);
                let mut found = query.fetch(&mut *connection);
                let mut rows = Rows::of(table);
                while let Some(row) = found.try_next().await.map_err(of_source)? {
                    read(&row, &mut rows)?;
                }
                batch.belongings.push(rows);
            }
        });
        Ok(batch)
    }

    /// Reads a whole table, and hands on some rows at a time.
    pub(super) async fn hand_on(
        &mut self,
        table: &'static Table,
        mut take: impl AsyncFnMut(Rows) -> Result<(), CopyError>,
    ) -> Result<(), CopyError> {
        let statement = table.all(self.database.is_shared());
        either!(&mut self.database, connection => {
            let mut found = sqlx::query(statement).fetch(connection);
            let mut rows = Rows::of(table);
            while let Some(row) = found.try_next().await.map_err(of_source)? {
                rows.push(&row).map_err(of_source)?;
                if rows.len() == HANDED_ON {
                    take(std::mem::replace(&mut rows, Rows::of(table))).await?;
                }
            }
            take(rows).await
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

    pub(super) async fn settings(&mut self) -> Result<Settings, CopyError> {
        counts::settings(&mut self.database).await.map_err(of_source)
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

/// Reads a row of a notification, or of something that belongs to one; returns its number.
fn read(row: &impl Readable, rows: &mut Rows) -> Result<i64, CopyError> {
    let seq = rows::int(row, "seq").map_err(of_source)?;
    rows.push(row).map_err(|source| CopyError::Row { seq, source })?;
    Ok(seq)
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
