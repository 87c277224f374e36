//! Leases what is due for one customer.

use std::collections::HashMap;

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
    let leased = lease(connection, customer, limit, run).await?;
    if leased.is_empty() {
        return Ok(Vec::new());
    }
    // A statement of its own: the one before may have leased what another replica settled after the statement
    // began, and would see that notification as it was before.
    let found = read(connection, customer, &leased).await?;
    let found: HashMap<i64, &PgRow> = found
        .iter()
        .filter_map(|row| Some((row.int("seq").ok()??, row)))
        .collect();
    Ok(leased
        .into_iter()
        .map(|lease| claimed(found.get(&lease.row).copied(), lease))
        .collect())
}

/// Leases rows of the queue.
async fn lease(
    connection: &mut PgConnection,
    customer: &Customer,
    limit: usize,
    run: i64,
) -> Result<Vec<LeasedRow>, StoreError> {
    // The replica's own row is locked, so that nobody can find it expired meanwhile.
    let mut leased: Vec<(i64, i64, i64)> = sqlx::query_as(
        "WITH me AS MATERIALIZED ( \
           SELECT run FROM replicas WHERE run = $3 AND ends_at > now_ms() FOR KEY SHARE), \
         due AS MATERIALIZED ( \
           SELECT customer, seq FROM queue \
           WHERE customer = $1 AND owner IS NULL AND due_at <= now_ms() AND EXISTS (SELECT 1 FROM me) \
           ORDER BY due_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED) \
         UPDATE queue AS q SET owner = $3, fence = nextval('lease_fence') \
         FROM due WHERE q.customer = due.customer AND q.seq = due.seq \
         RETURNING q.due_at, q.seq, q.fence",
    )
    .bind(customer.as_str())
    .bind(rows::index(limit))
    .bind(run)
    .fetch_all(connection)
    .await?;
    leased.sort_unstable();
    let row = |(_, row, fence)| LeasedRow {
        customer: customer.clone(),
        row,
        fence,
    };
    Ok(leased.into_iter().map(row).collect())
}

/// Reads what is known of leased rows, with their events.
async fn read(
    connection: &mut PgConnection,
    customer: &Customer,
    leased: &[LeasedRow],
) -> Result<Vec<PgRow>, StoreError> {
    let rows: Vec<i64> = leased.iter().map(|lease| lease.row).collect();
    let found = sqlx::query(
        "SELECT n.seq, n.id, n.customer, n.account, n.application, n.create_application, n.application_name, n.event_id, \
           n.event_type, n.payload_start, n.payload_end, n.accepted_at, n.due_at, n.stage, n.stage_since, n.resends, \
           n.attempts, n.spent, n.ambiguous, n.doubt_since, n.doubt_until, n.message_id, n.credential, n.request, n.trace, n.suspect_at, n.expires_at, n.redrive, n.redrives, e.body \
         FROM notifications AS n LEFT JOIN events AS e ON e.customer = n.customer AND e.seq = n.seq \
         WHERE n.customer = $1 AND n.seq = ANY ($2)",
    )
    .bind(customer.as_str())
    .bind(rows)
    .fetch_all(connection)
    .await?;
    Ok(found)
}

fn claimed(row: Option<&PgRow>, lease: LeasedRow) -> Claimed {
    let read = |row: &PgRow| {
        let suspect_until = row.int("suspect_at")?.map(Timestamp::from_millis);
        rows::notification(row, suspect_until)
    };
    match row.map_or(Err(sqlx::Error::RowNotFound), read) {
        Ok(notification) => Claimed::Readable {
            lease,
            notification: Box::new(notification),
        },
        Err(why) => Claimed::Unreadable {
            row: lease.row,
            why: why.to_string(),
        },
    }
}
