//! Opens a database and brings its tables up to date.

use std::str::FromStr;
use std::time::Duration;

use log::warn;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::mpsc;

use super::accounts::Accounts;
use super::pool::Pool;
use super::replica::Replica;
use super::{PATIENCE, Postgres, Reader, hints, in_time};
use crate::domain::Customer;
use crate::store::StoreError;
use crate::store::clock::Clock;
use crate::store::retention::Retention;

/// Connections that read beside the writer; one of them listens.
const READERS: u32 = 5;

/// How long a change of the tables waits for those who use them, and how long it leaves them alone before it tries again.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_secs(2);

/// Each statement of the writer finds its few rows by an index. Left to choose, the server plans while the
/// tables are empty and then reads them from end to end for as long as it keeps the plan.
const BY_INDEX: [(&str, &str); 4] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// The schema, step by step. Replicas that start together take turns, under a lock of sqlx's own.
pub(in crate::store) static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// The shared store, opened.
pub(in crate::store) struct Opened {
    pub(in crate::store) write_side: Postgres,
    pub(in crate::store) read_side: Reader,
    pub(in crate::store) accounts: Accounts,
    pub(in crate::store) hints: mpsc::Receiver<Customer>,
}

/// Connects, and joins the replicas that use the database already. Leases last for `lasts`.
pub(in crate::store) async fn open(
    url: &str,
    lasts: Duration,
    retention: Retention,
    clock: Clock,
) -> Result<Opened, StoreError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|source| StoreError::Options(source.into()))?
        .application_name("svix-hooks")
        // Each commit is on disk before it is told of, whatever the server's default.
        .options([("synchronous_commit", "on"), ("timezone", "UTC")])
        .options([("statement_timeout", PATIENCE.as_millis().to_string())])
        .options(BY_INDEX)
        .disable_statement_logging();
    bring_up_to_date(&options).await?;
    let mut connection = in_time(async { Ok(PgConnection::connect_with(&options).await?) }).await?;
    let pool = PgPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options.clone());
    let questions = Pool::new(pool.clone(), PATIENCE);
    let mut transaction = connection.begin().await?;
    let replica = Replica::join(&mut transaction, lasts, clock).await?;
    transaction.commit().await?;
    let postgres = Postgres {
        options,
        connection: Some(connection),
        replica,
        retention,
    };
    Ok(Opened {
        write_side: postgres,
        read_side: Reader::new(questions.clone()),
        accounts: Accounts::new(questions),
        hints: hints::listen(pool),
    })
}

/// Brings the tables up to date, which may take as long as it takes. It does not wait long for a table that somebody
/// else holds: whatever other replicas ask of that table waits behind it.
async fn bring_up_to_date(options: &PgConnectOptions) -> Result<(), StoreError> {
    let options = options
        .clone()
        .options([("statement_timeout", "0")])
        .options([("lock_timeout", LOCK_PATIENCE.as_millis().to_string())]);
    loop {
        let mut connection = in_time(async { Ok(PgConnection::connect_with(&options).await?) }).await?;
        match MIGRATIONS.run(&mut connection).await {
            Ok(()) => return Ok(connection.close().await?),
            Err(MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _))
                if is_held(&source) =>
            {
                warn!(
                    "the tables cannot be brought up to date while others hold them, such as a dump or another replica \
                     that is at it; tried again"
                );
                connection.close_hard().await?;
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            Err(MigrateError::Execute(source)) => return Err(source.into()),
            Err(error) => return Err(StoreError::Migrate(error.into())),
        }
    }
}

/// Tells whether a lock was not had in time (`lock_not_available`).
fn is_held(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some("55P03"))
}
