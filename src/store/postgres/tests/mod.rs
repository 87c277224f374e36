//! The shared store with a real server: databases of their own for tests.

mod accounts;
mod locking;
mod opening;
mod pruning;
mod replicas;
mod trouble;

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr};
use uuid::Uuid;

use crate::store::examples::options;
use crate::store::{Store, StoreOptions};

/// A database of its own on the server for tests; dropping it deletes it.
pub(in crate::store) struct TestDatabase {
    server: PgConnectOptions,
    name: String,
}

impl TestDatabase {
    pub(in crate::store) async fn new() -> Self {
        let server = PgConnectOptions::from_str(&server_url()).expect("TEST_POSTGRES_URL is a URL");
        let name = format!("svix_hooks_{}", Uuid::now_v7().simple());
        let mut connection = server
            .connect()
            .await
            .expect("the server for tests takes connections");
        execute(&mut connection, format!("CREATE DATABASE {name}")).await;
        Self { server, name }
    }

    pub(in crate::store) fn url(&self) -> String {
        self.options().to_url_lossy().to_string()
    }

    fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// Opens the database as another replica.
    async fn open(&self) -> Store {
        Store::open(options(self.url())).await.unwrap()
    }

    /// Opens it as a replica whose leases last for so long.
    async fn open_for(&self, lease: Duration) -> Store {
        let options = StoreOptions {
            lease,
            ..options(self.url())
        };
        Store::open(options).await.unwrap()
    }

    /// Changes the database behind the store's back.
    pub(in crate::store) async fn tamper(&self, statement: &'static str) -> u64 {
        let mut connection = self.options().connect().await.unwrap();
        execute(&mut connection, statement.to_owned()).await
    }

    /// Looks into the database behind the store's back.
    pub(in crate::store) async fn number(&self, query: &'static str) -> i64 {
        let mut connection = self.options().connect().await.unwrap();
        sqlx::query_scalar(query)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, statement) =
            (self.server.clone(), format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        // In a runtime of its own, because this one may be about to end.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                if let Ok(mut connection) = PgConnection::connect_with(&server).await {
                    execute(&mut connection, statement).await;
                }
            });
        });
        // A server that has gone has no database to delete.
        let _ = dropping.join();
    }
}

async fn execute(connection: &mut PgConnection, statement: String) -> u64 {
    // The name in it was made here.
    let done = sqlx::raw_sql(AssertSqlSafe(statement).into_sql_str())
        .execute(connection)
        .await;
    done.expect("the statement works").rows_affected()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the service's own configuration is not concerned"
)]
fn server_url() -> String {
    std::env::var("TEST_POSTGRES_URL")
        .expect("TEST_POSTGRES_URL names no server; run tests/run, or tests/with-postgres before the command")
}
