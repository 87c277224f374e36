//! Deletes what is over, a little at a time.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Postgres, SqlSafeStr};

use super::{SETTINGS_LOCK, remove};
use crate::store::StoreError;
use crate::store::changes::Changes;
use crate::store::portal_rows::PortalRows;
use crate::store::retention::{Cutoffs, LOOK_COLUMNS, Look};

/// Deletes what is over among the `limit` rows after `after`, and old requests of those that stay. Returns the last
/// row looked at, or nothing where nothing after it can be over or another replica is at it.
pub(super) async fn run(
    connection: &mut PgConnection,
    slot: i64,
    (after, limit): (i64, u32),
    cutoffs: &Cutoffs,
    changes: Changes,
) -> Result<Option<i64>, StoreError> {
    if !remove::alone_if_free(connection).await? {
        return Ok(None);
    }
    let statement = format!("SELECT {LOOK_COLUMNS} FROM notifications WHERE seq > $1 ORDER BY seq LIMIT $2");
    // Nothing but fixed text is in it.
    let query = sqlx::query(AssertSqlSafe(statement).into_sql_str());
    let found = query
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&mut *connection)
        .await?;
    let look = Look::at(&found, cutoffs);
    if !look.over.is_empty() {
        remove::run(connection, slot, &look.over, changes).await?;
    }
    if !look.stay.is_empty() {
        sqlx::query(
            "DELETE FROM attempts AS a USING unnest($1::TEXT[], $2::BIGINT[]) AS stay (customer, seq) \
             WHERE a.customer = stay.customer AND a.seq = stay.seq AND a.started_at < $3",
        )
        .bind(remove::customers(&look.stay))
        .bind(remove::seqs(&look.stay))
        .bind(cutoffs.attempts.as_millis())
        .execute(connection)
        .await?;
    }
    Ok(look.last)
}

/// Deletes up to `limit` counts of minutes that are over, those of all slots together, and as many redrives and tokens
/// for pages. Returns whether there may be more.
pub(super) async fn counts(
    connection: &mut PgConnection,
    limit: u32,
    cutoffs: &Cutoffs,
) -> Result<bool, StoreError> {
    if !remove::alone_if_free(connection).await? {
        return Ok(false);
    }
    // Whole minutes: whoever compares what is left with the rows finds all of a minute or nothing.
    let minutes = sqlx::query(
        "DELETE FROM ledger_minutes WHERE minute < $1 AND minute <= coalesce( \
           (SELECT minute FROM ledger_minutes ORDER BY minute LIMIT 1 OFFSET $2), $1)",
    )
    .bind(cutoffs.minute)
    .bind(i64::from(limit.saturating_sub(1)))
    .execute(&mut *connection)
    .await?
    .rows_affected();
    let redrives = sqlx::query(
        "DELETE FROM redrives WHERE id = ANY (ARRAY (SELECT id FROM redrives WHERE finished_at < $1 LIMIT $2))",
    )
    .bind(cutoffs.settled.as_millis())
    .bind(i64::from(limit))
    .execute(&mut *connection)
    .await?;
    // Whoever writes settings deletes some too, in another order; where somebody does, these have time.
    let free = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(SETTINGS_LOCK);
    let more = match free.fetch_one(&mut *connection).await? {
        true => PortalRows::<Postgres>::prune(connection, cutoffs.portals, limit).await?,
        false => false,
    };
    Ok(more || minutes.max(redrives.rows_affected()) >= u64::from(limit))
}
