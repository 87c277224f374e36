//! Compares the ledger with the rows, one replica at a time.

use std::ops::Range;
use std::time::Duration;

use sqlx::postgres::{PgConnection, Postgres};

use crate::store::StoreError;
use crate::store::audit::{Compared, Pick, Queries};

/// One replica at a time compares, under this lock.
const COMPARE_LOCK: i64 = 0x7376_6978_0003;

/// A customer that is no column by itself is looked for by no index.
pub(super) const QUERIES: Queries<Postgres> = Queries::new("", "n.customer || ''");

/// Compares the cells of one minute with the rows, unless another replica is at it.
pub(super) async fn compare(
    snapshot: &mut PgConnection,
    minutes: &Range<i64>,
    pick: Pick,
    patience: Duration,
) -> Result<Compared, StoreError> {
    let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(COMPARE_LOCK)
        .fetch_one(&mut *snapshot)
        .await?;
    if !free {
        return Ok(Compared::Busy);
    }
    QUERIES.compare(snapshot, minutes, pick, patience).await
}
