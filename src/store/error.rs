//! Why the store could not do what it was asked.

use std::sync::Arc;

/// Why a write or a read did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database is in trouble; nothing was written, and it may work again later.
    #[error("the store cannot be used: {trouble}")]
    Unavailable {
        /// What kind of trouble.
        trouble: Trouble,
        /// What the database said.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The database refused this very statement; others may work.
    #[error("the store could not carry this out")]
    Failed(#[source] Arc<sqlx::Error>),
    /// More writes wait than may.
    #[error("too many writes wait for the store")]
    Overloaded,
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
    /// The database's schema could not be brought up to date.
    #[error("the store's tables could not be brought up to date")]
    Migrate(#[source] Arc<sqlx::migrate::MigrateError>),
    /// Another process has the database file open.
    #[error("{path} is used by another process; one process at a time may use an embedded store")]
    InUse {
        /// The lock file that the other process holds.
        path: String,
    },
    /// The lock file beside the database could not be made.
    #[error("the lock file {path} could not be opened")]
    Lock {
        /// The lock file.
        path: String,
        /// What the system said.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// The URL of a shared database is not well formed.
    #[error("the store's URL cannot be read")]
    Options(#[source] Arc<sqlx::Error>),
    /// The URL names no store that this build knows.
    #[error("{url} is no store's URL; use sqlite://path/to/file.db or postgres://user@host/database")]
    Url {
        /// The URL as given.
        url: String,
    },
}

/// What kind of trouble a database is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Trouble {
    /// No space is left.
    #[error("the disk is full")]
    Full,
    /// The file, its file system or the server takes no writes.
    #[error("the database takes no writes")]
    ReadOnly,
    /// The file or a table is damaged.
    #[error("the database is damaged")]
    Corrupt,
    /// The file has gone, or another stands in its place.
    #[error("the database file was removed or replaced")]
    Missing,
    /// Reading or writing failed.
    #[error("reading or writing the database file failed")]
    Io,
    /// The database server cannot be reached, is starting or is stopping.
    #[error("the database cannot be reached")]
    Unreachable,
    /// Something else holds the database.
    #[error("the database is locked by something else")]
    Busy,
}

impl StoreError {
    /// Tells whether the database as a whole is in trouble, rather than one statement.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let trouble = match &error {
            sqlx::Error::Database(database) => {
                let code = database.code();
                let code = code.as_deref().unwrap_or_default();
                if database
                    .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
                    .is_some()
                {
                    trouble_of_postgres(code)
                } else {
                    trouble_of_sqlite(code)
                }
            }
            sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => Some(Trouble::Io),
            sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => Some(Trouble::Unreachable),
            sqlx::Error::PoolTimedOut => Some(Trouble::Busy),
            _ => None,
        };
        let source = Arc::new(error);
        match trouble {
            Some(trouble) => Self::Unavailable { trouble, source },
            None => Self::Failed(source),
        }
    }
}

/// Reads SQLite's result code, of which the low byte is the kind (<https://www.sqlite.org/rescode.html>).
fn trouble_of_sqlite(code: &str) -> Option<Trouble> {
    let code: u32 = code.parse().ok()?;
    match code & 0xff {
        13 => Some(Trouble::Full),
        8 => Some(Trouble::ReadOnly),
        11 | 26 => Some(Trouble::Corrupt),
        10 => Some(Trouble::Io),
        14 => Some(Trouble::Missing),
        5 | 6 => Some(Trouble::Busy),
        _ => None,
    }
}

/// Reads PostgreSQL's code, of which the first two letters are the class
/// (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
fn trouble_of_postgres(code: &str) -> Option<Trouble> {
    match code {
        // No connection, or one that is being ended; a server that starts, stops or has none left.
        code if code.starts_with("08") || code.starts_with("57P") => Some(Trouble::Unreachable),
        "53300" => Some(Trouble::Unreachable),
        "53100" => Some(Trouble::Full),
        "25006" => Some(Trouble::ReadOnly),
        "58030" => Some(Trouble::Io),
        "XX001" | "XX002" => Some(Trouble::Corrupt),
        // Given up in favour of another transaction, or cancelled for taking too long.
        "40001" | "40P01" | "55P03" | "57014" => Some(Trouble::Busy),
        _ => None,
    }
}
