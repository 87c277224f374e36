//! What a database must be able to do to stand behind the store.

use std::collections::HashSet;
use std::future::Future;

use futures_util::future::BoxFuture;

use super::lease::LeasedRow;
use super::query::{Filter, Page};
use super::{Existing, NewNotification, Record, Settlement, StoreError, Totals};
use crate::domain::{Attempt, Customer, EventId, Notification, NotificationId, Timestamp};

/// Writes that go into one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) accepts: Vec<NewNotification>,
    /// Each with the row it settles.
    pub(super) settlements: Vec<(LeasedRow, Settlement)>,
    pub(super) duplicates: Vec<Customer>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.accepts.is_empty() && self.settlements.is_empty() && self.duplicates.is_empty()
    }
}

/// What became of one accept of a batch.
#[derive(Debug)]
pub(super) enum AcceptReceipt {
    Stored { row: i64, event_id: EventId },
    Known(Existing),
}

/// A row that a claim found.
#[derive(Debug)]
pub(super) enum Claimed {
    Readable {
        row: i64,
        notification: Box<Notification>,
    },
    /// It cannot be read; the text says what is wrong with it.
    Unreadable { row: i64, why: String },
}

/// The writing side; one at a time uses it.
pub(super) trait WriteSide: Send + 'static {
    /// Carries out all of a batch or nothing. Answers the accepts in their order.
    fn commit(&mut self, batch: &Batch) -> impl Future<Output = Result<Vec<AcceptReceipt>, StoreError>>;

    /// Finds up to `limit` rows of a customer that are due and not `leased`, the oldest first.
    fn claim(
        &mut self,
        customer: &Customer,
        now: Timestamp,
        limit: usize,
        leased: &HashSet<i64>,
    ) -> impl Future<Output = Result<Vec<Claimed>, StoreError>>;

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
    fn event(&self, row: i64) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Finds the recorded requests of a notification, in order.
    fn attempts(&self, row: i64) -> BoxFuture<'_, Result<Vec<Attempt>, StoreError>>;

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
