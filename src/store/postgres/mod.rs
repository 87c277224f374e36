//! The shared store: a PostgreSQL database that several replicas use together.
//!
//! ```text
//! accept   stores what is new           replica   this process among the others: lease, clock, takeover
//! claim    leases what is due           ledger    counts, in rows of this replica's own
//! settle   records what came of it      read      look-ups, on connections of their own
//! prune    finds what is over           accounts  budgets and gates that replicas share
//! remove   deletes rows                 pool      connections for look-ups and accounts
//! redrive  sends dead letters again     audit     compares the ledger with the rows
//! hints    says and hears that something is free
//! survey   counts what is queued
//! ```

mod accept;
mod accounts;
mod audit;
mod claim;
mod hints;
mod ledger;
mod open;
mod pool;
mod prune;
mod read;
mod redrive;
mod remove;
mod replica;
mod settle;
mod survey;

use std::future::Future;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use super::changes::Changes;
use super::key_uses::{KeyUse, KeyUseRows};
use super::lease::{LeasedRow, Term};
use super::port::{AcceptReceipt, Batch, Claimed, WriteSide};
use super::redrive_rows::RedriveRows;
use super::retention::{Cutoffs, Retention};
use super::setting_rows::SettingRows;
use super::settings::{SettingChange, SettingChanged};
use super::taken::{ClaimLimit, Taken};
use super::{DeadLetters, Redrive, RedriveStep, StoreError, Trouble};
use crate::domain::{Customer, RedriveState, Timestamp};
pub(super) use open::{MIGRATIONS, open};
pub(super) use read::Reader;
pub(super) use replica::REGISTRY_LOCK;
use replica::Replica;

/// The jobs that send dead letters again.
type Redrives = RedriveRows<sqlx::Postgres>;

/// One replica at a time writes settings, under this lock, so that whoever has seen a revision has seen all before it.
const SETTINGS_LOCK: i64 = 0x7376_6978_0004;

/// How long one piece of work may take before the connection counts as broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// The writing side of the shared store.
pub(super) struct Postgres {
    options: PgConnectOptions,
    /// None while the database is in trouble.
    connection: Option<PgConnection>,
    replica: Replica,
    retention: Retention,
}

impl Postgres {
    fn changes(&self) -> Changes {
        Changes::since(self.retention.cutoffs(self.replica.now()).minute)
    }

    /// Does a piece of work on the connection, in a transaction. Whatever goes wrong, the connection
    /// is clean afterwards or given up.
    async fn within<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut PgConnection, &mut Replica) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.connection.as_mut().ok_or_else(unreachable)?;
        let replica = &mut self.replica;
        let done = in_time(async {
            sqlx::query("BEGIN").execute(&mut *connection).await?;
            let done = work(connection, replica).await?;
            sqlx::query("COMMIT").execute(&mut *connection).await?;
            Ok(done)
        })
        .await;
        match &done {
            Ok(_) => {}
            Err(error) if error.is_unavailable() => self.connection = None,
            Err(_) => {
                let rolled_back = in_time(async {
                    sqlx::query("ROLLBACK").execute(&mut *connection).await?;
                    Ok(())
                });
                if rolled_back.await.is_err() {
                    self.connection = None;
                }
            }
        }
        done
    }
}

impl WriteSide for Postgres {
    fn term(&self) -> Term {
        self.replica.term()
    }

    async fn commit(&mut self, batch: &Batch<'_>) -> Result<Vec<AcceptReceipt>, StoreError> {
        let now = self.replica.now();
        let mut changes = self.changes();
        let receipts = self
            .within(async |connection, replica| {
                let receipts = accept::run(connection, &batch.accepts, replica.run(), &mut changes).await?;
                settle::run(connection, &batch.settlements, replica.run(), &mut changes).await?;
                for customer in batch.duplicates {
                    changes.duplicate(customer, now);
                }
                ledger::add(connection, replica.slot(), &changes).await?;
                Ok(receipts)
            })
            .await?;
        for (row, _) in &batch.settlements {
            self.replica.let_go(row);
        }
        for receipt in &receipts {
            if let AcceptReceipt::Stored { lease: Some(row), .. } = receipt {
                self.replica.hold(row);
            }
        }
        Ok(receipts)
    }

    async fn claim(&mut self, customer: &Customer, limit: ClaimLimit) -> Result<Taken<Claimed>, StoreError> {
        let claimed = self
            .within(async |connection, replica| claim::run(connection, customer, limit, replica.run()).await)
            .await?;
        for claim in &claimed.rows {
            if let Claimed::Readable { lease, .. } = claim {
                self.replica.hold(lease);
            }
        }
        Ok(claimed)
    }

    async fn release(&mut self, rows: &[LeasedRow]) -> Result<(), StoreError> {
        rows.iter().for_each(|row| self.replica.let_go(row));
        self.within(async |connection, replica| replica.release(connection, rows).await)
            .await
    }

    async fn keep_up(&mut self) -> Result<u64, StoreError> {
        if !self.replica.is_due() {
            return Ok(0);
        }
        self.within(async |connection, replica| replica.renew(connection).await)
            .await?;
        self.within(async |connection, _| replica::take_over(connection).await)
            .await
    }

    async fn set_aside(
        &mut self,
        customer: &Customer,
        row: i64,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut changes = self.changes();
        self.within(async |connection, replica| {
            if let Some(row) = settle::set_aside(connection, customer, row, why, now).await? {
                changes.unreadable(customer, row.accepted_at, row.event_type, row.redrive, now);
                ledger::add(connection, replica.slot(), &changes).await?;
            }
            Ok(())
        })
        .await
    }

    async fn add_redrive(&mut self, redrive: &Redrive) -> Result<(), StoreError> {
        self.within(async |connection, _| Redrives::add(connection, redrive).await)
            .await
    }

    async fn change_redrive(
        &mut self,
        redrive: &Redrive,
        to: RedriveState,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.within(async |connection, _| Redrives::change(connection, redrive, to, why, now).await)
            .await
    }

    async fn redrive(&mut self, step: &RedriveStep, now: Timestamp) -> Result<Option<u64>, StoreError> {
        let mut changes = self.changes();
        self.within(async |connection, replica| {
            if !Redrives::advance(connection, step, now).await? {
                return Ok(None);
            }
            let (id, key) = (step.redrive.id, step.redrive.key.as_deref());
            let rows = &step.letters.rows;
            let sent = redrive::put_back(connection, rows, Some(id), key, now, &mut changes).await?;
            Redrives::count(connection, id, sent).await?;
            ledger::add(connection, replica.slot(), &changes).await?;
            Ok(u64::try_from(sent).ok())
        })
        .await
    }

    async fn redrive_one(
        &mut self,
        customer: &Customer,
        row: i64,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut changes = self.changes();
        self.within(async |connection, replica| {
            let rows = [(customer.clone(), row)];
            let sent = redrive::put_back(connection, &rows, None, key, now, &mut changes).await?;
            ledger::add(connection, replica.slot(), &changes).await?;
            Ok(sent == 1)
        })
        .await
    }

    async fn purge(&mut self, letters: &DeadLetters) -> Result<u64, StoreError> {
        let changes = self.changes();
        self.within(async |connection, replica| {
            remove::alone(connection).await?;
            let dead = redrive::dead(connection, &letters.rows).await?;
            let gone = remove::run(connection, replica.slot(), &dead, changes).await?;
            Ok(u64::try_from(gone).unwrap_or(u64::MAX))
        })
        .await
    }

    async fn change_setting(
        &mut self,
        change: &SettingChange,
        now: Timestamp,
    ) -> Result<SettingChanged, StoreError> {
        self.within(async |connection, _| {
            sqlx::query("SELECT pg_advisory_xact_lock($1)")
                .bind(SETTINGS_LOCK)
                .execute(&mut *connection)
                .await?;
            SettingRows::<sqlx::Postgres>::change(connection, change, now).await
        })
        .await
    }

    async fn note_key_uses(&mut self, uses: &[KeyUse]) -> Result<(), StoreError> {
        self.within(async |connection, _| {
            // No key is revoked meanwhile; others may write uses.
            sqlx::query("SELECT pg_advisory_xact_lock_shared($1)")
                .bind(SETTINGS_LOCK)
                .execute(&mut *connection)
                .await?;
            KeyUseRows::<sqlx::Postgres>::note(connection, uses).await
        })
        .await
    }

    async fn prune(&mut self, after: i64, limit: u32, cutoffs: &Cutoffs) -> Result<Option<i64>, StoreError> {
        let changes = self.changes();
        self.within(async |connection, replica| {
            prune::run(connection, replica.slot(), (after, limit), cutoffs, changes).await
        })
        .await
    }

    async fn prune_counts(&mut self, limit: u32, cutoffs: &Cutoffs) -> Result<bool, StoreError> {
        self.within(async |connection, _| prune::counts(connection, limit, cutoffs).await)
            .await
    }

    /// The server reuses the space by itself.
    async fn shrink(&mut self) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn revive(&mut self) -> Result<(), StoreError> {
        let options = &self.options;
        let connected = in_time(async { Ok(PgConnection::connect_with(options).await?) });
        self.connection = Some(connected.await?);
        self.within(async |connection, replica| {
            replica::writable(connection).await?;
            replica.come_back(connection).await
        })
        .await
    }

    async fn close(mut self, clean: bool, _: Timestamp) -> Result<(), StoreError> {
        if clean {
            self.within(async |connection, replica| replica.leave(connection).await)
                .await?;
        }
        match self.connection {
            Some(connection) => in_time(async { Ok(connection.close().await?) }).await,
            None => Ok(()),
        }
    }
}

/// Waits for work as long as it may take.
async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    answer_within(PATIENCE, work).await
}

/// Waits for work so long.
async fn answer_within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(patience, work).await {
        Ok(done) => done.map_err(over_the_network),
        Err(_) => Err(unreachable()),
    }
}

/// What cannot be read or written here is no file.
fn over_the_network(error: StoreError) -> StoreError {
    match error {
        StoreError::Unavailable { source, .. }
            if matches!(*source, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) =>
        {
            StoreError::Unavailable {
                trouble: Trouble::Unreachable,
                source,
            }
        }
        error => error,
    }
}

/// The trouble of a database that does not answer.
fn unreachable() -> StoreError {
    let silent = std::io::Error::new(std::io::ErrorKind::TimedOut, "the database does not answer");
    StoreError::Unavailable {
        trouble: Trouble::Unreachable,
        source: std::sync::Arc::new(sqlx::Error::Io(silent)),
    }
}

#[cfg(test)]
pub(super) mod tests;
