//! Records what came of notifications.

use std::collections::HashSet;

use sqlx::postgres::PgConnection;

use crate::domain::{Attempt, CredentialId, Customer, Reason, RedriveId, Stage, Timestamp};
use crate::store::changes::{Changes, death_kind};
use crate::store::lease::LeasedRow;
use crate::store::rows::{self, ATTEMPTS_KEPT};
use crate::store::{Settlement, StoreError};

/// A settlement with the row it is of.
type Settled<'a> = (&'a LeasedRow, &'a Settlement);

/// Records outcomes and ends their leases. One whose lease is not this replica's any more changes nothing.
pub(super) async fn run(
    connection: &mut PgConnection,
    settlements: &[Settled<'_>],
    run: i64,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    if settlements.is_empty() {
        return Ok(());
    }
    let settled = update(connection, settlements, run).await?;
    let settled = settlements
        .iter()
        .filter(|(leased, _)| settled.contains(&leased.row));
    let (mut attempts, mut undelivered) = (Vec::new(), Vec::new());
    for (leased, settlement) in settled {
        changes.settled(settlement);
        if settlement.is_undelivered() {
            undelivered.push((*leased, *settlement));
        }
        if !settlement.is_first_try_success() {
            let kept = settlement.attempts.iter();
            attempts.extend(
                kept.filter(|attempt| attempt.number <= ATTEMPTS_KEPT)
                    .map(|attempt| (*leased, attempt)),
            );
        }
    }
    insert_attempts(connection, &attempts).await?;
    insert_undelivered(connection, &undelivered).await
}

/// Takes what is at its end out of the queue, puts the rest back, and notes both; returns the rows that were
/// leased to this replica. The sum keeps the server from going through all that the replica holds for each.
async fn update(
    connection: &mut PgConnection,
    settlements: &[Settled<'_>],
    run: i64,
) -> Result<HashSet<i64>, StoreError> {
    let rows: Vec<i64> = sqlx::query_scalar(
        "WITH given AS MATERIALIZED ( \
           SELECT * FROM unnest($2::TEXT[], $3::BIGINT[], $4::BIGINT[], $5::TEXT[], $6::BIGINT[], $7::TEXT[], \
             $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[], $12::BOOLEAN[], $13::TEXT[], $14::TEXT[], \
             $15::TEXT[], $16::BIGINT[], $17::BIGINT[], $18::BIGINT[], $19::BIGINT[], $20::TEXT[], $21::BIGINT[], $22::BIGINT[], $23::BIGINT[]) \
             AS given (customer, seq, fence, state, due_at, stage, stage_since, resends, attempts, spent, \
               ambiguous, message_id, reason, detail, status, settled_at, sent_at, sent_ms, replica, credential, \
               doubt_since, doubt_until)), \
         gone AS ( \
           DELETE FROM queue AS q USING given AS s \
           WHERE q.customer = s.customer AND q.seq = s.seq AND q.owner + 0 = $1 AND q.fence = s.fence \
             AND s.state <> 'queued' RETURNING s.*), \
         back AS ( \
           UPDATE queue AS q SET owner = NULL, due_at = s.due_at FROM given AS s \
           WHERE q.customer = s.customer AND q.seq = s.seq AND q.owner + 0 = $1 AND q.fence = s.fence \
             AND s.state = 'queued' RETURNING s.*) \
         UPDATE notifications AS n SET state = s.state, due_at = s.due_at, stage = s.stage, \
           stage_since = s.stage_since, resends = s.resends, attempts = s.attempts, spent = s.spent, \
           ambiguous = s.ambiguous, message_id = s.message_id, reason = s.reason, detail = s.detail, \
           status = s.status, settled_at = s.settled_at, sent_at = s.sent_at, sent_ms = s.sent_ms, \
           replica = s.replica, credential = s.credential, doubt_since = s.doubt_since, \
           doubt_until = s.doubt_until FROM (SELECT * FROM gone UNION ALL SELECT * FROM back) AS s \
         WHERE n.customer = s.customer AND n.seq = s.seq RETURNING n.seq",
    )
    .bind(run)
    .bind(each(settlements, |(leased, _)| leased.customer.as_str()))
    .bind(each(settlements, |(leased, _)| leased.row))
    .bind(each(settlements, |(leased, _)| leased.fence))
    .bind(each(settlements, |(_, settlement)| settlement.state.as_str()))
    .bind(each(settlements, |(_, settlement)| settlement.due_at.as_millis()))
    .bind(each(settlements, |(_, settlement)| rows::stage_name(&settlement.progress.stage)))
    .bind(each(settlements, |(_, settlement)| proof(settlement).0.as_millis()))
    .bind(each(settlements, |(_, settlement)| i64::from(proof(settlement).1)))
    .bind(each(settlements, |(_, settlement)| i64::from(settlement.progress.attempts)))
    .bind(each(settlements, |(_, settlement)| i64::from(settlement.progress.spent)))
    .bind(each(settlements, |(_, settlement)| settlement.progress.ambiguous))
    .bind(each(settlements, |(_, settlement)| settlement.progress.message_id.as_deref()))
    .bind(each(settlements, |(_, settlement)| settlement.reason.map(Reason::as_str)))
    .bind(each(settlements, |(_, settlement)| detail(settlement)))
    .bind(each(settlements, |(_, settlement)| last(settlement)?.status.map(i64::from)))
    .bind(each(settlements, |(_, settlement)| {
        settlement.state.is_final().then(|| settlement.settled_at.as_millis())
    }))
    .bind(each(settlements, |(_, settlement)| Some(last(settlement)?.started_at.as_millis())))
    .bind(each(settlements, |(_, settlement)| Some(rows::millis(last(settlement)?.duration))))
    .bind(each(settlements, |(_, settlement)| last(settlement)?.replica.as_deref()))
    .bind(each(settlements, |(_, settlement)| settlement.progress.credential.map(CredentialId::as_i64)))
    .bind(each(settlements, |(_, settlement)| Some(settlement.progress.doubt?.since.as_millis())))
    .bind(each(settlements, |(_, settlement)| Some(settlement.progress.doubt?.until.as_millis())))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().collect())
}

async fn insert_attempts(
    connection: &mut PgConnection,
    attempts: &[(&LeasedRow, &Attempt)],
) -> Result<(), StoreError> {
    if attempts.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO attempts (customer, seq, number, step, due_at, started_at, duration_ms, answer, status, detail, \
           replica) \
         SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::TEXT[], $5::BIGINT[], $6::BIGINT[], \
           $7::BIGINT[], $8::TEXT[], $9::BIGINT[], $10::TEXT[], $11::TEXT[]) ON CONFLICT DO NOTHING",
    )
    .bind(each(attempts, |(leased, _)| leased.customer.as_str()))
    .bind(each(attempts, |(leased, _)| leased.row))
    .bind(each(attempts, |(_, attempt)| i64::from(attempt.number)))
    .bind(each(attempts, |(_, attempt)| attempt.step.as_str()))
    .bind(each(attempts, |(_, attempt)| attempt.due_at.map(Timestamp::as_millis)))
    .bind(each(attempts, |(_, attempt)| attempt.started_at.as_millis()))
    .bind(each(attempts, |(_, attempt)| rows::millis(attempt.duration)))
    .bind(each(attempts, |(_, attempt)| attempt.answer.as_str()))
    .bind(each(attempts, |(_, attempt)| attempt.status.map(i64::from)))
    .bind(each(attempts, |(_, attempt)| storable(&attempt.detail)))
    .bind(each(attempts, |(_, attempt)| attempt.replica.as_deref()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes what ended without a delivery, by what it is looked for.
async fn insert_undelivered(
    connection: &mut PgConnection,
    undelivered: &[Settled<'_>],
) -> Result<(), StoreError> {
    if undelivered.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO undelivered (customer, seq, event_type, state, reason, status, outcome, settled_at, words) \
         SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::BIGINT[], \
           $7::TEXT[], $8::BIGINT[], $9::TEXT[]) ON CONFLICT DO NOTHING",
    )
    .bind(each(undelivered, |(leased, _)| leased.customer.as_str()))
    .bind(each(undelivered, |(leased, _)| leased.row))
    .bind(each(undelivered, |(_, settlement)| settlement.notification.event_type.as_str()))
    .bind(each(undelivered, |(_, settlement)| settlement.state.as_str()))
    .bind(each(undelivered, |(_, settlement)| death_kind(settlement).reason))
    .bind(each(undelivered, |(_, settlement)| death_kind(settlement).status))
    .bind(each(undelivered, |(_, settlement)| death_kind(settlement).outcome))
    .bind(each(undelivered, |(_, settlement)| settlement.settled_at.as_millis()))
    .bind(each(undelivered, |(_, settlement)| storable(&settlement.words())))
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes a column of what each has.
fn each<T: Copy, V>(all: &[T], of: impl Fn(T) -> V) -> Vec<V> {
    all.iter().copied().map(of).collect()
}

fn last(settlement: &Settlement) -> Option<&Attempt> {
    settlement.attempts.last()
}

fn detail(settlement: &Settlement) -> Option<String> {
    let detail = &last(settlement)?.detail;
    (!detail.is_empty()).then(|| storable(detail))
}

/// Replaces the one character that PostgreSQL's texts cannot have.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Returns since when a dispatch is looked for, and how often it was asked for.
fn proof(settlement: &Settlement) -> (Timestamp, u32) {
    match settlement.progress.stage {
        Stage::Prove { since, resends } => (since, resends),
        _ => (Timestamp::default(), 0),
    }
}

/// What is known of a row that was set aside.
pub(super) struct SetAside {
    pub(super) accepted_at: Timestamp,
    pub(super) event_type: String,
    pub(super) redrive: Option<RedriveId>,
}

/// Takes a row that cannot be read out of the queue, where it is in it.
pub(super) async fn set_aside(
    connection: &mut PgConnection,
    customer: &Customer,
    row: i64,
    why: &str,
    now: Timestamp,
) -> Result<Option<SetAside>, StoreError> {
    let found: Option<(i64, String, Option<Vec<u8>>)> = sqlx::query_as(
        "WITH gone AS (DELETE FROM queue WHERE customer = $4 AND seq = $5), \
         dead AS ( \
           UPDATE notifications SET state = 'dead', reason = $1, detail = $2, settled_at = $3 \
           WHERE customer = $4 AND seq = $5 AND state = 'queued' RETURNING accepted_at, event_type, redrive), \
         noted AS ( \
           INSERT INTO undelivered (customer, seq, event_type, state, reason, outcome, settled_at, words) \
           SELECT $4, $5, event_type, 'dead', $1, '', $3, $1 || ' ' || $2 FROM dead ON CONFLICT DO NOTHING) \
         SELECT accepted_at, event_type, redrive FROM dead",
    )
    .bind(Reason::Unreadable.as_str())
    .bind(storable(why))
    .bind(now.as_millis())
    .bind(customer.as_str())
    .bind(row)
    .fetch_optional(connection)
    .await?;
    Ok(found.map(|(accepted_at, event_type, redrive)| SetAside {
        accepted_at: Timestamp::from_millis(accepted_at),
        event_type,
        redrive: redrive.and_then(|id| RedriveId::from_bytes(&id).ok()),
    }))
}
