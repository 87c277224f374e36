//! The embedded store: one SQLite file in WAL mode, one writing connection, some reading ones.

mod accept;
mod begin;
mod checkpoint;
mod chunks;
mod claim;
mod disk;
mod file;
mod leases;
mod ledger;
mod open;
mod prune;
mod read;
mod redrive;
mod remove;
mod settle;
mod survey;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::changes::Changes;
use super::clock::Clock;
use super::key_uses::{KeyUse, KeyUseRows};
use super::lease::{LeasedRow, Term};
use super::port::{AcceptReceipt, Batch, Claimed, WriteSide};
use super::redrive_rows::RedriveRows;
use super::retention::{Cutoffs, Retention};
use super::setting_rows::SettingRows;
use super::settings::{SettingChange, SettingChanged};
use super::taken::{ClaimLimit, Taken};
use super::{DeadLetters, Redrive, RedriveStep, StoreError, Trouble, rows};
use crate::domain::{Customer, Reason, RedriveId, RedriveState, Timestamp};
use accept::{AcceptStatements, Stored};
use checkpoint::Checkpointer;
pub(super) use file::DatabaseFile;
use leases::Leases;
use ledger::LedgerStatements;
pub(super) use open::{MIGRATIONS, connect, open};
use open::{last_row, options};
pub(super) use read::Reader;
use settle::SettleStatements;

/// The jobs that send dead letters again.
type Redrives = RedriveRows<sqlx::Sqlite>;

/// What a row takes beside its event, in bytes.
const ROW_BYTES: usize = 512;

/// What is written to delete a row, and to give back a page, in bytes.
const DELETED_ROW_BYTES: usize = 1024;
const GIVEN_BACK_BYTES: usize = 8192;

/// The writing side of the embedded store.
pub(super) struct Sqlite {
    connection: SqliteConnection,
    checkpointer: Checkpointer,
    file: DatabaseFile,
    run: i64,
    /// Until when rows may have been sent by a run that did not record it.
    suspect: Option<open::Suspect>,
    accept: AcceptStatements,
    settle: SettleStatements,
    ledger: LedgerStatements,
    retention: Retention,
    /// Whether free pages can be given back.
    shrinks: bool,
    /// The highest number that was given to a row.
    last_row: i64,
    leases: Leases,
    clock: Clock,
}

impl Sqlite {
    /// Carries out a batch, or nothing of it. With `careful`, settles row by row, so that a row which
    /// is not queued any more is passed over; without, says nothing where there is such a row.
    async fn transact(
        &mut self,
        batch: &Batch<'_>,
        careful: bool,
    ) -> Result<Option<Vec<Stored>>, StoreError> {
        let done = self.carry_out(batch, careful).await;
        match &done {
            Ok(Some(_)) => {
                self.last_row += rows::index(batch.accepts.len());
                self.checkpointer.written(weight(batch));
            }
            Ok(None) | Err(_) => self.roll_back().await?,
        }
        done
    }

    fn changes(&self) -> Changes {
        Changes::since(self.retention.cutoffs(self.clock.now()).minute)
    }

    async fn roll_back(&mut self) -> Result<(), StoreError> {
        match sqlx::query("ROLLBACK").execute(&mut self.connection).await {
            Ok(_) => Ok(()),
            Err(error) => match StoreError::from(error) {
                error if error.is_unavailable() => Err(error),
                // After some errors SQLite has done it already, and says that there is nothing to do.
                _ => Ok(()),
            },
        }
    }

    async fn carry_out(
        &mut self,
        batch: &Batch<'_>,
        careful: bool,
    ) -> Result<Option<Vec<Stored>>, StoreError> {
        let mut changes = self.changes();
        let connection = &mut self.connection;
        let found = begin::begin(connection, &batch.accepts).await?;
        let receipts = self
            .accept
            .run(connection, &batch.accepts, &found, self.last_row, &mut changes)
            .await?;
        if !self
            .settle
            .run(connection, &batch.settlements, careful, &mut changes)
            .await?
        {
            return Ok(None);
        }
        for customer in batch.duplicates {
            changes.duplicate(customer, self.clock.now());
        }
        self.ledger.commit(connection, &changes).await?;
        Ok(Some(receipts))
    }
}

impl WriteSide for Sqlite {
    fn term(&self) -> Term {
        Term::default()
    }

    async fn commit(&mut self, batch: &Batch<'_>) -> Result<Vec<AcceptReceipt>, StoreError> {
        self.file.check_identity()?;
        let stored = match self.transact(batch, false).await? {
            Some(stored) => stored,
            None => self.transact(batch, true).await?.unwrap_or_default(),
        };
        for (row, _) in &batch.settlements {
            self.leases.end(row);
        }
        let receipts = batch.accepts.iter().zip(stored);
        Ok(receipts
            .map(|(accept, stored)| stored.receipt(accept, &mut self.leases))
            .collect())
    }

    async fn claim(&mut self, customer: &Customer, limit: ClaimLimit) -> Result<Taken<Claimed>, StoreError> {
        let now = self.clock.now();
        claim::run(&mut self.connection, customer, now, limit, &mut self.leases, self.suspect).await
    }

    async fn release(&mut self, rows: &[LeasedRow]) -> Result<(), StoreError> {
        rows.iter().for_each(|row| self.leases.end(row));
        Ok(())
    }

    async fn keep_up(&mut self) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn set_aside(
        &mut self,
        customer: &Customer,
        row: i64,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut changes = self.changes();
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let found: Option<(i64, String, Vec<u8>)> = sqlx::query_as(
            "UPDATE notifications SET state = 'dead', reason = ?, detail = ?, settled_at = ? \
             WHERE seq = ? AND state = 'queued' \
             RETURNING CAST(accepted_at AS INTEGER), CAST(event_type AS TEXT), \
               CAST(coalesce(redrive, '') AS BLOB)",
        )
        .bind(Reason::Unreadable.as_str())
        .bind(why)
        .bind(now.as_millis())
        .bind(row)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some((accepted_at, event_type, redrive)) = found {
            settle::note_unreadable(&mut transaction, customer, row, &event_type, why, now).await?;
            let accepted_at = Timestamp::from_millis(accepted_at);
            changes.unreadable(customer, accepted_at, event_type, RedriveId::from_bytes(&redrive).ok(), now);
            self.ledger.add(&mut transaction, &changes).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn add_redrive(&mut self, redrive: &Redrive) -> Result<(), StoreError> {
        Redrives::add(&mut self.connection, redrive).await
    }

    async fn change_redrive(
        &mut self,
        redrive: &Redrive,
        to: RedriveState,
        why: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Redrives::change(&mut self.connection, redrive, to, why, now).await
    }

    async fn redrive(&mut self, step: &RedriveStep, now: Timestamp) -> Result<Option<u64>, StoreError> {
        let mut changes = self.changes();
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        if !Redrives::advance(&mut transaction, step, now).await? {
            return Ok(None);
        }
        let rows: Vec<i64> = step.letters.rows.iter().map(|(_, row)| *row).collect();
        let (id, key) = (step.redrive.id, step.redrive.key.as_deref());
        let sent = redrive::put_back(&mut transaction, &rows, Some(id), key, now, &mut changes).await?;
        Redrives::count(&mut transaction, id, sent).await?;
        self.ledger.add(&mut transaction, &changes).await?;
        transaction.commit().await?;
        Ok(u64::try_from(sent).ok())
    }

    async fn redrive_one(
        &mut self,
        _: &Customer,
        row: i64,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut changes = self.changes();
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let sent = redrive::put_back(&mut transaction, &[row], None, key, now, &mut changes).await?;
        self.ledger.add(&mut transaction, &changes).await?;
        transaction.commit().await?;
        Ok(sent == 1)
    }

    async fn purge(&mut self, letters: &DeadLetters) -> Result<u64, StoreError> {
        let changes = self.changes();
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let rows: Vec<i64> = letters.rows.iter().map(|(_, row)| *row).collect();
        let dead = redrive::dead(&mut transaction, &rows).await?;
        let gone = remove::run(&mut transaction, &self.ledger, &dead, changes).await?;
        transaction.commit().await?;
        self.checkpointer.written(gone * DELETED_ROW_BYTES);
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    }

    async fn change_setting(
        &mut self,
        change: &SettingChange,
        now: Timestamp,
    ) -> Result<SettingChanged, StoreError> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let changed = SettingRows::<sqlx::Sqlite>::change(&mut transaction, change, now).await?;
        transaction.commit().await?;
        Ok(changed)
    }

    async fn note_key_uses(&mut self, uses: &[KeyUse]) -> Result<(), StoreError> {
        KeyUseRows::<sqlx::Sqlite>::note(&mut self.connection, uses).await
    }

    async fn prune(&mut self, after: i64, limit: u32, cutoffs: &Cutoffs) -> Result<Option<i64>, StoreError> {
        let changes = self.changes();
        let pruned = prune::run(&mut self.connection, &self.ledger, (after, limit), cutoffs, changes).await?;
        self.checkpointer.written(pruned.gone * DELETED_ROW_BYTES);
        Ok(pruned.last)
    }

    async fn prune_counts(&mut self, limit: u32, cutoffs: &Cutoffs) -> Result<bool, StoreError> {
        prune::counts(&mut self.connection, limit, cutoffs).await
    }

    async fn shrink(&mut self) -> Result<bool, StoreError> {
        if !self.shrinks {
            return Ok(false);
        }
        let (pages, more) = prune::shrink(&mut self.connection).await?;
        let pages = usize::try_from(pages).unwrap_or(0);
        self.checkpointer.written(pages * GIVEN_BACK_BYTES);
        Ok(more)
    }

    async fn revive(&mut self) -> Result<(), StoreError> {
        self.file.check_identity()?;
        let mut fresh = connect(&self.file, false).await?;
        // A page of its own is written, because a full disk still takes what changes no size.
        let mut transaction = fresh.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("CREATE TABLE revival (filler BLOB)")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("INSERT INTO revival VALUES (zeroblob(65536))")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DROP TABLE revival")
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        self.last_row = last_row(&mut fresh).await?;
        let checkpointer = Checkpointer::start(options(&self.file)).await?;
        std::mem::replace(&mut self.checkpointer, checkpointer)
            .close()
            .await;
        let broken = std::mem::replace(&mut self.connection, fresh);
        // It served its time; what it has to say about its end helps nobody.
        let _ = broken.close().await;
        Ok(())
    }

    async fn close(mut self, clean: bool, now: Timestamp) -> Result<(), StoreError> {
        if clean {
            sqlx::query("UPDATE runs SET stopped_at = ? WHERE run = ?")
                .bind(now.as_millis())
                .bind(self.run)
                .execute(&mut self.connection)
                .await?;
            // Only the last run matters.
            sqlx::query("DELETE FROM runs WHERE run < ?")
                .bind(self.run)
                .execute(&mut self.connection)
                .await?;
        }
        self.checkpointer.close().await;
        Ok(self.connection.close().await?)
    }
}

/// Estimates how much a batch writes, in bytes.
fn weight(batch: &Batch<'_>) -> usize {
    let accepts: usize = batch
        .accepts
        .iter()
        .map(|accept| accept.new.event.len() + ROW_BYTES)
        .sum();
    accepts + batch.settlements.len() * ROW_BYTES
}

/// The trouble of a database file that is not where it was.
fn missing() -> StoreError {
    let gone =
        std::io::Error::new(std::io::ErrorKind::NotFound, "the file was removed or replaced while in use");
    StoreError::Unavailable {
        trouble: Trouble::Missing,
        source: std::sync::Arc::new(sqlx::Error::Io(gone)),
    }
}

#[cfg(test)]
pub(super) mod tests;
