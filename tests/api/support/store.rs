//! The store that a test runs on: a file, or a database of its own on the PostgreSQL server for tests.

use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions};
use tempfile::TempDir;
use uuid::Uuid;

use super::secrecy;

/// A store that outlives the service; dropping it deletes it.
pub(crate) enum TestStore {
    /// The directory of the file.
    File(TempDir),
    /// A database.
    Database(Box<TestDatabase>),
}

impl TestStore {
    /// Makes one of the kind that `TEST_STORE` names.
    pub(crate) fn new() -> Self {
        match variable("TEST_STORE").as_deref() {
            None | Some("sqlite") => Self::on_file(),
            Some("postgres") => Self::on_database(),
            Some(other) => panic!("TEST_STORE is {other:?}; it can be sqlite or postgres"),
        }
    }

    /// Makes one that is a file whatever `TEST_STORE` names.
    pub(crate) fn on_file() -> Self {
        Self::File(TempDir::new().expect("a directory"))
    }

    /// Makes one that is a database whatever `TEST_STORE` names.
    pub(crate) fn on_database() -> Self {
        let url = variable("TEST_POSTGRES_URL").expect(
            "TEST_POSTGRES_URL names no server; run tests/run, or tests/with-postgres before the command",
        );
        Self::on_server(&url)
    }

    /// Makes one that is a database on that server.
    pub(crate) fn on_server(url: &str) -> Self {
        Self::Database(Box::new(TestDatabase::new(url)))
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::File(dir) => format!("sqlite://{}", path(dir).display()),
            Self::Database(database) => database.options().to_url_lossy().to_string(),
        }
    }

    /// Returns where it is, where it is a file.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(dir) => Some(path(dir)),
            Self::Database(_) => None,
        }
    }

    /// Changes it behind the service's back.
    pub(crate) async fn tamper(&self, statement: &'static str) {
        let done = match self {
            Self::File(dir) => sqlx::query(statement)
                .execute(&mut open(dir).await)
                .await
                .map(drop),
            Self::Database(database) => sqlx::query(statement)
                .execute(&mut database.open().await)
                .await
                .map(drop),
        };
        done.expect("the statement works");
    }

    /// Lets new connections to a database write or not; where not, all that there are end.
    pub(crate) fn set_read_only(&self, read_only: bool) {
        let Self::Database(database) = self else {
            panic!("the store is no database")
        };
        let name = &database.name;
        let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = {read_only}");
        on_server(&database.server, set).expect("the database can be set");
        if read_only {
            let end =
                format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
            on_server(&database.server, end).expect("the connections can be ended");
        }
    }

    /// Keeps everybody else away from a table of a database, until what is returned is dropped.
    pub(crate) async fn lock_out(&self, statement: &'static str) -> sqlx::PgConnection {
        let Self::Database(database) = self else {
            panic!("the store is no database")
        };
        let mut connection = database.open().await;
        let locked = sqlx::raw_sql(statement).execute(&mut connection).await;
        locked.expect("the table is locked");
        connection
    }

    /// Looks into it behind the service's back.
    pub(crate) async fn number(&self, query: &'static str) -> i64 {
        let found = match self {
            Self::File(dir) => sqlx::query_scalar(query).fetch_one(&mut open(dir).await).await,
            Self::Database(database) => {
                sqlx::query_scalar(query)
                    .fetch_one(&mut database.open().await)
                    .await
            }
        };
        found.expect("the query works")
    }

    /// Tells whether no service has ever begun to use it.
    pub(crate) async fn is_untouched(&self) -> bool {
        match self {
            Self::File(dir) => !path(dir).exists(),
            Self::Database(database) => tables(&mut database.open().await).await.is_empty(),
        }
    }

    /// Returns everything in it, with texts and events as they were posted.
    pub(crate) async fn contents(&self) -> String {
        match self {
            Self::File(dir) => files(dir)
                .iter()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                .collect(),
            Self::Database(database) => contents(database.options()).await,
        }
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        match self {
            // Files are read as they are, with what was deleted and is still in them.
            Self::File(dir) => {
                for bytes in files(dir) {
                    secrecy::note("a file of the store", &String::from_utf8_lossy(&bytes));
                }
            }
            Self::Database(database) => {
                if let Some(contents) = database.contents_at_the_end() {
                    secrecy::note("the database", &contents);
                }
            }
        }
        secrecy::settle();
    }
}

/// Reads the files of a store.
fn files(dir: &TempDir) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(dir.path()).into_iter().flatten();
    entries
        .filter_map(|entry| std::fs::read(entry.ok()?.path()).ok())
        .collect()
}

fn path(dir: &TempDir) -> PathBuf {
    dir.path().join("test.db")
}

async fn open(dir: &TempDir) -> sqlx::SqliteConnection {
    let file = SqliteConnectOptions::new().filename(path(dir));
    file.connect().await.expect("the store opens")
}

/// A database of its own on the server for tests; dropping it deletes it.
pub(crate) struct TestDatabase {
    server: PgConnectOptions,
    name: String,
}

impl TestDatabase {
    fn new(url: &str) -> Self {
        let server = PgConnectOptions::from_str(url).expect("it is the URL of a server");
        let name = format!("svix_hooks_{}", Uuid::now_v7().simple());
        on_server(&server, format!("CREATE DATABASE {name}")).expect("the server makes a database");
        Self { server, name }
    }

    fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    async fn open(&self) -> sqlx::PgConnection {
        self.options().connect().await.expect("the store opens")
    }

    /// Returns everything in it; nothing where its server has gone.
    fn contents_at_the_end(&self) -> Option<String> {
        let options = self.options();
        let reading = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                options.connect().await.ok()?;
                Some(contents(options).await)
            })
        });
        reading.join().expect("it can be read")
    }
}

async fn contents(options: PgConnectOptions) -> String {
    // So that bytes which are text are shown as that.
    let options = options.options([("bytea_output", "escape")]);
    let mut connection = options.connect().await.expect("the store opens");
    let mut contents = Vec::new();
    for table in tables(&mut connection).await {
        // The names are those of the service's own tables.
        let query = AssertSqlSafe(format!("SELECT a_row::TEXT FROM {table} AS a_row"));
        let rows = sqlx::query_scalar::<_, String>(query).fetch_all(&mut connection);
        contents.extend(rows.await.expect("the table can be read"));
    }
    contents.join("\n")
}

async fn tables(connection: &mut sqlx::PgConnection) -> Vec<String> {
    sqlx::query_scalar("SELECT tablename::TEXT FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(connection)
        .await
        .expect("the tables can be listed")
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A server that has gone has no database to delete.
        let _ = on_server(&self.server, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Carries out a statement, in a runtime of its own: a store is made and deleted outside of futures.
fn on_server(server: &PgConnectOptions, statement: String) -> Result<(), sqlx::Error> {
    let server = server.clone();
    let carrying_out = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let mut connection = server.connect().await?;
            // The name in it was made here.
            let statement = sqlx::raw_sql(AssertSqlSafe(statement));
            statement.execute(&mut connection).await.map(drop)
        })
    });
    carrying_out.join().expect("it does not panic")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the service's own configuration is not concerned"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
