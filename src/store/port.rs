//! What a database must be able to do to stand behind the store.

use std::future::Future;

use futures_util::future::BoxFuture;

use super::lease::{LeasedRow, Term};
use super::query::{Filter, Page};
use super::{Existing, NewNotification, Record, Settlement, StoreError, Totals};
use crate::domain::{Attempt, Customer, EventId, Notification, NotificationId, Timestamp};

/// A notification that asks to be accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accept<'a> {
    pub(super) new: &'a NewNotification,
    /// Whether it is leased to this process at once.
    pub(super) lease: bool,
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

    /// Leases up to `limit` rows of a customer that are due and that nobody has leased, the oldest first.
    fn claim(
        &mut self,
        customer: &Customer,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Claimed>, StoreError>>;

    /// Ends leases without a settlement.
    fn release(&mut self, rows: &[LeasedRow]) -> impl Future<Output = Result<(), StoreError>>;

    /// Does what must be done now and then; called at least each second.
    fn keep_up(&mut self) -> impl Future<Output = Result<(), StoreError>>;

    /// Takes a row that cannot be read out of the queue.
    fn set_aside(
        &mut self,
        customer: &Customer,
        row: i64,
        why: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Deletes what was settled before `cutoff` among the `limit` rows after `after`. Returns the
    /// last row looked at, or nothing where the end was reached.
    fn prune(
        &mut self,
        after: i64,
        limit: u32,
        cutoff: Timestamp,
    ) -> impl Future<Output = Result<Option<i64>, StoreError>>;

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

    /// Lets go of its connections.
    fn close(&self) -> BoxFuture<'_, ()>;

    /// Adds up the ledger.
    fn totals(&self) -> BoxFuture<'_, Result<Totals, StoreError>>;

    /// Names up to `limit` customers after `after`, in order, that have something queued, and whether
    /// any of that is due.
    fn waiting_customers(
        &self,
        after: Option<Customer>,
        now: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Customer, bool)>, StoreError>>;
}
