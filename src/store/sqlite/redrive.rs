//! Sends dead letters again: puts them back into the queue.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use crate::domain::{Customer, RedriveId, Timestamp};
use crate::store::StoreError;
use crate::store::changes::{Changes, DeathKind};

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
