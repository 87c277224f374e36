//! Leases what is due for one customer.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnection, PgRow};

use crate::domain::{Customer, Notification, Timestamp};
use crate::store::fields::Fields;
use crate::store::lease::LeasedRow;
use crate::store::port::Claimed;
use crate::store::taken::{ClaimLimit, Taken};
use crate::store::{StoreError, rows};

/// Leases rows of a customer that are due, the oldest first, as many as `limit` allows. Rows that another
/// replica is about to lease are passed over.
pub(super) async fn run(
    connection: &mut PgConnection,
    customer: &Customer,
    limit: ClaimLimit,
    run: i64,
) -> Result<Taken<Claimed>, StoreError> {
    let Taken { rows: leased, next } = lease(connection, customer, limit, run).await?;
    if leased.is_empty() {
        return Ok(Taken {
            rows: Vec::new(),
            next,
        });
    }
    // A statement of its own: the one before may have leased what another replica settled after the statement
    // began, and would see that notification as it was before.
    let mut found = read(connection, customer, &leased).await?;
    let rows = leased.into_iter().map(|lease| {
        let found = found.remove(&lease.row);
        claimed(found.unwrap_or(Err(sqlx::Error::RowNotFound)), lease)
    });
    Ok(Taken {
        rows: rows.collect(),
        next,
    })
}

/// When a row that was leased was due, its number and its fence; or the size of the next one.
type LeasedOrNext = (Option<i64>, Option<i64>, Option<i64>, Option<i64>);

/// Leases rows of the queue.
async fn lease(
    connection: &mut PgConnection,
    customer: &Customer,
    limit: ClaimLimit,
    run: i64,
) -> Result<Taken<LeasedRow>, StoreError> {
    // The replica's own row is locked, so that nobody can find it expired meanwhile. How many rows fit is
    // looked at first, so that only those are locked; what is then locked in the place of others' is counted
    // again. The length of an event is known without reading it;
    // `OFFSET 0` has it looked up once.
    let found: Vec<LeasedOrNext> = sqlx::query_as(
        "WITH me AS MATERIALIZED ( \
           SELECT run FROM replicas WHERE run = $3 AND ends_at > now_ms() FOR KEY SHARE), \
         head AS MATERIALIZED ( \
           SELECT due_at, seq, size, sum(size) OVER (ORDER BY due_at, seq) AS upto FROM ( \
             SELECT q.due_at, q.seq, coalesce((SELECT octet_length(e.body) FROM events AS e \
               WHERE e.customer = q.customer AND e.seq = q.seq), 0) AS size \
             FROM (SELECT customer, due_at, seq FROM queue \
               WHERE customer = $1 AND owner IS NULL AND due_at <= now_ms() AND EXISTS (SELECT 1 FROM me) \
               ORDER BY due_at, seq LIMIT $2) AS q OFFSET 0) AS sized), \
         due AS MATERIALIZED ( \
           SELECT customer, seq, due_at FROM queue \
           WHERE customer = $1 AND owner IS NULL AND due_at <= now_ms() AND EXISTS (SELECT 1 FROM me) \
           ORDER BY due_at, seq LIMIT (SELECT count(*) FROM head WHERE upto <= $4) FOR UPDATE SKIP LOCKED), \
         fits AS MATERIALIZED ( \
           SELECT customer, seq, due_at, size, sum(size) OVER (ORDER BY due_at, seq) AS upto FROM ( \
             SELECT due.customer, due.seq, due.due_at, coalesce((SELECT octet_length(e.body) FROM events AS e \
               WHERE e.customer = due.customer AND e.seq = due.seq), 0) AS size FROM due OFFSET 0) AS sized), \
         leased AS ( \
           UPDATE queue AS q SET owner = $3, fence = nextval('lease_fence') \
           FROM fits WHERE q.customer = fits.customer AND q.seq = fits.seq AND fits.upto <= $4 \
           RETURNING q.due_at, q.seq, q.fence) \
         SELECT due_at, seq, fence, NULL::BIGINT AS next FROM leased \
         UNION ALL \
         SELECT NULL, NULL, NULL, CAST(coalesce( \
           (SELECT size FROM fits WHERE upto > $4 ORDER BY due_at, seq LIMIT 1), \
           (SELECT size FROM head WHERE upto > $4 ORDER BY due_at, seq LIMIT 1)) AS BIGINT)",
    )
    .bind(customer.as_str())
    .bind(rows::index(limit.rows))
    .bind(run)
    .bind(rows::index(limit.bytes))
    .fetch_all(connection)
    .await?;
    let next = found.iter().find_map(|(.., next)| *next);
    let mut leased: Vec<(i64, i64, i64)> = found
        .into_iter()
        .filter_map(|(due_at, seq, fence, _)| Some((due_at?, seq?, fence?)))
        .collect();
    leased.sort_unstable();
    let row = |(_, row, fence)| LeasedRow {
        customer: customer.clone(),
        row,
        fence,
    };
    Ok(Taken {
        rows: leased.into_iter().map(row).collect(),
        next: next.map(|size| usize::try_from(size).unwrap_or(usize::MAX)),
    })
}

/// Reads leased notifications with their events.
async fn read(
    connection: &mut PgConnection,
    customer: &Customer,
    leased: &[LeasedRow],
) -> Result<HashMap<i64, Result<Notification, sqlx::Error>>, StoreError> {
    let rows: Vec<i64> = leased.iter().map(|lease| lease.row).collect();
    let mut found = HashMap::with_capacity(rows.len());
    let mut stream = sqlx::query(
        "SELECT n.seq, n.id, n.customer, n.account, n.application, n.create_application, n.application_name, n.event_id, \
           n.event_type, n.payload_start, n.payload_end, n.accepted_at, n.due_at, n.stage, n.stage_since, n.resends, \
           n.attempts, n.spent, n.ambiguous, n.message_id, n.credential, n.request, n.trace, n.suspect_at, n.expires_at, n.redrive, n.redrives, e.body \
         FROM notifications AS n LEFT JOIN events AS e ON e.customer = n.customer AND e.seq = n.seq \
         WHERE n.customer = $1 AND n.seq = ANY ($2)",
    )
    .bind(customer.as_str())
    .bind(rows)
    .fetch(connection);
    // One by one, so that no more than a few are held twice.
    while let Some(row) = stream.try_next().await? {
        if let Ok(Some(seq)) = row.int("seq") {
            found.insert(seq, notification(&row));
        }
    }
    Ok(found)
}

fn notification(row: &PgRow) -> Result<Notification, sqlx::Error> {
    let suspect_until = row.int("suspect_at")?.map(Timestamp::from_millis);
    rows::notification(row, suspect_until)
}

fn claimed(found: Result<Notification, sqlx::Error>, lease: LeasedRow) -> Claimed {
    match found {
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
