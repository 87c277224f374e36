//! Begins a transaction that writes.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::domain::EventId;
use crate::store::StoreError;
use crate::store::known;
use crate::store::port::Accept;

/// Begins a transaction, and finds the rows with the keys of a batch: one trip for both, so that there are as few as
/// possible.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    accepts: &[Accept<'_>],
) -> Result<Vec<SqliteRow>, StoreError> {
    if accepts.is_empty() {
        sqlx::query("BEGIN IMMEDIATE").execute(connection).await?;
        return Ok(Vec::new());
    }
    let (keys, digests) = known::keys(accepts);
    find(connection, "BEGIN IMMEDIATE; ", &keys, &digests).await
}

/// Finds the rows that have any of these digests as their key or as their id at Svix.
pub(super) async fn look_up(
    connection: &mut SqliteConnection,
    digests: &[EventId],
) -> Result<Vec<SqliteRow>, StoreError> {
    let digests: Vec<&str> = digests.iter().map(EventId::as_str).collect();
    find(connection, "", &digests, &digests).await
}

async fn find(
    connection: &mut SqliteConnection,
    before: &'static str,
    keys: &[&str],
    ids: &[&str],
) -> Result<Vec<SqliteRow>, StoreError> {
    let list = |all: &[&str]| serde_json::to_string(all).unwrap_or_default();
    let statement = format!("{before}{}", find_statement());
    // Nothing but fixed text is in it.
    let query = sqlx::query(AssertSqlSafe(statement).into_sql_str());
    Ok(query
        .bind(list(keys))
        .bind(list(ids))
        .fetch_all(connection)
        .await?)
}

/// Returns the statement that finds the rows with keys, or with ids that are not their keys.
pub(super) fn find_statement() -> String {
    let columns = known::COLUMNS;
    format!(
        "SELECT {columns} FROM notifications WHERE event_key IN (SELECT value FROM json_each(?)) \
         UNION ALL SELECT {columns} FROM notifications \
         WHERE event_id <> event_key AND event_id IN (SELECT value FROM json_each(?))"
    )
}
