//! Sends dead letters again: puts them back into the queue.
//!
//! Whoever locks several notifications does so in the order of their customers and numbers, in whichever order they
//! are given: else two that have some in common could wait for each other for ever.

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::remove;
use crate::domain::{Customer, RedriveId, Timestamp};
use crate::store::StoreError;
use crate::store::changes::{Changes, DeathKind};

/// Puts those of the rows back that are dead, due at once. Counts them into `changes`, and returns how many.
pub(super) async fn put_back(
    connection: &mut PgConnection,
    rows: &[(Customer, i64)],
    redrive: Option<RedriveId>,
    key: Option<&str>,
    now: Timestamp,
    changes: &mut Changes,
) -> Result<i64, StoreError> {
    // What is proven already needs its proof; all else begins anew. Each part sees the rows as they were before.
    let moved = sqlx::query(
        "WITH given AS MATERIALIZED (SELECT * FROM unnest($1::TEXT[], $2::BIGINT[]) AS given (customer, seq)), \
         died AS MATERIALIZED ( \
           SELECT n.customer, n.seq, n.redrives, n.settled_at, n.reason, n.status, n.detail \
           FROM given JOIN notifications AS n ON n.customer = given.customer AND n.seq = given.seq \
           WHERE n.state = 'dead' ORDER BY n.customer, n.seq FOR UPDATE OF n), \
         noted AS ( \
           INSERT INTO redriven (customer, seq, number, at, redrive, by_key, died_at, reason, status, detail) \
           SELECT customer, seq, redrives + 1, $3, $4, $5, settled_at, reason, status, detail FROM died), \
         queued AS (INSERT INTO queue (customer, seq, due_at) SELECT customer, seq, $3 FROM died), \
         gone AS ( \
           DELETE FROM undelivered AS u USING died WHERE u.customer = died.customer AND u.seq = died.seq \
           RETURNING u.customer, u.seq, u.event_type, u.reason, u.status, u.outcome), \
         back AS ( \
           UPDATE notifications AS n SET state = 'queued', due_at = $3, settled_at = NULL, reason = NULL, spent = 0, \
             resends = 0, stage = CASE n.stage WHEN 'prove' THEN 'prove' ELSE 'send' END, stage_since = $3, \
             redrive = $4, redrives = n.redrives + 1 \
           FROM died WHERE n.customer = died.customer AND n.seq = died.seq \
           RETURNING n.customer, n.seq, n.accepted_at) \
         SELECT customer, accepted_at, NULL AS event_type, NULL AS reason, NULL::BIGINT AS status, \
           NULL AS outcome FROM back \
         UNION ALL SELECT customer, NULL::BIGINT, event_type, reason, status, outcome FROM gone",
    )
    .bind(remove::customers(rows))
    .bind(remove::seqs(rows))
    .bind(now.as_millis())
    .bind(redrive.map(|id| id.as_bytes().to_vec()))
    .bind(key)
    .fetch_all(connection)
    .await?;
    let mut sent = 0;
    for row in &moved {
        // Names of customers that cannot be read are not among those asked for.
        let Ok(customer) = Customer::parse(row.try_get("customer")?) else {
            continue;
        };
        if let Some(accepted_at) = row.try_get::<Option<i64>, _>("accepted_at")? {
            changes.sent_again(&customer, Timestamp::from_millis(accepted_at));
            sent += 1;
        } else {
            changes.left(DeathKind::read(row)?);
        }
    }
    Ok(sent)
}

/// Returns those of the rows that are dead, and keeps them so until the transaction ends.
pub(super) async fn dead(
    connection: &mut PgConnection,
    rows: &[(Customer, i64)],
) -> Result<Vec<(Customer, i64)>, StoreError> {
    let dead: Vec<(String, i64)> = sqlx::query_as(
        "SELECT n.customer, n.seq FROM unnest($1::TEXT[], $2::BIGINT[]) AS given (customer, seq) \
         JOIN notifications AS n ON n.customer = given.customer AND n.seq = given.seq \
         WHERE n.state = 'dead' ORDER BY n.customer, n.seq FOR UPDATE OF n",
    )
    .bind(remove::customers(rows))
    .bind(remove::seqs(rows))
    .fetch_all(connection)
    .await?;
    let parsed = dead
        .into_iter()
        .filter_map(|(customer, seq)| Some((Customer::parse(&customer).ok()?, seq)));
    Ok(parsed.collect())
}
