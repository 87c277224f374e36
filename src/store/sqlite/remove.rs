//! Deletes notifications with all that belongs to them.

use sqlx::sqlite::SqliteConnection;

use super::ledger::LedgerStatements;
use crate::domain::State;
use crate::store::changes::{Changes, DeathKind};
use crate::store::{StoreError, rows};

/// Deletes these rows, within a transaction, and counts them; what is queued stays. Returns how many have gone.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    ledger: &LedgerStatements,
    seqs: &[i64],
    mut changes: Changes,
) -> Result<usize, StoreError> {
    let gone = sqlx::query(
        "DELETE FROM notifications WHERE seq IN (SELECT value FROM json_each(?)) AND state <> 'queued' \
         RETURNING seq, customer, CAST(accepted_at AS INTEGER) AS accepted_at, state",
    )
    .bind(list(seqs))
    .fetch_all(&mut *connection)
    .await?;
    let (mut all, mut undelivered) = (Vec::with_capacity(gone.len()), Vec::new());
    for row in &gone {
        let (seq, state) = (rows::int(row, "seq")?, rows::named(row, "state")?);
        changes.pruned(&rows::customer(row)?, rows::time(row, "accepted_at")?, state);
        all.push(seq);
        if matches!(state, State::Dead | State::Expired) {
            undelivered.push(seq);
        }
    }
    if all.is_empty() {
        return Ok(0);
    }
    let list = list(&all);
    sqlx::query(
        "DELETE FROM events WHERE seq IN (SELECT value FROM json_each(?)); \
         DELETE FROM attempts WHERE seq IN (SELECT value FROM json_each(?)); \
         DELETE FROM redriven WHERE seq IN (SELECT value FROM json_each(?))",
    )
    .bind(&list)
    .bind(&list)
    .bind(&list)
    .execute(&mut *connection)
    .await?;
    remove_undelivered(connection, &undelivered, &mut changes).await?;
    ledger.add(connection, &changes).await?;
    remove_empty(connection, &changes).await?;
    Ok(all.len())
}

/// Deletes what rows that were not delivered were looked for by, and counts those that were dead.
async fn remove_undelivered(
    connection: &mut SqliteConnection,
    seqs: &[i64],
    changes: &mut Changes,
) -> Result<(), StoreError> {
    if seqs.is_empty() {
        return Ok(());
    }
    let list = list(seqs);
    let gone = sqlx::query(
        "DELETE FROM undelivered_words WHERE rowid IN (SELECT value FROM json_each(?)); \
         DELETE FROM undelivered WHERE seq IN (SELECT value FROM json_each(?)) \
         RETURNING customer, event_type, state, reason, status, outcome",
    )
    .bind(&list)
    .bind(&list)
    .fetch_all(connection)
    .await?;
    for row in &gone {
        if rows::text(row, "state")? == State::Dead.as_str() {
            changes.left(DeathKind::read(row)?);
        }
    }
    Ok(())
}

/// Deletes kinds of which there are no dead letters any more.
async fn remove_empty(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), StoreError> {
    for kind in changes.deaths().keys() {
        sqlx::query(
            "DELETE FROM dead_groups WHERE customer = ? AND event_type = ? AND reason = ? AND status = ? \
             AND outcome = ? AND dead = 0",
        )
        .bind(kind.customer.as_str())
        .bind(&kind.event_type)
        .bind(&*kind.reason)
        .bind(kind.status)
        .bind(&*kind.outcome)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Makes one value of many numbers.
fn list(seqs: &[i64]) -> String {
    serde_json::to_string(seqs).unwrap_or_default()
}
