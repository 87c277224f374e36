//! Deletes notifications with all that belongs to them.

use sqlx::postgres::PgConnection;

use super::ledger;
use crate::domain::{Customer, State};
use crate::store::changes::{Changes, DeathKind};
use crate::store::{StoreError, rows};

/// One replica at a time deletes, under this lock: two that both wait for the other's counts of dead letters would
/// wait for ever.
const REMOVE_LOCK: i64 = 0x7376_6978_0002;

/// Waits until no other replica deletes, and keeps it so until the transaction ends.
pub(super) async fn alone(connection: &mut PgConnection) -> Result<(), StoreError> {
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(REMOVE_LOCK);
    lock.execute(connection).await?;
    Ok(())
}

/// The same where no other replica deletes just now; tells whether that is so.
pub(super) async fn alone_if_free(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let free = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(REMOVE_LOCK);
    Ok(free.fetch_one(connection).await?)
}

/// Deletes these rows, within a transaction that deletes alone, and counts them in the rows of this replica's slot;
/// what is queued stays. Returns how many have gone.
pub(super) async fn run(
    connection: &mut PgConnection,
    slot: i64,
    places: &[(Customer, i64)],
    mut changes: Changes,
) -> Result<usize, StoreError> {
    let gone = sqlx::query(
        "WITH given AS MATERIALIZED ( \
           SELECT n.customer, n.seq FROM unnest($1::TEXT[], $2::BIGINT[]) AS given (customer, seq) \
           JOIN notifications AS n ON n.customer = given.customer AND n.seq = given.seq \
           WHERE n.state <> 'queued' ORDER BY n.customer, n.seq FOR UPDATE OF n), \
         gone AS ( \
           DELETE FROM notifications AS n USING given AS g \
           WHERE n.customer = g.customer AND n.seq = g.seq AND n.state <> 'queued' \
           RETURNING n.customer, n.seq, n.accepted_at, n.state), \
         bodies AS (DELETE FROM events AS e USING gone AS g WHERE e.customer = g.customer AND e.seq = g.seq), \
         requests AS (DELETE FROM attempts AS a USING gone AS g WHERE a.customer = g.customer AND a.seq = g.seq), \
         earlier AS (DELETE FROM redriven AS r USING gone AS g WHERE r.customer = g.customer AND r.seq = g.seq) \
         SELECT customer, seq, accepted_at, state FROM gone",
    )
    .bind(customers(places))
    .bind(seqs(places))
    .fetch_all(&mut *connection)
    .await?;
    let mut undelivered = Vec::new();
    for row in &gone {
        let (customer, state) = (rows::customer(row)?, rows::named(row, "state")?);
        changes.pruned(&customer, rows::time(row, "accepted_at")?, state);
        if matches!(state, State::Dead | State::Expired) {
            undelivered.push((customer, rows::int(row, "seq")?));
        }
    }
    remove_undelivered(connection, &undelivered, &mut changes).await?;
    ledger::add(connection, slot, &changes).await?;
    remove_empty(connection, &changes).await?;
    Ok(gone.len())
}

/// Deletes what rows that were not delivered were looked for by, and counts those that were dead.
async fn remove_undelivered(
    connection: &mut PgConnection,
    places: &[(Customer, i64)],
    changes: &mut Changes,
) -> Result<(), StoreError> {
    if places.is_empty() {
        return Ok(());
    }
    let gone = sqlx::query(
        "DELETE FROM undelivered AS u USING unnest($1::TEXT[], $2::BIGINT[]) AS given (customer, seq) \
         WHERE u.customer = given.customer AND u.seq = given.seq \
         RETURNING u.customer, u.event_type, u.state, u.reason, u.status, u.outcome",
    )
    .bind(customers(places))
    .bind(seqs(places))
    .fetch_all(connection)
    .await?;
    for row in &gone {
        if rows::text(row, "state")? == State::Dead.as_str() {
            changes.left(DeathKind::read(row)?);
        }
    }
    Ok(())
}

/// Deletes kinds of which there are no dead letters any more: none, when the rows of all slots are added up. They
/// are locked first, and added up as they are then, so that no death is lost that another replica is counting.
async fn remove_empty(connection: &mut PgConnection, changes: &Changes) -> Result<(), StoreError> {
    let kinds: Vec<&DeathKind> = changes.deaths().keys().collect();
    if kinds.is_empty() {
        return Ok(());
    }
    let texts = |of: fn(&DeathKind) -> &str| -> Vec<&str> { kinds.iter().map(|kind| of(kind)).collect() };
    for statement in [
        "SELECT count(*) FROM ( \
           SELECT 1 FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[], $5::TEXT[]) \
             AS k (customer, event_type, reason, status, outcome) JOIN dead_groups AS g \
             USING (customer, event_type, reason, status, outcome) \
           ORDER BY customer COLLATE \"C\", event_type COLLATE \"C\", reason COLLATE \"C\", status, \
             outcome COLLATE \"C\", slot FOR UPDATE OF g) AS locked",
        "DELETE FROM dead_groups AS g \
         USING unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BIGINT[], $5::TEXT[]) \
           AS k (customer, event_type, reason, status, outcome) \
         WHERE g.customer = k.customer AND g.event_type = k.event_type AND g.reason = k.reason \
           AND g.status = k.status AND g.outcome = k.outcome \
           AND 0 = (SELECT sum(s.dead) FROM dead_groups AS s WHERE s.customer = k.customer \
             AND s.event_type = k.event_type AND s.reason = k.reason AND s.status = k.status \
             AND s.outcome = k.outcome)",
    ] {
        sqlx::query(statement)
            .bind(texts(|kind| kind.customer.as_str()))
            .bind(texts(|kind| &kind.event_type))
            .bind(texts(|kind| &kind.reason))
            .bind(kinds.iter().map(|kind| kind.status).collect::<Vec<_>>())
            .bind(texts(|kind| &kind.outcome))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

pub(super) fn customers(places: &[(Customer, i64)]) -> Vec<&str> {
    places.iter().map(|(customer, _)| customer.as_str()).collect()
}

pub(super) fn seqs(places: &[(Customer, i64)]) -> Vec<i64> {
    places.iter().map(|(_, seq)| *seq).collect()
}
