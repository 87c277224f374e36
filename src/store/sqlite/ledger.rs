//! Adds a transaction's changes to the ledger.

use sqlx::sqlite::SqliteConnection;

use crate::store::StoreError;
use crate::store::ledger::Changes;

/// Adds the changes.
pub(super) async fn apply(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), StoreError> {
    for (customer, totals) in changes.iter() {
        sqlx::query(
            "INSERT INTO ledger (customer, accepted, duplicates, queued, delivered, filtered, dead, expired, \
             retries, failed_attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (customer) DO UPDATE SET accepted = accepted + excluded.accepted, \
             duplicates = duplicates + excluded.duplicates, queued = queued + excluded.queued, \
             delivered = delivered + excluded.delivered, filtered = filtered + excluded.filtered, \
             dead = dead + excluded.dead, expired = expired + excluded.expired, \
             retries = retries + excluded.retries, failed_attempts = failed_attempts + excluded.failed_attempts",
        )
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
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
