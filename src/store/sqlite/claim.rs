//! Finds what is due for one customer.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::leases::Leases;
use super::open::Suspect;
use crate::domain::{Customer, Timestamp};
use crate::store::port::Claimed;
use crate::store::taken::{ClaimLimit, Taken};
use crate::store::{StoreError, rows};

/// What is due, by the index alone. A name that was made a blob is another value to SQLite; its rows are
/// found to be set aside.
pub(super) const DUE: &str = "SELECT seq FROM (SELECT seq FROM notifications INDEXED BY notifications_due \
     WHERE state = 'queued' AND customer = ?1 AND due_at <= ?2 ORDER BY due_at, seq LIMIT ?3) \
     UNION ALL \
     SELECT seq FROM (SELECT seq FROM notifications INDEXED BY notifications_due \
     WHERE state = 'queued' AND customer = CAST(?1 AS BLOB) AND due_at <= ?2 LIMIT ?3)";

/// How large the events of these rows are, in their order. A length stands at the head of its row: the
/// event itself is not read.
pub(super) const SIZES: &str = "SELECT due.value, octet_length(e.body) \
     FROM json_each(?) AS due LEFT JOIN events AS e ON e.seq = due.value";

/// What a delivery needs, in no order: rows that are sorted take their events along.
pub(super) const ROWS: &str = "SELECT n.seq, n.id, n.customer, n.account, n.application, n.create_application, n.application_name, \
    n.event_id, n.event_type, n.payload_start, n.payload_end, n.accepted_at, n.due_at, n.stage, n.stage_since, n.resends, \
    n.attempts, n.spent, n.ambiguous, n.doubt_since, n.doubt_until, n.message_id, n.credential, n.request, n.trace, n.expires_at, n.redrive, n.redrives, e.body \
    FROM notifications AS n LEFT JOIN events AS e ON e.seq = n.seq \
    WHERE n.seq IN (SELECT value FROM json_each(?)) AND n.state = 'queued'";

/// Leases rows of a customer that are due and not leased, the oldest first, as many as `limit` allows.
///
/// Leased rows are few and passed over in the index, so that leasing needs no write.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    customer: &Customer,
    now: Timestamp,
    limit: ClaimLimit,
    leases: &mut Leases,
    suspect: Option<Suspect>,
) -> Result<Taken<Claimed>, StoreError> {
    let due: Vec<i64> = sqlx::query_scalar(DUE)
        .bind(customer.as_str().to_owned())
        .bind(now.as_millis())
        .bind(rows::index(limit.rows.saturating_add(leases.count(customer))))
        .fetch_all(&mut *connection)
        .await?;
    let free: Vec<i64> = due
        .into_iter()
        .filter(|row| !leases.has(customer, *row))
        .take(limit.rows)
        .collect();
    if free.is_empty() {
        return Ok(Taken::default());
    }
    let Taken { rows: fitting, next } = fitting(connection, &free, limit.bytes).await?;
    let mut found = HashMap::with_capacity(fitting.len());
    if !fitting.is_empty() {
        // One by one, so that no more than a few are held twice.
        let mut stream = sqlx::query(ROWS).bind(list(&fitting)).fetch(connection);
        while let Some(row) = stream.try_next().await? {
            let seq: i64 = row.try_get("seq")?;
            let suspect = suspect.filter(|suspect| seq <= suspect.last_row);
            let suspect_until = suspect.map(|suspect| suspect.until);
            found.insert(seq, claimed(&row, seq, customer, leases, suspect_until));
        }
    }
    let rows = fitting.iter().filter_map(|seq| found.remove(seq)).collect();
    Ok(Taken { rows, next })
}

/// Returns the first of the rows, as long as their events have no more bytes together.
async fn fitting(
    connection: &mut SqliteConnection,
    due: &[i64],
    bytes: usize,
) -> Result<Taken<i64>, StoreError> {
    let mut taken = Taken::default();
    let mut left = bytes;
    let mut sizes = sqlx::query_as::<_, (i64, Option<i64>)>(SIZES)
        .bind(list(due))
        .fetch(connection);
    while let Some((seq, size)) = sizes.try_next().await? {
        // Where the event is gone, the row is found to be set aside.
        let size = usize::try_from(size.unwrap_or(0)).unwrap_or(usize::MAX);
        let Some(rest) = left.checked_sub(size) else {
            taken.next = Some(size);
            break;
        };
        left = rest;
        taken.rows.push(seq);
    }
    Ok(taken)
}

fn claimed(
    row: &SqliteRow,
    seq: i64,
    customer: &Customer,
    leases: &mut Leases,
    suspect_until: Option<Timestamp>,
) -> Claimed {
    match rows::notification(row, suspect_until) {
        Ok(notification) => Claimed::Readable {
            lease: leases.take(customer, seq),
            notification: Box::new(notification),
        },
        Err(why) => Claimed::Unreadable {
            row: seq,
            why: why.to_string(),
        },
    }
}

/// Makes one value of many numbers.
fn list(seqs: &[i64]) -> String {
    serde_json::to_string(seqs).unwrap_or_default()
}
