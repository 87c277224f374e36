//! Adds a transaction's changes to the ledger.

use sqlx::sqlite::SqliteConnection;

use crate::store::StoreError;
use crate::store::ledger::Changes;

/// Adds the changes. Returns whether the ledger now has more than one customer.
pub(super) async fn apply(connection: &mut SqliteConnection, changes: &Changes) -> Result<bool, StoreError> {
    if changes.is_empty() {
        return Ok(false);
    }
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
    let customers: i64 = sqlx::query_scalar("SELECT count(*) FROM (SELECT 1 FROM ledger LIMIT 2)")
        .fetch_one(connection)
        .await?;
    Ok(customers > 1)
}
