//! Adds a transaction's changes to the ledger, and commits it.

use sqlx::sqlite::SqliteConnection;

use super::chunks::{Chunked, LARGEST, Rows};
use crate::domain::Customer;
use crate::store::StoreError;
use crate::store::ledger::{Changes, Totals};

/// The statements of this file.
pub(super) struct LedgerStatements {
    add: Chunked,
    /// The same with the end of the transaction, which saves a trip.
    add_and_commit: Chunked,
}

const ADD: Rows = Rows {
    head: "INSERT OR FAIL INTO ledger (customer, accepted, duplicates, queued, delivered, filtered, dead, expired, \
           retries, failed_attempts) VALUES",
    row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    tail: "ON CONFLICT (customer) DO UPDATE SET accepted = accepted + excluded.accepted, \
           duplicates = duplicates + excluded.duplicates, queued = queued + excluded.queued, \
           delivered = delivered + excluded.delivered, filtered = filtered + excluded.filtered, \
           dead = dead + excluded.dead, expired = expired + excluded.expired, \
           retries = retries + excluded.retries, failed_attempts = failed_attempts + excluded.failed_attempts",
};

impl Default for LedgerStatements {
    fn default() -> Self {
        Self {
            add: Chunked::new(&[ADD]),
            add_and_commit: Chunked::new(&[ADD]).and_then("COMMIT"),
        }
    }
}

impl LedgerStatements {
    /// Adds the changes.
    pub(super) async fn add(
        &self,
        connection: &mut SqliteConnection,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        let changes: Vec<_> = changes.iter().collect();
        for (statement, chunk) in self.add.cut(&changes, LARGEST) {
            bind(sqlx::query(statement), chunk)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// Adds the changes and commits.
    pub(super) async fn commit(
        &self,
        connection: &mut SqliteConnection,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        let changes: Vec<_> = changes.iter().collect();
        let mut chunks = self.add.cut(&changes, LARGEST);
        let last = chunks.pop().map_or(&[][..], |(_, last)| last);
        for (statement, chunk) in chunks {
            bind(sqlx::query(statement), chunk)
                .execute(&mut *connection)
                .await?;
        }
        match self.add_and_commit.cut(last, LARGEST).pop() {
            Some((statement, last)) => bind(sqlx::query(statement), last).execute(connection).await?,
            None => sqlx::query("COMMIT").execute(connection).await?,
        };
        Ok(())
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind<'q>(query: Query<'q>, chunk: &[(&Customer, &Totals)]) -> Query<'q> {
    chunk.iter().fold(query, |query, (customer, totals)| {
        query
            .bind(customer.as_str().to_owned())
            .bind(totals.accepted)
            .bind(totals.duplicates)
            .bind(totals.queued)
            .bind(totals.delivered)
            .bind(totals.filtered)
            .bind(totals.dead)
            .bind(totals.expired)
            .bind(totals.retries)
            .bind(totals.failed_attempts)
    })
}
