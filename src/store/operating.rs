//! The store as operators need it: dead letters, their kinds, sending them again, and what is set.

use std::collections::HashMap;
use std::sync::Arc;

use super::operations::{Operation, Reply};
use super::waiting::Command;
use super::{
    DeadGroup, DeadLetters, DeadQuery, Directory, GroupBy, KeySource, Narrowing, Record, Redrive,
    RedriveStep, Redrives, SentAgain, Setting, SettingChange, SettingChanged, SettingChanges, SettingKind,
    SettingQuery, SettingVersion, Store, StoreError,
};
use crate::domain::{RedriveState, Timestamp};

/// Changed settings that are read at once.
const CHANGES: u32 = 1000;

impl Store {
    /// Finds dead letters, some at a time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dead_letters(&self, query: DeadQuery) -> Result<DeadLetters, StoreError> {
        self.reader.dead_letters(query).await
    }

    /// Counts dead letters.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_dead(&self, query: DeadQuery) -> Result<i64, StoreError> {
        self.reader.count_dead(query).await
    }

    /// Groups dead letters by what they have in common, the largest groups first. Times and words do not narrow.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dead_groups(
        &self,
        narrowing: Narrowing,
        by: Vec<GroupBy>,
        limit: u32,
    ) -> Result<Vec<DeadGroup>, StoreError> {
        self.reader.dead_groups(narrowing, by, limit).await
    }

    /// Finds redrives.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn redrives(&self, which: Redrives) -> Result<Vec<Redrive>, StoreError> {
        self.reader.redrives(which).await
    }

    /// Finds the times that a notification was sent again, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sent_again(&self, record: &Record) -> Result<Vec<SentAgain>, StoreError> {
        self.reader.sent_again(record.customer.clone(), record.row).await
    }

    /// Stores a new redrive.
    ///
    /// # Errors
    /// When the store cannot be written to.
    pub async fn add_redrive(&self, redrive: Redrive) -> Result<(), StoreError> {
        let redrive = Box::new(redrive);
        self.operate(|reply| Operation::AddRedrive { redrive, reply })
            .await
    }

    /// Moves a redrive from the state it is in to another. Returns whether it was in that state still.
    ///
    /// # Errors
    /// When the store cannot be written to.
    pub async fn change_redrive(
        &self,
        redrive: Redrive,
        to: RedriveState,
        why: Option<String>,
    ) -> Result<bool, StoreError> {
        let redrive = Box::new(redrive);
        self.operate(|reply| Operation::ChangeRedrive {
            redrive,
            to,
            why,
            reply,
        })
        .await
    }

    /// Puts dead letters back into the queue for a redrive. Returns how many, or nothing where the redrive is
    /// not as it was any more.
    ///
    /// # Errors
    /// When the store cannot be written to.
    pub async fn redrive(&self, step: RedriveStep) -> Result<Option<u64>, StoreError> {
        let step = Box::new(step);
        self.operate(|reply| Operation::Redrive { step, reply }).await
    }

    /// Deletes dead letters for ever, with all that belongs to them; those that are not dead any more stay.
    /// Returns how many.
    ///
    /// # Errors
    /// When the store cannot be written to.
    pub async fn purge(&self, letters: DeadLetters) -> Result<u64, StoreError> {
        self.operate(|reply| Operation::Purge { letters, reply }).await
    }

    /// Puts one dead letter back into the queue. Returns whether it was dead.
    ///
    /// # Errors
    /// When the store cannot be written to.
    pub async fn redrive_one(&self, record: &Record, key: Option<String>) -> Result<bool, StoreError> {
        let (customer, row) = (record.customer.clone(), record.row);
        self.operate(|reply| Operation::RedriveOne {
            customer,
            row,
            key,
            reply,
        })
        .await
    }

    /// Finds settings.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn settings(&self, which: SettingQuery) -> Result<Vec<Setting>, StoreError> {
        self.reader.settings(which).await
    }

    /// Returns what is set, as far as this process has heard.
    #[must_use]
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Takes in what was changed of the settings, by whichever replica.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn follow_settings(&self) -> Result<(), StoreError> {
        loop {
            let changes = self.changed_settings(self.directory.revision(), CHANGES).await?;
            self.directory.take_in(&changes);
            if !changes.more {
                return Ok(());
            }
        }
    }

    pub(super) async fn changed_settings(
        &self,
        after: i64,
        limit: u32,
    ) -> Result<SettingChanges, StoreError> {
        self.reader.changed_settings(after, limit).await
    }

    /// Finds the versions of settings before this one, the newest first; those that are kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn setting_versions(
        &self,
        kind: SettingKind,
        name: String,
        before: i64,
    ) -> Result<Vec<SettingVersion>, StoreError> {
        self.reader.setting_versions(kind, name, before).await
    }

    /// Lists the secrets of accounts, sealed, by the names of the accounts in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn sealed_accounts(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = SettingQuery::Page(SettingKind::Account, after, CHANGES);
            let page = self.reader.settings(page).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.name.clone());
            all.extend(
                page.into_iter()
                    .filter_map(|account| Some((account.name, account.sealed?))),
            );
        }
    }

    /// Writes settings, where they are as was expected.
    ///
    /// # Errors
    /// When the store cannot be written to.
    pub async fn change_setting(&self, change: SettingChange) -> Result<SettingChanged, StoreError> {
        let change = Box::new(change);
        self.operate(|reply| Operation::ChangeSetting { change, reply })
            .await
    }

    /// Notes that a key was used, to be written a little later; nobody waits for that.
    pub fn note_key_use(&self, name: &str, source: KeySource) {
        self.key_uses.note(name, source, self.now());
    }

    /// Finds when these keys were last used, those that were. What was noted a moment ago is not among it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn key_uses(&self, names: Vec<String>) -> Result<HashMap<String, Timestamp>, StoreError> {
        Ok(self.reader.key_uses(names).await?.into_iter().collect())
    }

    async fn operate<T>(&self, operation: impl FnOnce(Reply<T>) -> Operation) -> Result<T, StoreError> {
        self.ask(|reply| Command::Operate(operation(reply))).await?
    }
}
