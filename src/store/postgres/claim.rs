//! Leases what is due for one customer.

use sqlx::postgres::{PgConnection, PgRow};

use crate::domain::{Customer, Timestamp};
use crate::store::fields::Fields;
use crate::store::lease::LeasedRow;
use crate::store::port::Claimed;
use crate::store::{StoreError, rows};

/// Leases up to `limit` rows of a customer that are due, the oldest first. Rows that another replica
/// is about to lease are passed over.
pub(super) async fn run(
    connection: &mut PgConnection,
    customer: &Customer,
    limit: usize,
    run: i64,
) -> Result<Vec<Claimed>, StoreError> {
    // The replica's own row is locked, so that nobody can find it expired meanwhile.
    let mut found: Vec<PgRow> = sqlx::query(
        "WITH me AS MATERIALIZED ( \
           SELECT run FROM replicas WHERE run = $3 AND ends_at > now_ms() FOR KEY SHARE), \
         due AS MATERIALIZED ( \
           SELECT customer, seq FROM notifications \
           WHERE customer = $1 AND state = 'queued' AND owner IS NULL AND due_at <= now_ms() \
             AND EXISTS (SELECT 1 FROM me) \
           ORDER BY due_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED) \
         UPDATE notifications AS n SET owner = $3, fence = n.fence + 1 \
         FROM due LEFT JOIN events AS e ON e.customer = due.customer AND e.seq = due.seq \
         WHERE n.customer = due.customer AND n.seq = due.seq \
         RETURNING n.seq, n.id, n.customer, n.account, n.application, n.create_application, n.event_id, \
           n.event_type, n.payload_start, n.payload_end, n.accepted_at, n.due_at, n.stage, n.stage_since, \
           n.resends, n.attempts, n.spent, n.ambiguous, n.message_id, n.fence, n.suspect_at, e.body",
    )
    .bind(customer.as_str())
    .bind(rows::index(limit))
    .bind(run)
    .fetch_all(connection)
    .await?;
    found.sort_by_cached_key(|row| (row.int("due_at").ok(), row.int("seq").ok()));
    found.iter().map(|row| claimed(row, customer)).collect()
}

fn claimed(row: &PgRow, customer: &Customer) -> Result<Claimed, StoreError> {
    let seq = rows::int(row, "seq")?;
    let suspect_until = row.int("suspect_at")?.map(Timestamp::from_millis);
    Ok(match rows::notification(row, suspect_until) {
        Ok(notification) => Claimed::Readable {
            lease: LeasedRow {
                customer: customer.clone(),
                row: seq,
                fence: rows::int(row, "fence")?,
            },
            notification: Box::new(notification),
        },
        Err(why) => Claimed::Unreadable {
            row: seq,
            why: why.to_string(),
        },
    })
}
