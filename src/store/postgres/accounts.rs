//! Budgets of accounts and customers and gates of accounts, which all replicas keep to.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnection, PgRow};

use super::pool::Pool;
use crate::domain::{AccountName, Shut, Timestamp};
use crate::store::accounts::{RateOwner, SharedAccounts, SharedGate, Slice, SliceRequest};
use crate::store::{StoreError, rows};

/// The accounts in the shared store.
pub(in crate::store) struct Accounts {
    pool: Pool,
}

impl Accounts {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Takes what there is of a budget, at most `want`. A slice is attributed to the start of the
    /// statement, which is after it was asked for and before it arrives. A budget that was used by another rate
    /// the last time has as many permits as that one had left, so that no burst is granted twice, and nothing is lost
    /// while replicas do not agree on the rate.
    async fn take(
        connection: &mut PgConnection,
        name: &str,
        request: SliceRequest,
    ) -> Result<Option<PgRow>, sqlx::Error> {
        sqlx::query(
            "UPDATE accounts SET \
               granted = taken.permits, \
               full_at_us = taken.full_at_us + taken.permits * $3, interval_us = $3, capacity = $4, \
               gate_until = CASE WHEN accounts.gate IN ('circuit', 'refused') AND taken.permits > 0 \
                 THEN now_ms() + $5 ELSE accounts.gate_until END \
             FROM (SELECT a.name, a.full_at_us, greatest(0, least( \
                 CASE WHEN a.gate = 'open' THEN $2 WHEN a.gate_until > now_ms() THEN 0 \
                   WHEN a.gate = 'limited' THEN $2 ELSE 1 END, \
                 $4 - (a.full_at_us - now_us() + $3 - 1) / $3)) AS permits \
               FROM (SELECT name, gate, gate_until, \
                   CASE WHEN interval_us = 0 OR (interval_us, capacity) = ($3, $4) \
                     THEN greatest(full_at_us, now_us()) \
                     ELSE now_us() + $3 * $4 - least($3 * $4, floor( \
                       (interval_us * capacity - greatest(full_at_us - now_us(), 0))::FLOAT8 \
                       * $3::FLOAT8 / interval_us)::BIGINT) END AS full_at_us \
                 FROM accounts WHERE name = $1 FOR UPDATE) AS a) AS taken \
             WHERE accounts.name = taken.name \
             RETURNING granted, greatest(0, accounts.full_at_us - now_us() - $3 * ($4 - 1)) AS next_in_us, \
               gate, gate_since, gate_until, gate_version",
        )
        .bind(name.to_owned())
        .bind(i64::from(request.want))
        .bind(i64::try_from(request.interval_us).unwrap_or(i64::MAX))
        .bind(i64::from(request.capacity))
        .bind(rows::millis(request.probe_wait))
        .fetch_optional(connection)
        .await
    }

    /// Makes a budget known, which is empty: what went out before is not known.
    async fn add(
        connection: &mut PgConnection,
        name: &str,
        request: SliceRequest,
    ) -> Result<(), sqlx::Error> {
        let filling = request.interval_us.saturating_mul(request.capacity.into());
        sqlx::query(
            "INSERT INTO accounts (name, full_at_us, interval_us, capacity) \
             VALUES ($1, now_us() + $2, $3, $4) ON CONFLICT (name) DO NOTHING",
        )
        .bind(name.to_owned())
        .bind(i64::try_from(filling).unwrap_or(i64::MAX))
        .bind(i64::try_from(request.interval_us).unwrap_or(i64::MAX))
        .bind(i64::from(request.capacity))
        .execute(connection)
        .await?;
        Ok(())
    }
}

impl SharedAccounts for Accounts {
    fn slice(&self, owner: RateOwner, request: SliceRequest) -> BoxFuture<'_, Result<Slice, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                let name = &owner.key();
                let mut taken = Self::take(connection, name, request).await?;
                if taken.is_none() {
                    Self::add(connection, name, request).await?;
                    taken = Self::take(connection, name, request).await?;
                }
                let row = taken.ok_or(sqlx::Error::RowNotFound)?;
                let next_in = u64::try_from(rows::int(&row, "next_in_us")?).unwrap_or(0);
                Ok(Slice {
                    granted: u32::try_from(rows::int(&row, "granted")?).unwrap_or(0),
                    next_in: Duration::from_micros(next_in),
                    gate: SharedGate {
                        // A gate of a later version's making is shut like one behind a circuit.
                        shut: match rows::text(&row, "gate")? {
                            "open" => None,
                            shut => Some(shut.parse().unwrap_or(Shut::Circuit)),
                        },
                        since: Timestamp::from_millis(rows::int(&row, "gate_since")?),
                        until: Timestamp::from_millis(rows::int(&row, "gate_until")?),
                        version: rows::int(&row, "gate_version")?,
                    },
                })
            }
            .boxed()
        })
    }

    fn set_gate(&self, account: AccountName, gate: SharedGate) -> BoxFuture<'_, Result<i64, StoreError>> {
        self.pool.ask(move |connection| {
            async move {
                // Of two limits the longer holds, whichever replica heard of it.
                let query = sqlx::query_scalar(
                    "UPDATE accounts SET gate = $2, gate_since = $3, gate_version = gate_version + 1, \
                   gate_until = CASE WHEN gate = 'limited' AND $2 = 'limited' THEN greatest(gate_until, $4) \
                     ELSE $4 END \
                 WHERE name = $1 RETURNING gate_version",
                );
                let version = query
                    .bind(account.as_str().to_owned())
                    .bind(gate.shut.map_or("open", Shut::as_str))
                    .bind(gate.since.as_millis())
                    .bind(gate.until.as_millis())
                    .fetch_one(connection)
                    .await?;
                Ok(version)
            }
            .boxed()
        })
    }
}
