//! Finds what is due for one customer.

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::leases::Leases;
use super::open::Suspect;
use crate::domain::{Customer, Timestamp};
use crate::store::port::Claimed;
use crate::store::{StoreError, rows};

/// The columns that a delivery needs.
const COLUMNS: &str = "SELECT n.seq, n.id, n.customer, n.account, n.application, n.create_application, n.application_name, \
    n.event_id, n.event_type, n.payload_start, n.payload_end, n.accepted_at, n.due_at, n.stage, n.stage_since, n.resends, \
    n.attempts, n.spent, n.ambiguous, n.doubt_since, n.doubt_until, n.message_id, n.credential, n.request, n.trace, n.expires_at, n.redrive, n.redrives, e.body \
    FROM notifications AS n LEFT JOIN events AS e ON e.seq = n.seq \
    WHERE n.seq IN (SELECT value FROM json_each(?)) AND n.state = 'queued' ORDER BY n.due_at, n.seq";

/// Leases up to `limit` rows of a customer that are due and not leased, the oldest first.
///
/// Leased rows are few and passed over in the index, so that leasing needs no write.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    customer: &Customer,
    now: Timestamp,
    limit: usize,
    leases: &mut Leases,
    suspect: Option<Suspect>,
) -> Result<Vec<Claimed>, StoreError> {
    // A name that was made a blob is another value to SQLite; its rows are found to be set aside.
    let due: Vec<i64> = sqlx::query_scalar(
        "SELECT seq FROM (SELECT seq FROM notifications INDEXED BY notifications_due \
         WHERE state = 'queued' AND customer = ?1 AND due_at <= ?2 ORDER BY due_at, seq LIMIT ?3) \
         UNION ALL \
         SELECT seq FROM (SELECT seq FROM notifications INDEXED BY notifications_due \
         WHERE state = 'queued' AND customer = CAST(?1 AS BLOB) AND due_at <= ?2 LIMIT ?3)",
    )
    .bind(customer.as_str().to_owned())
    .bind(now.as_millis())
    .bind(rows::index(limit.saturating_add(leases.count(customer))))
    .fetch_all(&mut *connection)
    .await?;
    let free: Vec<i64> = due
        .into_iter()
        .filter(|row| !leases.has(customer, *row))
        .take(limit)
        .collect();
    if free.is_empty() {
        return Ok(Vec::new());
    }
    let free = serde_json::to_string(&free).unwrap_or_default();
    let found = sqlx::query(COLUMNS).bind(free).fetch_all(connection).await?;
    found
        .iter()
        .map(|row| {
            let seq: i64 = row.try_get("seq")?;
            let suspect = suspect.filter(|suspect| seq <= suspect.last_row);
            Ok(match rows::notification(row, suspect.map(|suspect| suspect.until)) {
                Ok(notification) => Claimed::Readable {
                    lease: leases.take(customer, seq),
                    notification: Box::new(notification),
                },
                Err(why) => Claimed::Unreadable {
                    row: seq,
                    why: why.to_string(),
                },
            })
        })
        .collect()
}
