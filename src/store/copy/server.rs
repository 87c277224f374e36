//! Writes to PostgreSQL: few statements for many rows, because each is a trip over the network.

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::counts::Ledger;
use super::row::{Moved, MovedAttempt};
use crate::store::Totals;

/// Inserts a batch, or nothing of it.
pub(super) async fn insert(connection: &mut PgConnection, batch: &[Moved]) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    insert_notifications(&mut transaction, batch).await?;
    let queued: Vec<&Moved> = batch.iter().filter(|row| row.state == "queued").collect();
    sqlx::query(
        "INSERT INTO queue (customer, seq, due_at) \
         SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[])",
    )
    .bind(each(&queued, |row| row.customer.as_str()))
    .bind(each(&queued, |row| row.seq))
    .bind(each(&queued, |row| row.due_at))
    .execute(&mut *transaction)
    .await?;
    let events: Vec<(&Moved, &[u8])> = batch
        .iter()
        .filter_map(|row| Some((row, row.event.as_deref()?)))
        .collect();
    sqlx::query(
        "INSERT INTO events (customer, seq, body) \
         SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::BYTEA[])",
    )
    .bind(each(&events, |(row, _)| row.customer.as_str()))
    .bind(each(&events, |(row, _)| row.seq))
    .bind(each(&events, |(_, event)| *event))
    .execute(&mut *transaction)
    .await?;
    let attempts: Vec<(&Moved, &MovedAttempt)> = batch
        .iter()
        .flat_map(|row| row.made.iter().map(move |made| (row, made)))
        .collect();
    if !attempts.is_empty() {
        insert_attempts(&mut transaction, &attempts).await?;
    }
    transaction.commit().await
}

async fn insert_notifications(connection: &mut PgConnection, batch: &[Moved]) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO notifications (seq, id, customer, event_key, event_id, account, application, \
           create_application, event_type, occurred_at, payload_start, payload_end, digest, accepted_at, \
           state, due_at, stage, stage_since, resends, attempts, spent, ambiguous, message_id, reason, \
           detail, status, settled_at, sent_at, sent_ms, suspect_at) \
         SELECT * FROM unnest($1::BIGINT[], $2::BYTEA[], $3::TEXT[], $4::TEXT[], $5::TEXT[], $6::TEXT[], \
           $7::TEXT[], $8::BOOLEAN[], $9::TEXT[], $10::BIGINT[], $11::BIGINT[], $12::BIGINT[], $13::BYTEA[], \
           $14::BIGINT[], $15::TEXT[], $16::BIGINT[], $17::TEXT[], $18::BIGINT[], $19::BIGINT[], \
           $20::BIGINT[], $21::BIGINT[], $22::BOOLEAN[], $23::TEXT[], $24::TEXT[], $25::TEXT[], \
           $26::BIGINT[], $27::BIGINT[], $28::BIGINT[], $29::BIGINT[], $30::BIGINT[])",
    )
    .bind(each(batch, |row| row.seq))
    .bind(each(batch, |row| row.id.as_slice()))
    .bind(each(batch, |row| row.customer.as_str()))
    .bind(each(batch, |row| row.event_key.as_str()))
    .bind(each(batch, |row| row.event_id.as_str()))
    .bind(each(batch, |row| row.account.as_str()))
    .bind(each(batch, |row| row.application.as_str()))
    .bind(each(batch, |row| row.create_application))
    .bind(each(batch, |row| row.event_type.as_str()))
    .bind(each(batch, |row| row.occurred_at))
    .bind(each(batch, |row| row.payload_start))
    .bind(each(batch, |row| row.payload_end))
    .bind(each(batch, |row| row.digest.as_slice()))
    .bind(each(batch, |row| row.accepted_at))
    .bind(each(batch, |row| row.state.as_str()))
    .bind(each(batch, |row| row.due_at))
    .bind(each(batch, |row| row.stage.as_str()))
    .bind(each(batch, |row| row.stage_since))
    .bind(each(batch, |row| row.resends))
    .bind(each(batch, |row| row.attempts))
    .bind(each(batch, |row| row.spent))
    .bind(each(batch, |row| row.ambiguous))
    .bind(each(batch, |row| row.message_id.as_deref().map(storable)))
    .bind(each(batch, |row| row.reason.as_deref()))
    .bind(each(batch, |row| row.detail.as_deref().map(storable)))
    .bind(each(batch, |row| row.status))
    .bind(each(batch, |row| row.settled_at))
    .bind(each(batch, |row| row.sent_at))
    .bind(each(batch, |row| row.sent_ms))
    .bind(each(batch, |row| row.suspect_at))
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_attempts(
    connection: &mut PgConnection,
    attempts: &[(&Moved, &MovedAttempt)],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO attempts (customer, seq, number, step, started_at, duration_ms, answer, status, \
           detail) \
         SELECT * FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::TEXT[], $5::BIGINT[], \
           $6::BIGINT[], $7::TEXT[], $8::BIGINT[], $9::TEXT[])",
    )
    .bind(each(attempts, |(row, _)| row.customer.as_str()))
    .bind(each(attempts, |(row, _)| row.seq))
    .bind(each(attempts, |(_, attempt)| attempt.number))
    .bind(each(attempts, |(_, attempt)| attempt.step.as_str()))
    .bind(each(attempts, |(_, attempt)| attempt.started_at))
    .bind(each(attempts, |(_, attempt)| attempt.duration_ms))
    .bind(each(attempts, |(_, attempt)| attempt.answer.as_str()))
    .bind(each(attempts, |(_, attempt)| attempt.status))
    .bind(each(attempts, |(_, attempt)| storable(&attempt.detail)))
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes the ledger into the first slot, and what else makes a store of the rows, of which `last` is
/// the last. With `suspect_until`, the source's last run ended badly, be it after some rows were copied.
pub(super) async fn finish(
    connection: &mut PgConnection,
    ledger: &Ledger,
    last: i64,
    suspect_until: Option<i64>,
) -> Result<(), sqlx::Error> {
    let customers: Vec<&str> = ledger.keys().map(String::as_str).collect();
    let column = |of: fn(&Totals) -> i64| -> Vec<i64> { ledger.values().map(of).collect() };
    let mut transaction = connection.begin().await?;
    sqlx::query(
        "INSERT INTO ledger (customer, slot, accepted, duplicates, queued, delivered, filtered, dead, \
           expired, retries, failed_attempts) \
         SELECT c.customer, 0, c.accepted, c.duplicates, c.queued, c.delivered, c.filtered, c.dead, \
           c.expired, c.retries, c.failed_attempts \
         FROM unnest($1::TEXT[], $2::BIGINT[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::BIGINT[], \
           $7::BIGINT[], $8::BIGINT[], $9::BIGINT[], $10::BIGINT[]) \
           AS c (customer, accepted, duplicates, queued, delivered, filtered, dead, expired, retries, \
             failed_attempts)",
    )
    .bind(customers)
    .bind(column(|totals| totals.accepted))
    .bind(column(|totals| totals.duplicates))
    .bind(column(|totals| totals.queued))
    .bind(column(|totals| totals.delivered))
    .bind(column(|totals| totals.filtered))
    .bind(column(|totals| totals.dead))
    .bind(column(|totals| totals.expired))
    .bind(column(|totals| totals.retries))
    .bind(column(|totals| totals.failed_attempts))
    .execute(&mut *transaction)
    .await?;
    if let Some(until) = suspect_until {
        sqlx::query(
            "UPDATE notifications SET suspect_at = $1 \
             WHERE state = 'queued' AND accepted_at <= $1 AND suspect_at IS DISTINCT FROM $1",
        )
        .bind(until)
        .execute(&mut *transaction)
        .await?;
    }
    // The next row gets the next number.
    sqlx::query("SELECT setval('notification_seq', greatest($1, 1), $1 > 0)")
        .bind(last)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// Makes a column of what each has.
fn each<'a, T, V>(all: &'a [T], of: impl Fn(&'a T) -> V) -> Vec<V> {
    all.iter().map(of).collect()
}

/// Replaces the one character that PostgreSQL's texts cannot have; what Svix said may have it.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
