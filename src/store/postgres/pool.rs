//! Connections for questions beside the writer.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgPool};

use super::answer_within;
use crate::store::StoreError;

/// Connections that answer in time, or are not used again.
#[derive(Clone)]
pub(super) struct Pool {
    connections: PgPool,
    patience: Duration,
}

impl Pool {
    /// Gives each question so long.
    pub(super) fn new(connections: PgPool, patience: Duration) -> Self {
        Self {
            connections,
            patience,
        }
    }

    /// Asks on a connection of its own.
    pub(super) fn ask<'a, T: Send>(
        &'a self,
        question: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        async {
            let mut connection =
                answer_within(self.patience, async { Ok(self.connections.acquire().await?) }).await?;
            let answer = answer_within(self.patience, question(&mut connection)).await;
            if answer.as_ref().is_err_and(StoreError::is_unavailable) {
                // The pool would wait for as long as the system does to find that it is broken.
                connection.close_on_drop();
            }
            answer
        }
        .boxed()
    }

    /// Asks on a connection of its own that shows everything as of one moment.
    pub(super) fn ask_snapshot<'a, T: Send>(
        &'a self,
        question: impl for<'c> FnOnce(&'c mut PgConnection) -> BoxFuture<'c, Result<T, StoreError>>
        + Send
        + 'static,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        self.ask(move |connection| {
            async move {
                let mut snapshot = connection
                    .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                    .await?;
                let answer = question(&mut snapshot).await;
                // There is nothing to be kept.
                snapshot.rollback().await?;
                answer
            }
            .boxed()
        })
    }

    pub(super) async fn close(&self) {
        self.connections.close().await;
    }
}
