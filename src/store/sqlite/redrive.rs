//! Sends dead letters again: puts them back into the queue, and keeps the jobs that do so.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use crate::domain::{Customer, RedriveId, RedriveState, Timestamp};
use crate::store::changes::{Changes, DeathKind};
use crate::store::{Redrive, RedriveStep, StoreError};

/// Stores a new job.
pub(super) async fn add(connection: &mut SqliteConnection, redrive: &Redrive) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO redrives (id, filter, rate, stop_ratio, newest_first, by_key, state, created_at, changed_at, \
         paced_to_us, total) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(redrive.id.as_bytes().to_vec())
    .bind(serde_json::to_string(&redrive.narrowing).unwrap_or_default())
    .bind(redrive.rate)
    .bind(redrive.stop_ratio)
    .bind(redrive.newest_first)
    .bind(redrive.key.as_deref())
    .bind(redrive.state.as_str())
    .bind(redrive.created_at.as_millis())
    .bind(redrive.changed_at.as_millis())
    .bind(redrive.paced_to_us)
    .bind(redrive.total)
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves a job from the state it is in to another. Returns whether it was in that state still.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    redrive: &Redrive,
    to: RedriveState,
    why: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE redrives SET state = ?1, why = ?2, changed_at = ?3, finished_at = ?4, \
           paced_to_us = max(paced_to_us, ?5), \
           forgiven_dead = CASE ?1 WHEN 'running' THEN dead ELSE forgiven_dead END, \
           forgiven_settled = CASE ?1 WHEN 'running' THEN delivered + dead + expired ELSE forgiven_settled END \
         WHERE id = ?6 AND state = ?7",
    )
    .bind(to.as_str())
    .bind(why)
    .bind(now.as_millis())
    .bind(to.is_final().then(|| now.as_millis()))
    .bind(now.as_millis().saturating_mul(1000))
    .bind(redrive.id.as_bytes().to_vec())
    .bind(redrive.state.as_str())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes what a job does, and tells whether it is as it was looked at.
pub(super) async fn advance(
    connection: &mut SqliteConnection,
    step: &RedriveStep,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE redrives SET cursor = coalesce(?, cursor), paced_to_us = ?, changed_at = ? \
         WHERE id = ? AND state = 'running' AND cursor IS ? AND sent = ?",
    )
    .bind(step.letters.cursor)
    .bind(step.paced_to_us)
    .bind(now.as_millis())
    .bind(step.redrive.id.as_bytes().to_vec())
    .bind(step.redrive.cursor)
    .bind(step.redrive.sent)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts what a job has put back.
pub(super) async fn count(
    connection: &mut SqliteConnection,
    redrive: RedriveId,
    sent: i64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE redrives SET sent = sent + ? WHERE id = ?")
        .bind(sent)
        .bind(redrive.as_bytes().to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// Puts those of the rows back that are dead, due at once. Counts them into `changes`, and returns how many.
pub(super) async fn put_back(
    connection: &mut SqliteConnection,
    rows: &[i64],
    redrive: Option<RedriveId>,
    key: Option<&str>,
    now: Timestamp,
    changes: &mut Changes,
) -> Result<i64, StoreError> {
    let rows = serde_json::to_string(rows).unwrap_or_default();
    let job = redrive.map(|id| id.as_bytes().to_vec());
    sqlx::query(
        "INSERT INTO redriven (seq, number, at, redrive, by_key, died_at, reason, status, detail) \
         SELECT seq, redrives + 1, ?2, ?3, ?4, settled_at, reason, status, detail FROM notifications \
         WHERE seq IN (SELECT value FROM json_each(?1)) AND state = 'dead'",
    )
    .bind(&rows)
    .bind(now.as_millis())
    .bind(job.clone())
    .bind(key)
    .execute(&mut *connection)
    .await?;
    // What is proven already needs its proof; all else begins anew.
    let moved = sqlx::query(
        "UPDATE notifications SET state = 'queued', due_at = ?2, settled_at = NULL, reason = NULL, spent = 0, \
           resends = 0, stage = CASE stage WHEN 'prove' THEN 'prove' ELSE 'send' END, stage_since = ?2, \
           redrive = ?3, redrives = redrives + 1 \
         WHERE seq IN (SELECT value FROM json_each(?1)) AND state = 'dead' \
         RETURNING customer, accepted_at, seq",
    )
    .bind(&rows)
    .bind(now.as_millis())
    .bind(job)
    .fetch_all(&mut *connection)
    .await?;
    let mut numbers: Vec<i64> = Vec::with_capacity(moved.len());
    for row in &moved {
        // A name that cannot be read is counted where such rows are set aside.
        if let Ok(customer) = Customer::parse(row.try_get("customer")?) {
            changes.sent_again(&customer, Timestamp::from_millis(row.try_get("accepted_at")?));
        }
        numbers.push(row.try_get("seq")?);
    }
    let numbers = serde_json::to_string(&numbers).unwrap_or_default();
    let left = sqlx::query(
        "DELETE FROM undelivered WHERE seq IN (SELECT value FROM json_each(?1)) \
         RETURNING customer, event_type, reason, status, outcome",
    )
    .bind(&numbers)
    .fetch_all(&mut *connection)
    .await?;
    for row in &left {
        // What cannot be read is counted where such rows are set aside.
        if let Ok(kind) = DeathKind::read(row) {
            changes.left(kind);
        }
    }
    sqlx::query("DELETE FROM undelivered_words WHERE rowid IN (SELECT value FROM json_each(?1))")
        .bind(&numbers)
        .execute(connection)
        .await?;
    Ok(i64::try_from(moved.len()).unwrap_or(i64::MAX))
}

/// Returns those of the rows that are dead.
pub(super) async fn dead(connection: &mut SqliteConnection, rows: &[i64]) -> Result<Vec<i64>, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT seq FROM notifications WHERE seq IN (SELECT value FROM json_each(?)) AND state = 'dead'",
    );
    let rows = serde_json::to_string(rows).unwrap_or_default();
    Ok(query.bind(rows).fetch_all(connection).await?)
}
