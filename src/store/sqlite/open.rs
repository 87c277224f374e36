//! Opens a database file and brings its tables up to date.

use std::time::Duration;

use log::info;
use sqlx::ConnectOptions;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions,
    SqliteSynchronous,
};

use super::accept::AcceptStatements;
use super::checkpoint::Checkpointer;
use super::file::DatabaseFile;
use super::leases::Leases;
use super::ledger::LedgerStatements;
use super::settle::SettleStatements;
use super::{Reader, Sqlite, chunks};
use crate::domain::Timestamp;
use crate::store::StoreError;
use crate::store::clock::Clock;
use crate::store::retention::Retention;

/// Connections that read beside the writer.
const READERS: u32 = 3;

/// Pages that the log may grow to before the writer itself folds it into the database: 8 MiB.
const CHECKPOINT_PAGES: &str = "2000";

/// The writer's page cache, in KiB, negative as SQLite wants it.
const WRITER_CACHE: &str = "-32768";

/// The mode of `auto_vacuum` in which free pages are given back when that is asked for.
const INCREMENTAL: i64 = 2;

/// The schema, step by step.
pub(in crate::store) static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// Opens the file, which no other process may have open, and brings its tables up to date.
pub(in crate::store) async fn open(
    url: &str,
    retention: Retention,
    clock: Clock,
) -> Result<(Sqlite, Reader), StoreError> {
    let path = url
        .strip_prefix("sqlite://")
        .filter(|path| !path.is_empty() && !path.starts_with(":memory:"))
        .ok_or_else(|| StoreError::Url { url: url.to_owned() })?;
    let now = clock.now();
    let file = DatabaseFile::lock(path)?;
    let mut connection = connect(&file, true).await?;
    MIGRATIONS
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
    let shrinks = shrinks(&mut connection).await?;
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options(&file).read_only(true));
    let checkpointer = Checkpointer::start(options(&file)).await?;
    let reader = Reader::new(pool, file.path().to_owned());
    let sqlite = Sqlite {
        connection,
        checkpointer,
        file,
        run,
        suspect_until,
        accept: AcceptStatements::default(),
        settle: SettleStatements::default(),
        ledger: LedgerStatements::default(),
        retention,
        shrinks,
        last_row,
        leases: Leases::default(),
        clock,
    };
    Ok((sqlite, reader))
}

/// Returns the highest number that a row has. An event that lost its notification keeps its number,
/// or it would be in the way.
pub(super) async fn last_row(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT max(coalesce((SELECT max(seq) FROM notifications), 0), \
         coalesce((SELECT max(seq) FROM events), 0))",
    )
    .fetch_one(connection)
    .await
}

/// Tells whether free pages can be given back, which is decided when a file is made.
async fn shrinks(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum")
        .fetch_one(connection)
        .await?;
    let shrinks = mode == INCREMENTAL;
    if !shrinks {
        info!("the store's file was made by an older version and does not shrink by itself");
    }
    Ok(shrinks)
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

pub(super) fn options(file: &DatabaseFile) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file.path())
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging()
}

pub(in crate::store) async fn connect(
    file: &DatabaseFile,
    create: bool,
) -> Result<SqliteConnection, sqlx::Error> {
    options(file)
        .create_if_missing(create)
        // Counts for files that are made; it must be said before the first table.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .pragma("cache_size", WRITER_CACHE)
        .statement_cache_capacity(chunks::PREPARED)
        .connect()
        .await
}
