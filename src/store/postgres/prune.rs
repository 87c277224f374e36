//! Deletes settled notifications whose time is over, a few at a time.

use sqlx::postgres::PgConnection;

use crate::domain::Timestamp;
use crate::store::StoreError;

/// One replica at a time deletes, under this lock.
const PRUNE_LOCK: i64 = 0x7376_6978_0002;

/// Deletes what was settled before `cutoff` among the `limit` rows after `after`; dead letters stay.
/// Returns the last row looked at, or nothing where the end was reached or another replica is at it.
pub(super) async fn run(
    connection: &mut PgConnection,
    after: i64,
    limit: u32,
    cutoff: Timestamp,
) -> Result<Option<i64>, StoreError> {
    let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(PRUNE_LOCK)
        .fetch_one(&mut *connection)
        .await?;
    if !free {
        return Ok(None);
    }
    let last: Option<i64> = sqlx::query_scalar(
        "SELECT max(seq) FROM (SELECT seq, accepted_at FROM notifications WHERE seq > $1 ORDER BY seq LIMIT $2) \
         AS some WHERE accepted_at < $3",
    )
    .bind(after)
    .bind(i64::from(limit))
    .bind(cutoff.as_millis())
    .fetch_one(&mut *connection)
    .await?;
    let Some(last) = last else { return Ok(None) };
    sqlx::query(
        "WITH old AS ( \
           DELETE FROM notifications WHERE seq > $1 AND seq <= $2 \
             AND state IN ('delivered', 'filtered', 'expired') AND settled_at < $3 RETURNING customer, seq), \
         events AS ( \
           DELETE FROM events USING old WHERE events.customer = old.customer AND events.seq = old.seq) \
         DELETE FROM attempts USING old WHERE attempts.customer = old.customer AND attempts.seq = old.seq",
    )
    .bind(after)
    .bind(last)
    .bind(cutoff.as_millis())
    .execute(connection)
    .await?;
    Ok(Some(last))
}
