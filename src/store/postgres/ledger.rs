//! Adds a transaction's changes to the ledger.

use sqlx::postgres::PgConnection;

use crate::store::StoreError;
use crate::store::ledger::{Changes, Totals};

/// Adds the changes to the rows of this replica's slot.
pub(super) async fn add(
    connection: &mut PgConnection,
    slot: i64,
    changes: &Changes,
) -> Result<(), StoreError> {
    // In the order of the customers, so that no two replicas wait for each other.
    let customers: Vec<&str> = changes.iter().map(|(customer, _)| customer.as_str()).collect();
    if customers.is_empty() {
        return Ok(());
    }
    let column =
        |of: fn(&Totals) -> i64| -> Vec<i64> { changes.iter().map(|(_, totals)| of(totals)).collect() };
    sqlx::query(
        "INSERT INTO ledger AS l (customer, slot, accepted, duplicates, queued, delivered, filtered, dead, \
           expired, retries, failed_attempts) \
         SELECT c.customer, $1, c.accepted, c.duplicates, c.queued, c.delivered, c.filtered, c.dead, c.expired, \
           c.retries, c.failed_attempts \
         FROM unnest($2::TEXT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[], $7::BIGINT[], \
           $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[]) \
           AS c (customer, accepted, duplicates, queued, delivered, filtered, dead, expired, retries, \
             failed_attempts) \
         ON CONFLICT (customer, slot) DO UPDATE SET accepted = l.accepted + excluded.accepted, \
           duplicates = l.duplicates + excluded.duplicates, queued = l.queued + excluded.queued, \
           delivered = l.delivered + excluded.delivered, filtered = l.filtered + excluded.filtered, \
           dead = l.dead + excluded.dead, expired = l.expired + excluded.expired, \
           retries = l.retries + excluded.retries, failed_attempts = l.failed_attempts + excluded.failed_attempts",
    )
    .bind(slot)
    .bind(customers)
    .bind(column(|totals| totals.accepted))
    .bind(column(|totals| totals.duplicates))
    .bind(column(|totals| totals.queued))
    .bind(column(|totals| totals.delivered))
    .bind(column(|totals| totals.filtered))
    .bind(column(|totals| totals.dead))
    .bind(column(|totals| totals.expired))
    .bind(column(|totals| totals.retries))
    .bind(column(|totals| totals.failed_attempts))
    .execute(connection)
    .await?;
    Ok(())
}
