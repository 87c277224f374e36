//! The embedded store: one SQLite file in WAL mode, one writing connection, some reading ones.

mod accept;
mod checkpoint;
mod chunks;
mod claim;
mod file;
mod ledger;
mod population;
mod prune;
mod read;
mod rows;
mod settle;

use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use super::ledger::Changes;
use super::port::{AcceptReceipt, Batch, Claimed, WriteSide};
use super::{StoreError, Trouble};
use crate::domain::{Customer, Reason, State, Timestamp};
use accept::AcceptStatements;
use checkpoint::Checkpointer;
use file::DatabaseFile;
use ledger::LedgerStatements;
use population::Population;
pub(super) use read::Reader;
use settle::SettleStatements;

/// Connections that read beside the writer.
const READERS: u32 = 3;

/// Pages that the log may grow to before the writer itself folds it into the database: 8 MiB.
const CHECKPOINT_PAGES: &str = "2000";

/// What a row takes beside its event, in bytes.
const ROW_BYTES: usize = 512;

/// The writer's page cache, in KiB, negative as SQLite wants it.
const WRITER_CACHE: &str = "-32768";

/// The writing side of the embedded store.
pub(super) struct Sqlite {
    connection: SqliteConnection,
    checkpointer: Checkpointer,
    file: DatabaseFile,
    run: i64,
    /// Until when rows may have been sent by a run that did not record it.
    suspect_until: Option<Timestamp>,
    population: Population,
    accept: AcceptStatements,
    settle: SettleStatements,
    ledger: LedgerStatements,
    /// The highest number that was given to a row.
    last_row: i64,
}

/// Opens the file, which no other process may have open, and brings its tables up to date.
pub(super) async fn open(url: &str, now: Timestamp) -> Result<(Sqlite, Reader), StoreError> {
    let path = url
        .strip_prefix("sqlite://")
        .filter(|path| !path.is_empty() && !path.starts_with(":memory:"))
        .ok_or_else(|| StoreError::Url { url: url.to_owned() })?;
    let file = DatabaseFile::lock(path)?;
    let mut connection = connect(&file, true).await?;
    sqlx::migrate!("src/store/migrations/sqlite")
        .run(&mut connection)
        .await
        .map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(source) => source.into(),
            error => StoreError::Migrate(error.into()),
        })?;
    let file = file.remember_identity();
    let suspect_until = suspect_until(&mut connection, now).await?;
    let run = sqlx::query_scalar("INSERT INTO runs (started_at, suspect_until) VALUES (?, ?) RETURNING run")
        .bind(now.as_millis())
        .bind(suspect_until.map(Timestamp::as_millis))
        .fetch_one(&mut connection)
        .await?;
    let last_row = last_row(&mut connection).await?;
    let customers: Vec<String> = sqlx::query_scalar("SELECT customer FROM ledger LIMIT 2")
        .fetch_all(&mut connection)
        .await?;
    let mut population = Population::Nobody;
    customers
        .iter()
        .filter_map(|name| Customer::parse(name).ok())
        .for_each(|customer| population.add(&customer));
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options(&file).read_only(true));
    let checkpointer = Checkpointer::start(options(&file)).await?;
    let sqlite = Sqlite {
        connection,
        checkpointer,
        file,
        run,
        suspect_until,
        population,
        accept: AcceptStatements::default(),
        settle: SettleStatements::default(),
        ledger: LedgerStatements::default(),
        last_row,
    };
    Ok((sqlite, Reader::new(pool)))
}

/// Returns the highest number that a row has. An event that lost its notification keeps its number,
/// or it would be in the way.
async fn last_row(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT max(coalesce((SELECT max(seq) FROM notifications), 0), \
         coalesce((SELECT max(seq) FROM events), 0))",
    )
    .fetch_one(connection)
    .await
}

/// Returns until when rows may have been sent by a run that did not record it: until now where the
/// last run ended without saying so, else as long as that run found.
async fn suspect_until(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<Option<Timestamp>, sqlx::Error> {
    let last: Option<(Option<i64>, Option<i64>)> =
        sqlx::query_as("SELECT stopped_at, suspect_until FROM runs ORDER BY run DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    Ok(match last {
        Some((None, _)) => Some(now),
        Some((Some(_), until)) => until.map(Timestamp::from_millis),
        None => None,
    })
}

fn options(file: &DatabaseFile) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file.path())
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging()
}

async fn connect(file: &DatabaseFile, create: bool) -> Result<SqliteConnection, sqlx::Error> {
    options(file)
        .create_if_missing(create)
        .pragma("cache_size", WRITER_CACHE)
        .statement_cache_capacity(chunks::PREPARED)
        .connect()
        .await
}

impl Sqlite {
    /// Carries out a batch. With `careful`, settles row by row, so that a row which is not queued
    /// any more is passed over.
    async fn transact(
        &mut self,
        batch: &Batch,
        careful: bool,
    ) -> Result<Option<Vec<AcceptReceipt>>, StoreError> {
        let mut changes = Changes::default();
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let receipts = self
            .accept
            .run(&mut transaction, &batch.accepts, &self.population, self.last_row, &mut changes)
            .await?;
        if !self
            .settle
            .run(&mut transaction, &batch.settlements, careful, &mut changes)
            .await?
        {
            transaction.rollback().await?;
            return Ok(None);
        }
        for customer in &batch.duplicates {
            changes.duplicate(customer);
        }
        self.ledger.run(&mut transaction, &changes).await?;
        transaction.commit().await?;
        self.last_row += rows::index(batch.accepts.len());
        self.checkpointer.written(weight(batch));
        changes
            .iter()
            .for_each(|(customer, _)| self.population.add(customer));
        Ok(Some(receipts))
    }
}

impl WriteSide for Sqlite {
    async fn commit(&mut self, batch: &Batch) -> Result<Vec<AcceptReceipt>, StoreError> {
        self.file.check_identity()?;
        match self.transact(batch, false).await? {
            Some(receipts) => Ok(receipts),
            None => Ok(self.transact(batch, true).await?.unwrap_or_default()),
        }
    }

    async fn claim(
        &mut self,
        customer: &Customer,
        now: Timestamp,
        limit: usize,
        leased: &std::collections::HashSet<i64>,
    ) -> Result<Vec<Claimed>, StoreError> {
        claim::run(&mut self.connection, customer, now, limit, leased, self.suspect_until).await
    }

    async fn set_aside(
        &mut self,
        customer: &Customer,
        row: i64,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut changes = Changes::default();
        changes.moved(customer, State::Queued, State::Dead);
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let done = sqlx::query(
            "UPDATE notifications SET state = 'dead', reason = ?, detail = ?, settled_at = ? \
             WHERE seq = ? AND state = 'queued'",
        )
        .bind(Reason::Unreadable.as_str())
        .bind(why)
        .bind(now.as_millis())
        .bind(row)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 1 {
            self.ledger.run(&mut transaction, &changes).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn prune(&mut self, after: i64, limit: u32, cutoff: Timestamp) -> Result<Option<i64>, StoreError> {
        prune::run(&mut self.connection, after, limit, cutoff).await
    }

    async fn revive(&mut self) -> Result<(), StoreError> {
        self.file.check_identity()?;
        let mut fresh = connect(&self.file, false).await?;
        // A page of its own is written, because a full disk still takes what changes no size.
        let mut transaction = fresh.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("CREATE TABLE revival (filler BLOB)")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO revival VALUES (zeroblob(65536))")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DROP TABLE revival")
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.last_row = last_row(&mut fresh).await?;
        let checkpointer = Checkpointer::start(options(&self.file)).await?;
        std::mem::replace(&mut self.checkpointer, checkpointer)
            .close()
            .await;
        let broken = std::mem::replace(&mut self.connection, fresh);
        // It served its time; what it has to say about its end helps nobody.
        let _ = broken.close().await;
        Ok(())
    }

    async fn close(mut self, clean: bool, now: Timestamp) -> Result<(), StoreError> {
        if clean {
            sqlx::query("UPDATE runs SET stopped_at = ? WHERE run = ?")
                .bind(now.as_millis())
                .bind(self.run)
                .execute(&mut self.connection)
                .await?;
            // Only the last run matters.
            sqlx::query("DELETE FROM runs WHERE run < ?")
                .bind(self.run)
                .execute(&mut self.connection)
                .await?;
        }
        self.checkpointer.close().await;
        Ok(self.connection.close().await?)
    }
}

/// Estimates how much a batch writes, in bytes.
fn weight(batch: &Batch) -> usize {
    let accepts: usize = batch.accepts.iter().map(|new| new.event.len() + ROW_BYTES).sum();
    accepts + batch.settlements.len() * ROW_BYTES
}

/// The trouble of a database file that is not where it was.
fn missing() -> StoreError {
    let gone =
        std::io::Error::new(std::io::ErrorKind::NotFound, "the file was removed or replaced while in use");
    StoreError::Unavailable {
        trouble: Trouble::Missing,
        source: std::sync::Arc::new(sqlx::Error::Io(gone)),
    }
}

#[cfg(test)]
pub(super) mod tests;
