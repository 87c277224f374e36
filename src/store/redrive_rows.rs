//! The jobs that send dead letters again, as rows of either database.

use std::marker::PhantomData;

use sqlx::{Database, Encode, Executor, IntoArguments, QueryBuilder, Type};

use super::fields::Fields;
use super::redrive::{Redrive, RedriveStep, Redrives, SentAgain};
use super::{StoreError, rows};
use crate::domain::{RedriveId, RedriveState, Timestamp};

/// The rows of one kind of database.
pub(super) struct RedriveRows<DB>(PhantomData<fn() -> DB>);

impl<DB> RedriveRows<DB>
where
    DB: Database<Row: Fields, Arguments: IntoArguments<DB>>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    Option<String>: for<'q> Encode<'q, DB>,
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
    Option<i64>: for<'q> Encode<'q, DB>,
    f64: for<'q> Encode<'q, DB> + Type<DB>,
    Option<f64>: for<'q> Encode<'q, DB>,
    bool: for<'q> Encode<'q, DB> + Type<DB>,
{
    /// Stores a new job.
    pub(super) async fn add(connection: &mut DB::Connection, redrive: &Redrive) -> Result<(), StoreError> {
        let customer = redrive.narrowing.customer.as_ref();
        sqlx::query::<DB>(
            "INSERT INTO redrives (id, filter, rate, stop_ratio, newest_first, by_key, state, created_at, \
               changed_at, paced_to_us, total, customer) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        )
        .bind(redrive.id.as_bytes().to_vec())
        .bind(serde_json::to_string(&redrive.narrowing).unwrap_or_default())
        .bind(redrive.rate)
        .bind(redrive.stop_ratio)
        .bind(redrive.newest_first)
        .bind(redrive.key.clone())
        .bind(redrive.state.as_str().to_owned())
        .bind(redrive.created_at.as_millis())
        .bind(redrive.changed_at.as_millis())
        .bind(redrive.paced_to_us)
        .bind(redrive.total)
        .bind(customer.map(|customer| customer.as_str().to_owned()))
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Moves a job from the state it is in to another. Returns whether it was in that state still.
    pub(super) async fn change(
        connection: &mut DB::Connection,
        redrive: &Redrive,
        to: RedriveState,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let changed = sqlx::query::<DB>(
            "UPDATE redrives SET state = $1, why = $2, changed_at = $3, finished_at = $4, \
               paced_to_us = CASE WHEN paced_to_us < $5 THEN $5 ELSE paced_to_us END, \
               forgiven_dead = CASE $1 WHEN 'running' THEN dead ELSE forgiven_dead END, \
               forgiven_settled = CASE $1 WHEN 'running' THEN delivered + dead + expired ELSE forgiven_settled END \
             WHERE id = $6 AND state = $7 RETURNING id",
        )
        .bind(to.as_str().to_owned())
        .bind(why.map(str::to_owned))
        .bind(now.as_millis())
        .bind(to.is_final().then(|| now.as_millis()))
        .bind(now.as_millis().saturating_mul(1000))
        .bind(redrive.id.as_bytes().to_vec())
        .bind(redrive.state.as_str().to_owned())
        .fetch_all(connection)
        .await?;
        Ok(!changed.is_empty())
    }

    /// Notes what a job does, and tells whether it is as it was looked at. Of two replicas that try the same
    /// step, the second waits here for the first, and finds that it is not.
    pub(super) async fn advance(
        connection: &mut DB::Connection,
        step: &RedriveStep,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let advanced = sqlx::query::<DB>(
            "UPDATE redrives SET cursor = coalesce($1, cursor), paced_to_us = $2, changed_at = $3 \
             WHERE id = $4 AND state = 'running' AND cursor IS NOT DISTINCT FROM $5 AND sent = $6 RETURNING id",
        )
        .bind(step.letters.cursor)
        .bind(step.paced_to_us)
        .bind(now.as_millis())
        .bind(step.redrive.id.as_bytes().to_vec())
        .bind(step.redrive.cursor)
        .bind(step.redrive.sent)
        .fetch_all(connection)
        .await?;
        Ok(!advanced.is_empty())
    }

    /// Counts what a job has put back.
    pub(super) async fn count(
        connection: &mut DB::Connection,
        redrive: RedriveId,
        sent: i64,
    ) -> Result<(), StoreError> {
        sqlx::query::<DB>("UPDATE redrives SET sent = sent + $1 WHERE id = $2")
            .bind(sent)
            .bind(redrive.as_bytes().to_vec())
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Finds jobs.
    pub(super) async fn find(
        connection: &mut DB::Connection,
        which: Redrives,
    ) -> Result<Vec<Redrive>, StoreError> {
        let mut query = QueryBuilder::<DB>::new("SELECT * FROM redrives");
        match which {
            Redrives::One(id) => query.push(" WHERE id = ").push_bind(id.as_bytes().to_vec()),
            Redrives::Running => query.push(" WHERE state = 'running' ORDER BY id"),
            Redrives::Unfinished => query.push(" WHERE state NOT IN ('cancelled', 'completed') ORDER BY id"),
            Redrives::Newest(customer, limit) => {
                if let Some(customer) = customer {
                    query
                        .push(" WHERE customer = ")
                        .push_bind(customer.as_str().to_owned());
                }
                query.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit))
            }
        };
        let found = query.build().fetch_all(connection).await?;
        Ok(found.iter().map(redrive).collect::<Result<_, _>>()?)
    }
}

/// Reads a redrive.
fn redrive(row: &impl Fields) -> Result<Redrive, sqlx::Error> {
    let moment = |column| row.int(column).map(|at| at.map(Timestamp::from_millis));
    let time = |column| rows::int(row, column).map(Timestamp::from_millis);
    let owned = |column| row.text(column).map(|text| text.map(str::to_owned));
    let narrowing = serde_json::from_str(rows::text(row, "filter")?)
        .map_err(|error| rows::unreadable("filter", error))?;
    Ok(Redrive {
        id: RedriveId::from_bytes(rows::bytes(row, "id")?).map_err(|error| rows::unreadable("id", error))?,
        narrowing,
        rate: row.real("rate")?.unwrap_or(1.0),
        stop_ratio: row.real("stop_ratio")?,
        newest_first: row.flag("newest_first")?,
        key: owned("by_key")?,
        state: rows::named(row, "state")?,
        why: owned("why")?,
        created_at: time("created_at")?,
        changed_at: time("changed_at")?,
        finished_at: moment("finished_at")?,
        paced_to_us: rows::int(row, "paced_to_us")?,
        cursor: row.int("cursor")?,
        total: rows::int(row, "total")?,
        sent: rows::int(row, "sent")?,
        delivered: rows::int(row, "delivered")?,
        dead: rows::int(row, "dead")?,
        expired: rows::int(row, "expired")?,
        forgiven_dead: rows::int(row, "forgiven_dead")?,
        forgiven_settled: rows::int(row, "forgiven_settled")?,
    })
}

/// Reads one time that a notification was sent again.
pub(super) fn sent_again(row: &impl Fields) -> Result<SentAgain, sqlx::Error> {
    let owned = |column| row.text(column).map(|text| text.map(str::to_owned));
    let redrive = row.bytes("redrive")?.map(RedriveId::from_bytes).transpose();
    Ok(SentAgain {
        at: Timestamp::from_millis(rows::int(row, "at")?),
        redrive: redrive.map_err(|error| rows::unreadable("redrive", error))?,
        key: owned("by_key")?,
        died_at: row.int("died_at")?.map(Timestamp::from_millis),
        reason: owned("reason")?,
        status: row.int("status")?.and_then(|status| u16::try_from(status).ok()),
        detail: owned("detail")?,
    })
}
