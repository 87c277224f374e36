//! What a database must be able to do to stand behind the store.

use std::future::Future;
use std::ops::Range;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::audit::{AddedUp, Audit, AuditScope, Compared, Pick, SeriesScope};
use super::key_uses::{KeyUse, LastUse};
use super::lease::{LeasedRow, Term};
use super::query::{Filter, Page};
use super::redrive::{DeadGroup, DeadLetters, GroupBy, Redrive, RedriveStep, Redrives, SentAgain};
use super::retention::Cutoffs;
use super::settings::{
    Setting, SettingChange, SettingChanged, SettingChanges, SettingKind, SettingQuery, SettingVersion,
};
use super::survey::{SurveyPart, SurveyPlace};
use super::taken::{ClaimLimit, Taken};
use super::undelivered::DeadQuery;
use super::{Disk, Existing, Narrowing, NewNotification, Record, Settlement, StoreError, Totals};
use crate::domain::{
    AccountName, Attempt, Customer, EventId, Notification, NotificationId, RedriveState, Timestamp,
};

/// A notification that asks to be accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accept<'a> {
    pub(super) new: &'a NewNotification,
    /// Whether it is leased to this process at once.
    pub(super) lease: bool,
}

impl Accept<'_> {
    /// Tells whether it is to be leased, which is for what is to be sent.
    pub(super) fn leases(&self) -> bool {
        self.lease && !self.new.filtered
    }
}

/// Writes that go into one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch<'a> {
    pub(super) accepts: Vec<Accept<'a>>,
    /// Each with the row it settles.
    pub(super) settlements: Vec<(&'a LeasedRow, &'a Settlement)>,
    pub(super) duplicates: &'a [Customer],
}

/// What became of one accept of a batch.
#[derive(Debug)]
pub(super) enum AcceptReceipt {
    Stored {
        event_id: EventId,
        /// Where it was asked for.
        lease: Option<LeasedRow>,
    },
    Known(Existing),
}

/// A row that a claim found.
#[derive(Debug)]
pub(super) enum Claimed {
    Readable {
        lease: LeasedRow,
        notification: Box<Notification>,
    },
    /// It cannot be read; the text says what is wrong with it.
    Unreadable { row: i64, why: String },
}

/// The writing side; one at a time uses it. It knows which rows this process has leased.
pub(super) trait WriteSide: Send + 'static {
    /// Returns until when this process may count on its leases.
    fn term(&self) -> Term;

    /// Carries out all of a batch or nothing. Answers the accepts in their order. Leases of the rows
    /// that it settles end; a settlement under a lease that had ended changes nothing.
    fn commit(&mut self, batch: &Batch<'_>) -> impl Future<Output = Result<Vec<AcceptReceipt>, StoreError>>;

    /// Leases rows of a customer that are due and that nobody has leased, the oldest first, as many as
    /// `limit` allows. Reads no event that it does not take.
    fn claim(
        &mut self,
        customer: &Customer,
        limit: ClaimLimit,
    ) -> impl Future<Output = Result<Taken<Claimed>, StoreError>>;

    /// Ends leases without a settlement.
    fn release(&mut self, rows: &[LeasedRow]) -> impl Future<Output = Result<(), StoreError>>;

    /// Does what must be done now and then; called at least each second. Returns from how many processes that had
    /// gone silent it took over.
    fn keep_up(&mut self) -> impl Future<Output = Result<u64, StoreError>>;

    /// Takes a row that cannot be read out of the queue.
    fn set_aside(
        &mut self,
        customer: &Customer,
        row: i64,
        why: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Stores a new redrive.
    fn add_redrive(&mut self, redrive: &Redrive) -> impl Future<Output = Result<(), StoreError>>;

    /// Moves a redrive from the state it is in to another. Returns whether it was in that state still.
    fn change_redrive(
        &mut self,
        redrive: &Redrive,
        to: RedriveState,
        why: Option<&str>,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>>;

    /// Puts dead letters back into the queue for a redrive; those that are not dead any more are passed over.
    /// Returns how many, or nothing where the redrive is not as it was any more.
    fn redrive(
        &mut self,
        step: &RedriveStep,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<u64>, StoreError>>;

    /// Puts one dead letter back by itself. Returns whether it was dead.
    fn redrive_one(
        &mut self,
        customer: &Customer,
        row: i64,
        key: Option<&str>,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>>;

    /// Deletes those of the rows that are dead, with all that belongs to them. Returns how many.
    fn purge(&mut self, letters: &DeadLetters) -> impl Future<Output = Result<u64, StoreError>>;

    /// Writes settings, where they are as was expected.
    fn change_setting(
        &mut self,
        change: &SettingChange,
        now: Timestamp,
    ) -> impl Future<Output = Result<SettingChanged, StoreError>>;

    /// Writes when keys were last used.
    fn note_key_uses(&mut self, uses: &[KeyUse]) -> impl Future<Output = Result<(), StoreError>>;

    /// Deletes what is over among the `limit` rows after `after`, with all that belongs to it, and old requests
    /// of those that stay. Returns the last row looked at, or nothing where nothing after it can be over.
    fn prune(
        &mut self,
        after: i64,
        limit: u32,
        cutoffs: &Cutoffs,
    ) -> impl Future<Output = Result<Option<i64>, StoreError>>;

    /// Deletes up to `limit` of the counts by minute that are over, the oldest first, and as many redrives.
    /// Returns whether there may be more.
    fn prune_counts(
        &mut self,
        limit: u32,
        cutoffs: &Cutoffs,
    ) -> impl Future<Output = Result<bool, StoreError>>;

    /// Gives back some of the space that nothing takes any more, where the database does not do so by itself.
    /// Returns whether there is more.
    fn shrink(&mut self) -> impl Future<Output = Result<bool, StoreError>>;

    /// Tries after trouble whether writing works again, on a connection of its own.
    fn revive(&mut self) -> impl Future<Output = Result<(), StoreError>>;

    /// Notes the stop, where it is `clean`, and closes.
    fn close(self, clean: bool, now: Timestamp) -> impl Future<Output = Result<(), StoreError>>;
}

/// The reading side; many use it at once.
pub(super) trait ReadSide: Send + Sync + 'static {
    /// Finds one notification.
    fn find(&self, id: NotificationId) -> BoxFuture<'_, Result<Option<Record>, StoreError>>;

    /// Finds the event of a notification, byte for byte.
    fn event(&self, customer: Customer, row: i64) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Finds the recorded requests of a notification, in order.
    fn attempts(&self, customer: Customer, row: i64) -> BoxFuture<'_, Result<Vec<Attempt>, StoreError>>;

    /// Finds a page of notifications, newest first.
    fn list(&self, filter: Filter) -> BoxFuture<'_, Result<Page, StoreError>>;

    /// Finds dead letters.
    fn dead_letters(&self, query: DeadQuery) -> BoxFuture<'_, Result<DeadLetters, StoreError>>;

    /// Counts dead letters.
    fn count_dead(&self, query: DeadQuery) -> BoxFuture<'_, Result<i64, StoreError>>;

    /// Groups dead letters, the largest groups first.
    fn dead_groups(
        &self,
        narrowing: Narrowing,
        by: Vec<GroupBy>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<DeadGroup>, StoreError>>;

    /// Finds redrives.
    fn redrives(&self, which: Redrives) -> BoxFuture<'_, Result<Vec<Redrive>, StoreError>>;

    /// Finds the times that a notification was sent again, in order.
    fn sent_again(&self, customer: Customer, row: i64) -> BoxFuture<'_, Result<Vec<SentAgain>, StoreError>>;

    /// Finds settings.
    fn settings(&self, which: SettingQuery) -> BoxFuture<'_, Result<Vec<Setting>, StoreError>>;

    /// Finds what was changed of settings after a revision, up to `limit` of it.
    fn changed_settings(&self, after: i64, limit: u32) -> BoxFuture<'_, Result<SettingChanges, StoreError>>;

    /// Finds the versions of settings before this one, the newest first.
    fn setting_versions(
        &self,
        kind: SettingKind,
        name: String,
        before: i64,
    ) -> BoxFuture<'_, Result<Vec<SettingVersion>, StoreError>>;

    /// Finds when these keys were last used, those that were.
    fn key_uses(&self, names: Vec<String>) -> BoxFuture<'_, Result<Vec<LastUse>, StoreError>>;

    /// Lets go of its connections.
    fn close(&self) -> BoxFuture<'_, ()>;

    /// Adds up the ledger, of one customer or of all.
    fn totals(&self, customer: Option<Customer>) -> BoxFuture<'_, Result<Totals, StoreError>>;

    /// Adds up the ledger and, where that is cheap, counts the rows, both as of one moment.
    fn audit(&self, scope: AuditScope) -> BoxFuture<'_, Result<Audit, StoreError>>;

    /// Adds up the ledger's minutes, point by point.
    fn series(&self, scope: SeriesScope) -> BoxFuture<'_, Result<Vec<Totals>, StoreError>>;

    /// Compares the ledger with the rows of one of the minutes, as of one moment. Gives up what takes
    /// longer than `patience`.
    fn compare(
        &self,
        minutes: Range<i64>,
        pick: Pick,
        patience: Duration,
    ) -> BoxFuture<'_, Result<Compared, StoreError>>;

    /// Adds up what the ledger says of up to `limit` customers after `after`, in order.
    fn add_up(&self, after: Option<Customer>, limit: u32) -> BoxFuture<'_, Result<AddedUp, StoreError>>;

    /// Counts the processes that use the store now.
    fn replicas(&self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Counts up to `limit` of what is queued after a place, in order of customers.
    fn survey(&self, after: SurveyPlace, limit: u32) -> BoxFuture<'_, Result<SurveyPart, StoreError>>;

    /// Measures how much room the store takes, and how much there is.
    fn disk(&self) -> BoxFuture<'_, Result<Disk, StoreError>>;

    /// Names a customer that has something queued for an account, where there is one.
    fn queued_for(&self, account: AccountName) -> BoxFuture<'_, Result<Option<Customer>, StoreError>>;

    /// Names up to `limit` customers after `after`, in order, that have something queued, and whether
    /// any of that is due.
    fn waiting_customers(
        &self,
        after: Option<Customer>,
        now: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Customer, bool)>, StoreError>>;
}
