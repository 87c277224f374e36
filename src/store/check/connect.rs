//! Opens the database of a store without becoming its service: no run is noted, no replica joins.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, SqlSafeStr};

use crate::store::sqlite::DatabaseFile;
use crate::store::{StoreError, postgres, sqlite};

/// Rows that SQLite's thread reads ahead; few, because each may have a large event.
const READ_AHEAD: usize = 4;

/// How long something else may hold the file.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a store could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The database could not be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such file.
    #[error("there is no file {path}")]
    Absent {
        /// Where it should be.
        path: String,
    },
    /// The database has no tables of a store.
    #[error("the database holds no store")]
    NoStore,
    /// The tables are of another version than this build's.
    #[error(
        "the store's tables are of version {found}, and this build works with version {expected}; \
         the service of this build brings an older store up to date when it starts"
    )]
    OtherVersion {
        /// The version of the tables.
        found: i64,
        /// The version that this build works with.
        expected: i64,
    },
    /// Replicas use the shared store.
    #[error("{count} replicas use the store; stop them first")]
    InUse {
        /// How many are alive.
        count: i64,
    },
    /// A replica is starting, or this very command uses the database already.
    #[error("the store is just being started or copied by another process")]
    Starting,
}

/// A database of either kind, with one connection.
pub(in crate::store) enum Database {
    Sqlite {
        connection: SqliteConnection,
        /// Keeps every other process out.
        _file: DatabaseFile,
    },
    Postgres(PgConnection),
}

/// Does the same with the connection of either kind.
macro_rules! either {
    ($database:expr, $connection:ident => $work:expr) => {
        match $database {
            $crate::store::check::Database::Sqlite {
                connection: $connection,
                ..
            } => $work,
            $crate::store::check::Database::Postgres($connection) => $work,
        }
    };
}
pub(in crate::store) use either;

/// Makes a reading's failure one of the store's.
pub(in crate::store) fn refused(error: sqlx::Error) -> ConnectError {
    ConnectError::Store(error.into())
}

impl Database {
    /// Opens a store that is there already, for reading only.
    pub(in crate::store) async fn for_reading(url: &str) -> Result<Self, ConnectError> {
        let (mut database, migrations) = if is_postgres(url) {
            (connect_to_server(url).await?, &postgres::MIGRATIONS)
        } else {
            let path = path(url)?;
            if !std::path::Path::new(path).is_file() {
                return Err(ConnectError::Absent {
                    path: path.to_owned(),
                });
            }
            let file = DatabaseFile::lock(path)?;
            // Its journal is left as it is: a backup may have another one than a store in use.
            let options = SqliteConnectOptions::new().filename(file.path()).read_only(true);
            let options = options.busy_timeout(PATIENCE).row_buffer_size(READ_AHEAD);
            let connected = options.disable_statement_logging().connect().await;
            let connection = connected.map_err(refused)?;
            (
                Self::Sqlite {
                    connection,
                    _file: file,
                },
                &sqlite::MIGRATIONS,
            )
        };
        database.check_version(migrations).await?;
        Ok(database)
    }

    /// Opens a store that nobody uses for writing; makes its tables where they are not there.
    pub(in crate::store) async fn for_writing(url: &str) -> Result<Self, ConnectError> {
        if is_postgres(url) {
            let mut database = connect_to_server(url).await?;
            database.be_alone().await?;
            // Nor are the tables of a store that is in use brought up to date.
            let table = "SELECT count(*) FROM pg_class WHERE oid = to_regclass('replicas')";
            if database.number(table).await.map_err(refused)? > 0 {
                database.check_unused().await?;
            }
            if let Self::Postgres(connection) = &mut database {
                migrated(postgres::MIGRATIONS.run(connection).await)?;
            }
            return Ok(database);
        }
        let file = DatabaseFile::lock(path(url)?)?;
        let mut connection = sqlite::connect(&file, true).await.map_err(refused)?;
        migrated(sqlite::MIGRATIONS.run(&mut connection).await)?;
        Ok(Self::Sqlite {
            connection,
            _file: file,
        })
    }

    /// Keeps replicas from joining for as long as the connection lasts. An embedded store is used
    /// by nobody else anyway.
    pub(in crate::store) async fn be_alone(&mut self) -> Result<(), ConnectError> {
        let Self::Postgres(connection) = self else {
            return Ok(());
        };
        let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(postgres::REGISTRY_LOCK)
            .fetch_one(connection)
            .await
            .map_err(refused)?;
        if locked {
            Ok(())
        } else {
            Err(ConnectError::Starting)
        }
    }

    /// Makes sure that no replica is alive.
    pub(in crate::store) async fn check_unused(&mut self) -> Result<(), ConnectError> {
        let Self::Postgres(connection) = self else {
            return Ok(());
        };
        let count = sqlx::query_scalar("SELECT count(*) FROM replicas WHERE ends_at > now_ms()")
            .fetch_one(connection)
            .await
            .map_err(refused)?;
        if count == 0 {
            Ok(())
        } else {
            Err(ConnectError::InUse { count })
        }
    }

    /// From here on everything is seen as it is at one moment, and nothing can be written.
    pub(in crate::store) async fn begin_reading(&mut self) -> Result<(), ConnectError> {
        let begun = match self {
            Self::Sqlite { connection, .. } => sqlx::query("BEGIN").execute(connection).await.map(drop),
            Self::Postgres(connection) => sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                .execute(connection)
                .await
                .map(drop),
        };
        begun.map_err(refused)
    }

    /// Tells whether it is the shared store's.
    pub(in crate::store) const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Fetches one number.
    pub(in crate::store) async fn number(&mut self, query: impl SqlSafeStr) -> Result<i64, sqlx::Error> {
        either!(self, connection => sqlx::query_scalar(query).fetch_one(connection).await)
    }

    /// Closes it, so that whoever opens it next finds nothing of this use.
    pub(in crate::store) async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite { connection, .. } => connection.close().await,
            Self::Postgres(mut connection) => {
                // The server notices the end of a connection only after a while.
                sqlx::query("SELECT pg_advisory_unlock_all()")
                    .execute(&mut connection)
                    .await?;
                connection.close().await
            }
        }
    }

    async fn check_version(&mut self, migrations: &Migrator) -> Result<(), ConnectError> {
        let versions = self
            .number(match self {
                Self::Sqlite { .. } => "SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
                Self::Postgres(_) => {
                    "SELECT count(*) FROM pg_class WHERE oid = to_regclass('_sqlx_migrations')"
                }
            })
            .await
            .map_err(refused)?;
        if versions == 0 {
            return Err(ConnectError::NoStore);
        }
        let found = self
            .number("SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success")
            .await
            .map_err(refused)?;
        let expected = migrations.iter().map(|step| step.version).max().unwrap_or(0);
        if found == expected {
            Ok(())
        } else {
            Err(ConnectError::OtherVersion { found, expected })
        }
    }
}

fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// Returns the path that a URL names. The error does not repeat the URL, which may have a password.
fn path(url: &str) -> Result<&str, StoreError> {
    url.strip_prefix("sqlite://")
        .filter(|path| !path.is_empty() && !path.starts_with(":memory:"))
        .ok_or_else(|| StoreError::Url {
            url: "this".to_owned(),
        })
}

async fn connect_to_server(url: &str) -> Result<Database, ConnectError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|source| StoreError::Options(source.into()))?
        .application_name("svix-hooks store")
        .options([
            ("synchronous_commit", "on"),
            // A large store takes its time.
            ("statement_timeout", "0"),
            ("idle_in_transaction_session_timeout", "0"),
            // What belongs to a batch is found by index, whatever the server knows of the tables.
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("jit", "off"),
        ])
        .disable_statement_logging();
    let connection = PgConnection::connect_with(&options).await.map_err(refused)?;
    Ok(Database::Postgres(connection))
}

fn migrated(done: Result<(), MigrateError>) -> Result<(), StoreError> {
    done.map_err(|error| match error {
        MigrateError::Execute(source) => source.into(),
        error => StoreError::Migrate(error.into()),
    })
}
