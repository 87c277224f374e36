//! Deletes what is over, a little at a time, and gives the space back.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, SqlSafeStr, Sqlite};

use super::ledger::LedgerStatements;
use super::remove;
use crate::store::StoreError;
use crate::store::changes::Changes;
use crate::store::portal_rows::PortalRows;
use crate::store::retention::{Cutoffs, LOOK_COLUMNS, Look};

/// Which part of the pages that are in use may be free without being given back, so that the file need not grow
/// again at once.
const RESERVE: i64 = 16;

/// What a step over rows came to.
pub(super) struct Pruned {
    /// The last row that it looked at, if any could be over.
    pub(super) last: Option<i64>,
    pub(super) gone: usize,
}

/// Deletes what is over among the `limit` rows after `after`, and old requests of those that stay.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    ledger: &LedgerStatements,
    (after, limit): (i64, u32),
    cutoffs: &Cutoffs,
    changes: Changes,
) -> Result<Pruned, StoreError> {
    let statement = format!("SELECT {LOOK_COLUMNS} FROM notifications WHERE seq > ? ORDER BY seq LIMIT ?");
    // Nothing but fixed text is in it.
    let query = sqlx::query(AssertSqlSafe(statement).into_sql_str());
    let found = query.bind(after).bind(limit).fetch_all(&mut *connection).await?;
    let look = Look::at(&found, cutoffs);
    let mut pruned = Pruned {
        last: look.last,
        gone: 0,
    };
    if look.is_idle() {
        return Ok(pruned);
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    if !look.over.is_empty() {
        let seqs: Vec<i64> = look.over.iter().map(|(_, seq)| *seq).collect();
        pruned.gone = remove::run(&mut transaction, ledger, &seqs, changes).await?;
    }
    if !look.stay.is_empty() {
        sqlx::query("DELETE FROM attempts WHERE seq > ? AND seq <= ? AND started_at < ?")
            .bind(after)
            .bind(look.last)
            .bind(cutoffs.attempts.as_millis())
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(pruned)
}

/// Deletes up to `limit` counts of minutes that are over, and as many redrives and tokens for pages. Returns whether there may be more.
pub(super) async fn counts(
    connection: &mut SqliteConnection,
    limit: u32,
    cutoffs: &Cutoffs,
) -> Result<bool, StoreError> {
    // Whole minutes: whoever compares what is left with the rows finds all of a minute or nothing.
    let minutes = sqlx::query(
        "DELETE FROM ledger_minutes WHERE minute < ?1 AND minute <= coalesce( \
           (SELECT minute FROM ledger_minutes ORDER BY minute LIMIT 1 OFFSET ?2), ?1)",
    )
    .bind(cutoffs.minute)
    .bind(limit.saturating_sub(1))
    .execute(&mut *connection)
    .await?;
    let redrives = sqlx::query(
        "DELETE FROM redrives WHERE id IN (SELECT id FROM redrives WHERE finished_at < ? LIMIT ?)",
    )
    .bind(cutoffs.settled.as_millis())
    .bind(limit)
    .execute(&mut *connection)
    .await?;
    let more = PortalRows::<Sqlite>::prune(connection, cutoffs.portals, limit).await?;
    Ok(more || minutes.rows_affected().max(redrives.rows_affected()) >= u64::from(limit))
}

/// Gives some free pages back, where there are more than the reserve. Returns how many, and whether there are more.
pub(super) async fn shrink(connection: &mut SqliteConnection) -> Result<(i64, bool), StoreError> {
    let before = to_give_back(connection).await?;
    if before <= 0 {
        return Ok((0, false));
    }
    sqlx::query("PRAGMA incremental_vacuum(64)")
        .execute(&mut *connection)
        .await?;
    let after = to_give_back(connection).await?;
    // Where none could be given back, trying again would go on for ever.
    Ok((before - after, after > 0 && after < before))
}

async fn to_give_back(connection: &mut SqliteConnection) -> Result<i64, StoreError> {
    let (free, all): (i64, i64) =
        sqlx::query_as("SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count")
            .fetch_one(connection)
            .await?;
    Ok(free - (all - free) / RESERVE)
}
