//! Deletes settled notifications whose time is over, a few at a time.

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::domain::Timestamp;
use crate::store::StoreError;

/// Deletes what was settled before `cutoff` among the `limit` rows after `after`; dead letters stay.
/// Returns the last row looked at, or nothing where the end was reached.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    after: i64,
    limit: u32,
    cutoff: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let last: Option<i64> = sqlx::query_scalar(
        "SELECT max(seq) FROM (SELECT seq, accepted_at FROM notifications WHERE seq > ? ORDER BY seq LIMIT ?) \
         WHERE accepted_at < ?",
    )
    .bind(after)
    .bind(limit)
    .bind(cutoff.as_millis())
    .fetch_one(&mut *connection)
    .await?;
    let Some(last) = last else { return Ok(None) };
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for table in [
        "DELETE FROM attempts WHERE seq IN (SELECT seq FROM notifications WHERE seq > ? AND seq <= ? \
         AND state IN ('delivered', 'filtered', 'expired') AND settled_at < ?)",
        "DELETE FROM events WHERE seq IN (SELECT seq FROM notifications WHERE seq > ? AND seq <= ? \
         AND state IN ('delivered', 'filtered', 'expired') AND settled_at < ?)",
        "DELETE FROM notifications WHERE seq > ? AND seq <= ? \
         AND state IN ('delivered', 'filtered', 'expired') AND settled_at < ?",
    ] {
        sqlx::query(table)
            .bind(after)
            .bind(last)
            .bind(cutoff.as_millis())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(Some(last))
}
