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
    let last_row = last_row(&mut connection).await?;
    let suspect = suspect(&mut connection, now, last_row).await?;
    let run = sqlx::query_scalar(
        "INSERT INTO runs (started_at, suspect_until, suspect_rows) VALUES (?, ?, ?) RETURNING run",
    )
    .bind(now.as_millis())
    .bind(suspect.map(|suspect| suspect.until.as_millis()))
    .bind(suspect.map(|suspect| suspect.last_row))
    .fetch_one(&mut connection)
    .await?;
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
        suspect,
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

/// The rows that an earlier run may have sent without recording it.
///
/// They are told by their numbers: a clock may have gone back since they were accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suspect {
    /// The last of them.
    pub(super) last_row: i64,
    /// What was made at Svix before this time may stem from such a send.
    pub(super) until: Timestamp,
}

/// Finds the rows that an earlier run may have sent without recording it: all that there are where the last run ended
/// without saying so, else those of which that run found it.
async fn suspect(
    connection: &mut SqliteConnection,
    now: Timestamp,
    last_row: i64,
) -> Result<Option<Suspect>, sqlx::Error> {
    let last: Option<(Option<i64>, Option<i64>, Option<i64>)> =
        sqlx::query_as("SELECT stopped_at, suspect_until, suspect_rows FROM runs ORDER BY run DESC LIMIT 1")
            .fetch_optional(connection)
            .await?;
    Ok(match last {
        Some((None, ..)) => Some(Suspect { last_row, until: now }),
        Some((Some(_), until, rows)) => until.map(|until| Suspect {
            // Older versions noted until when, and not which rows.
            last_row: rows.unwrap_or(last_row),
            until: Timestamp::from_millis(until),
        }),
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
