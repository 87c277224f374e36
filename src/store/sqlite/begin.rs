//! Begins a transaction that writes.

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::store::StoreError;
use crate::store::known;
use crate::store::port::Accept;

/// Begins a transaction, and finds the rows with the keys of a batch, the oldest first: one trip for
/// both, so that there are as few as possible.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    accepts: &[Accept<'_>],
) -> Result<Vec<SqliteRow>, StoreError> {
    if accepts.is_empty() {
        sqlx::query("BEGIN IMMEDIATE").execute(connection).await?;
        return Ok(Vec::new());
    }
    let keys: Vec<&str> = accepts
        .iter()
        .map(|accept| accept.new.event_key.as_str())
        .collect();
    let statement = format!(
        "BEGIN IMMEDIATE; SELECT {} FROM notifications \
         WHERE event_key IN (SELECT value FROM json_each(?)) ORDER BY seq",
        known::COLUMNS
    );
    // Nothing but fixed text is in it.
    let query = sqlx::query(AssertSqlSafe(statement).into_sql_str())
        .bind(serde_json::to_string(&keys).unwrap_or_default());
    Ok(query.fetch_all(connection).await?)
}
