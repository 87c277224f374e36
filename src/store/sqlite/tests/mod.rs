//! What a SQLite file may go through.

mod large;
mod opening;
mod plans;
mod pruning;
mod trouble;
mod unreadable;

use std::path::PathBuf;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

use crate::store::examples::options;
use crate::store::{Store, StoreError};

/// A database file in a directory of its own.
pub(in crate::store) struct DatabaseInDirectory(TempDir);

impl DatabaseInDirectory {
    pub(in crate::store) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    pub(in crate::store) fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }

    async fn open(&self) -> Result<Store, StoreError> {
        Store::open(options(self.url())).await
    }

    /// Changes the file behind the store's back.
    pub(in crate::store) async fn tamper(&self, statement: &'static str) -> u64 {
        let options = SqliteConnectOptions::new().filename(self.path());
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let done = sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        done.rows_affected()
    }

    /// Looks into the file behind the store's back.
    pub(in crate::store) async fn number(&self, query: &'static str) -> i64 {
        let options = SqliteConnectOptions::new().filename(self.path());
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let number = sqlx::query_scalar(query)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        number
    }
}
