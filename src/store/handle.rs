//! The store as the rest of the service holds it.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::accounts::{RateOwner, SharedAccounts, SharedGate, Slice, SliceRequest};
use super::audit::{AddedUp, Audit, AuditScope, Compared, Pick, SeriesScope};
use super::clock::Clock;
use super::condition::SharedCondition;
use super::directory::Directory;
use super::key_uses::KeyUses;
use super::port::{ReadSide, WriteSide};
use super::query::{Filter, Page};
use super::retention::Retention;
use super::taken::{ClaimLimit, Taken};
use super::waiting::{Claim, Close, Command, Outcome, Request};
use super::watch::Watch;
use super::writer::{Writer, WriterOptions};
use super::{Accepted, Condition, Lease, NewNotification, Record, Settlement, StoreError, Totals};
use super::{postgres, sqlite};
use crate::domain::{AccountName, Attempt, Customer, NotificationId, Timestamp};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Where it is: `sqlite://path` or `postgres://user@host/database`.
    pub url: String,
    /// How long what this process holds of a shared store stays its own without a sign of life.
    pub lease: Duration,
    /// Rows that one transaction takes at most.
    pub max_batch: usize,
    /// Accepts that may wait for a transaction.
    pub max_waiting: usize,
    /// How long what has come to an end is kept.
    pub retention: Retention,
    /// Who is told what the store does.
    pub watch: Arc<dyn Watch>,
}

/// A durable store; copies share it.
#[derive(Clone)]
pub struct Store {
    accepts: mpsc::Sender<Request>,
    commands: mpsc::UnboundedSender<Command>,
    pub(super) reader: Arc<dyn ReadSide>,
    /// Where other processes use the store too.
    accounts: Option<Arc<dyn SharedAccounts>>,
    /// Until somebody takes them.
    hints: Arc<Mutex<Option<mpsc::Receiver<Customer>>>>,
    clock: Clock,
    condition: SharedCondition,
    pub(super) directory: Arc<Directory>,
    pub(super) key_uses: KeyUses,
}

impl Store {
    /// Opens the store that the URL names and brings its tables up to date.
    ///
    /// # Errors
    /// When the URL names no store, another process uses it, or it cannot be read and written.
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let clock = Clock::default();
        let url = options.url.as_str();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let opened = postgres::open(url, options.lease, options.retention, clock.clone()).await?;
            let store = Self::start(opened.write_side, opened.read_side, &options, clock)?;
            Ok(Self {
                accounts: Some(Arc::new(opened.accounts)),
                hints: Arc::new(Mutex::new(Some(opened.hints))),
                ..store
            })
        } else {
            let (write_side, read_side) = sqlite::open(url, options.retention, clock.clone()).await?;
            Self::start(write_side, read_side, &options, clock)
        }
    }

    fn start(
        write_side: impl WriteSide,
        read_side: impl ReadSide,
        options: &StoreOptions,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let (accepts, accept_queue) = mpsc::channel(options.max_waiting);
        let (commands, command_queue) = mpsc::unbounded_channel();
        let condition = SharedCondition::working();
        let writer_options = WriterOptions {
            max_batch: options.max_batch,
            retention: options.retention,
            watch: options.watch.clone(),
        };
        let key_uses = KeyUses::default();
        Writer::new(write_side, writer_options, clock.clone(), condition.clone(), key_uses.clone())
            .spawn(accept_queue, command_queue)?;
        Ok(Self {
            accepts,
            commands,
            reader: Arc::new(read_side),
            accounts: None,
            hints: Arc::default(),
            clock,
            condition,
            directory: Arc::default(),
            key_uses,
        })
    }

    /// Returns the present time by the store's clock, which all due times are measured with.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Tells whether the store can be written to.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.condition.get()
    }

    /// Returns how many accepts wait for a transaction.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.accepts.max_capacity() - self.accepts.capacity()
    }

    /// Stores a notification; answers after the commit. With `lease` the caller asks to be the one
    /// that delivers it.
    ///
    /// # Errors
    /// When it could not be stored: nothing of it is kept then.
    pub async fn accept(&self, new: NewNotification, lease: bool) -> Result<Accepted, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.accepts
            .try_send(Request { new, lease, reply })
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
                mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
            })?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Counts a post of a notification that was known already.
    pub fn note_duplicate(&self, customer: Customer) {
        // A count that a closing store misses is of no use to anybody.
        let _ = self.commands.send(Command::Duplicate(customer));
    }

    /// Records what came of a leased notification; answers after the commit. Where the store is in
    /// trouble, that is as soon as it works again.
    ///
    /// # Errors
    /// When the store is closed before that.
    pub async fn settle(&self, settlement: Settlement, lease: Lease) -> Result<(), StoreError> {
        let Some(row) = lease.into_row() else {
            return Ok(());
        };
        self.ask(|reply| {
            Command::Settle(Outcome {
                row,
                settlement: Box::new(settlement),
                reply,
            })
        })
        .await
    }

    /// Leases notifications of a customer that are due, the oldest first, as many as `limit` allows.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn claim_within(&self, customer: Customer, limit: ClaimLimit) -> Result<Taken, StoreError> {
        self.ask(|reply| {
            Command::Claim(Claim {
                customer,
                limit,
                reply,
            })
        })
        .await?
    }

    /// Names up to `limit` customers after `after` that have something queued, in order, and whether
    /// any of that is due. A hint: what is due may be leased already.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn waiting_customers(
        &self,
        after: Option<Customer>,
        limit: u32,
    ) -> Result<Vec<(Customer, bool)>, StoreError> {
        self.reader.waiting_customers(after, self.now(), limit).await
    }

    /// Names a customer that has something queued for an account, where there is one. Goes through all that is
    /// queued where there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn queued_for(&self, account: AccountName) -> Result<Option<Customer>, StoreError> {
        self.reader.queued_for(account).await
    }

    /// Finds one notification.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn find(&self, id: NotificationId) -> Result<Option<Record>, StoreError> {
        self.reader.find(id).await
    }

    /// Finds the event of a notification, byte for byte as posted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn event(&self, record: &Record) -> Result<Option<Vec<u8>>, StoreError> {
        self.reader.event(record.customer.clone(), record.row).await
    }

    /// Finds the recorded requests to Svix for a notification.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn attempts(&self, record: &Record) -> Result<Vec<Attempt>, StoreError> {
        self.reader.attempts(record.customer.clone(), record.row).await
    }

    /// Finds a page of notifications, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, filter: Filter) -> Result<Page, StoreError> {
        self.reader.list(filter).await
    }

    /// Adds up the ledger of all customers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        self.reader.totals(None).await
    }

    /// Adds up the ledger of one customer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn totals_of(&self, customer: Customer) -> Result<Totals, StoreError> {
        self.reader.totals(Some(customer)).await
    }

    /// Adds up the ledger and, where that is cheap, counts the rows, both as of one moment.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn audit(&self, scope: AuditScope) -> Result<Audit, StoreError> {
        self.reader.audit(scope).await
    }

    /// Adds up the ledger's minutes, point by point.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn series(&self, scope: SeriesScope) -> Result<Vec<Totals>, StoreError> {
        self.reader.series(scope).await
    }

    /// Compares the ledger with the rows of one of these minutes, as of one moment. Gives up what takes
    /// longer than `patience`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn compare(
        &self,
        minutes: Range<i64>,
        pick: Pick,
        patience: Duration,
    ) -> Result<Compared, StoreError> {
        self.reader.compare(minutes, pick, patience).await
    }

    /// Adds up what the ledger says of up to `limit` customers after `after`, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn add_up(&self, after: Option<Customer>, limit: u32) -> Result<AddedUp, StoreError> {
        self.reader.add_up(after, limit).await
    }

    /// Counts the processes that use the store now, this one among them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn replicas(&self) -> Result<u64, StoreError> {
        self.reader.replicas().await
    }

    /// Tells whether other processes may use the store and the accounts too.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.accounts.is_some()
    }

    /// Returns the customers of whom other replicas say that something has become free; only once.
    #[must_use]
    pub fn take_hints(&self) -> Option<mpsc::Receiver<Customer>> {
        self.hints.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes a slice of a rate from the budget that all replicas share.
    ///
    /// # Errors
    /// When the store cannot be reached, or is not shared.
    pub async fn slice(&self, owner: RateOwner, request: SliceRequest) -> Result<Slice, StoreError> {
        let accounts = self.accounts.as_ref().ok_or(StoreError::Closed)?;
        accounts.slice(owner, request).await
    }

    /// Tells all replicas how an account's gate stands; returns the version of that.
    ///
    /// # Errors
    /// When the store cannot be reached, or is not shared.
    pub async fn set_gate(&self, account: AccountName, gate: SharedGate) -> Result<i64, StoreError> {
        let accounts = self.accounts.as_ref().ok_or(StoreError::Closed)?;
        accounts.set_gate(account, gate).await
    }

    /// Writes what waits, and closes. With `clean`, the next to open it knows that nothing was sent
    /// without being recorded.
    ///
    /// # Errors
    /// When what waits could not be written.
    pub async fn close(&self, clean: bool) -> Result<(), StoreError> {
        // The last connection that closes folds the log into the database; that is to be the writer's.
        self.reader.close().await;
        self.ask(|reply| Command::Close(Close { clean, reply })).await?
    }

    pub(super) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)
    }
}
