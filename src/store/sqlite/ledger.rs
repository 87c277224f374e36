//! Adds a transaction's changes to the ledger.

use sqlx::sqlite::SqliteConnection;

use super::chunks::{Chunked, LARGEST};
use crate::store::StoreError;
use crate::store::ledger::Changes;

/// The statement of this file.
pub(super) struct LedgerStatements(Chunked);

impl Default for LedgerStatements {
    fn default() -> Self {
        Self(Chunked::new(
            "INSERT INTO ledger (customer, accepted, duplicates, queued, delivered, filtered, dead, expired, \
             retries, failed_attempts) VALUES",
            10,
            "ON CONFLICT (customer) DO UPDATE SET accepted = accepted + excluded.accepted, \
             duplicates = duplicates + excluded.duplicates, queued = queued + excluded.queued, \
             delivered = delivered + excluded.delivered, filtered = filtered + excluded.filtered, \
             dead = dead + excluded.dead, expired = expired + excluded.expired, \
             retries = retries + excluded.retries, failed_attempts = failed_attempts + excluded.failed_attempts",
        ))
    }
}

impl LedgerStatements {
    /// Adds the changes.
    pub(super) async fn run(
        &self,
        connection: &mut SqliteConnection,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        let changes: Vec<_> = changes.iter().collect();
        for (statement, chunk) in self.0.cut(&changes, LARGEST) {
            let query = chunk
                .iter()
                .fold(sqlx::query(statement), |query, (customer, totals)| {
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
                });
            query.execute(&mut *connection).await?;
        }
        Ok(())
    }
}
