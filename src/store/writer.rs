//! The one writer: gathers whatever waits into one transaction, so that one fsync serves many.
//!
//! In trouble it refuses accepts with the reason, keeps settlements until they can be written, and
//! tries by itself whether the database works again.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use log::{error, info, warn};
use tokio::sync::{mpsc, oneshot};

use super::condition::SharedCondition;
use super::handle;
use super::lease::LeasedRow;
use super::port::{AcceptReceipt, Batch, Claimed, WriteSide};
use super::{Accepted, Lease, Leased, NewNotification, Settlement, StoreError, Trouble};
use crate::domain::Customer;

/// How often a database in trouble is tried.
const REVIVE_INTERVAL: Duration = Duration::from_millis(250);

/// How often old rows are looked for, once none are left.
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// How many rows one look for old ones takes in.
const PRUNE_STEP: u32 = 500;

/// An accept that waits for its transaction.
pub(super) struct Request {
    pub(super) new: NewNotification,
    pub(super) lease: bool,
    pub(super) reply: oneshot::Sender<Result<Accepted, StoreError>>,
}

/// Everything else that the writer is asked for.
pub(super) enum Command {
    Settle {
        row: LeasedRow,
        settlement: Box<Settlement>,
        reply: oneshot::Sender<()>,
    },
    Duplicate(Customer),
    Claim {
        customer: Customer,
        limit: usize,
        reply: oneshot::Sender<Result<Vec<Leased>, StoreError>>,
    },
    Close {
        clean: bool,
        reply: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// The bounds that the writer keeps to.
#[derive(Debug, Clone, Copy)]
pub(super) struct WriterOptions {
    pub(super) max_batch: usize,
    pub(super) retention: Duration,
}

/// A settlement that waits for its transaction.
type WaitingSettlement = ((LeasedRow, Settlement), oneshot::Sender<()>);

/// A claim that waits for its turn.
type WaitingClaim = (Customer, usize, oneshot::Sender<Result<Vec<Leased>, StoreError>>);

/// What waits for the next turn of the loop.
#[derive(Default)]
struct Waiting {
    accepts: Vec<Request>,
    settlements: Vec<WaitingSettlement>,
    duplicates: Vec<Customer>,
    claims: Vec<WaitingClaim>,
    close: Option<(bool, oneshot::Sender<Result<(), StoreError>>)>,
}

/// The writer's state; runs on a thread of its own.
pub(super) struct Writer<W> {
    side: W,
    options: WriterOptions,
    condition: SharedCondition,
    trouble: Option<StoreError>,
    waiting: Waiting,
    leased: HashMap<Customer, HashSet<i64>>,
    releases: mpsc::UnboundedSender<LeasedRow>,
    released: mpsc::UnboundedReceiver<LeasedRow>,
    next_revival: Instant,
    pruned_to: i64,
    next_prune: Instant,
}

impl<W: WriteSide> Writer<W> {
    pub(super) fn new(side: W, options: WriterOptions, condition: SharedCondition) -> Self {
        let (releases, released) = mpsc::unbounded_channel();
        Self {
            side,
            options,
            condition,
            trouble: None,
            waiting: Waiting::default(),
            leased: HashMap::new(),
            releases,
            released,
            next_revival: Instant::now(),
            pruned_to: 0,
            next_prune: Instant::now() + PRUNE_INTERVAL,
        }
    }

    /// Starts the writer's thread.
    pub(super) fn spawn(
        self,
        accepts: mpsc::Receiver<Request>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Result<(), StoreError> {
        let failed = |source: std::io::Error| StoreError::from(sqlx::Error::Io(source));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || runtime.block_on(self.run(accepts, commands)))
            .map_err(failed)?;
        Ok(())
    }

    async fn run(
        mut self,
        mut accepts: mpsc::Receiver<Request>,
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) {
        loop {
            if !self.gather(&mut accepts, &mut commands).await {
                return;
            }
            if self.trouble.is_some() && Instant::now() >= self.next_revival {
                self.revive().await;
            }
            self.write().await;
            self.take_back();
            self.serve_claims().await;
            self.prune().await;
            if let Some((clean, reply)) = self.waiting.close.take() {
                let clean = clean && self.waiting.settlements.is_empty();
                let closed = self.close(clean).await;
                // Whoever asked may have stopped waiting.
                let _ = reply.send(closed);
                return;
            }
        }
    }

    /// Waits for something to do and takes all that waits. Returns whether anybody is left to serve.
    async fn gather(
        &mut self,
        accepts: &mut mpsc::Receiver<Request>,
        commands: &mut mpsc::UnboundedReceiver<Command>,
    ) -> bool {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(command) => self.waiting.take(command),
                None => return false,
            },
            Some(request) = accepts.recv() => self.waiting.accepts.push(request),
            () = tokio::time::sleep(self.nap()) => {}
        }
        while let Ok(command) = commands.try_recv() {
            self.waiting.take(command);
            if self.waiting.settlements.len() >= self.options.max_batch {
                break;
            }
        }
        while self.waiting.accepts.len() < self.options.max_batch {
            let Ok(request) = accepts.try_recv() else { break };
            self.waiting.accepts.push(request);
        }
        true
    }

    fn nap(&self) -> Duration {
        if self.trouble.is_some() || !self.waiting.settlements.is_empty() {
            REVIVE_INTERVAL
        } else {
            self.next_prune
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(20))
        }
    }

    /// Tries whether a database in trouble works again.
    async fn revive(&mut self) {
        self.next_revival = Instant::now() + REVIVE_INTERVAL;
        match self.side.revive().await {
            Ok(()) => {
                self.trouble = None;
                if self.condition.note_working() {
                    info!("the store works again");
                }
            }
            Err(error) => self.in_trouble(error),
        }
    }

    /// Writes what waits, as one transaction where possible.
    async fn write(&mut self) {
        if let Some(trouble) = &self.trouble {
            for request in self.waiting.accepts.drain(..) {
                // A caller that has gone needs no answer.
                let _ = request.reply.send(Err(trouble.clone()));
            }
            return;
        }
        let requests = std::mem::take(&mut self.waiting.accepts);
        let settlements = std::mem::take(&mut self.waiting.settlements);
        let duplicates = std::mem::take(&mut self.waiting.duplicates);
        let (news, replies): (Vec<_>, Vec<_>) = requests
            .into_iter()
            .map(|request| (request.new, (request.lease, request.reply)))
            .unzip();
        let (rows, waiters): (Vec<_>, Vec<_>) = settlements.into_iter().unzip();
        let batch = Batch {
            accepts: news,
            settlements: rows,
            duplicates,
        };
        if batch.is_empty() {
            return;
        }
        match self.side.commit(&batch).await {
            Ok(receipts) => {
                let Batch {
                    accepts, settlements, ..
                } = batch;
                for ((new, receipt), (lease, reply)) in accepts.into_iter().zip(receipts).zip(replies) {
                    let accepted = self.accepted(new, receipt, lease);
                    // A caller that has gone drops the answer, and the lease in it goes back.
                    let _ = reply.send(Ok(accepted));
                }
                for ((row, _), waiter) in settlements.into_iter().zip(waiters) {
                    self.forget(&row);
                    let _ = waiter.send(());
                }
            }
            Err(error) => {
                let one_bad = !error.is_unavailable() && batch.accepts.len() + batch.settlements.len() > 1;
                if error.is_unavailable() {
                    self.in_trouble(error.clone());
                }
                let Batch {
                    accepts, settlements, ..
                } = batch;
                let requests = accepts.into_iter().zip(replies);
                let requests = requests.map(|(new, (lease, reply))| Request { new, lease, reply });
                let settlements = settlements.into_iter().zip(waiters);
                if one_bad {
                    self.write_one_by_one(requests.collect(), settlements.collect())
                        .await;
                } else {
                    self.put_off(requests.collect(), settlements.collect(), &error);
                }
            }
        }
    }

    /// Writes each on its own, so that one that the database refuses does not take others with it.
    async fn write_one_by_one(&mut self, requests: Vec<Request>, settlements: Vec<WaitingSettlement>) {
        let mut refused = Vec::new();
        for Request { new, lease, reply } in requests {
            let mut batch = Batch {
                accepts: vec![new],
                ..Batch::default()
            };
            let answer = match self.side.commit(&batch).await {
                Ok(receipts) => match (batch.accepts.pop(), receipts.into_iter().next()) {
                    (Some(new), Some(receipt)) => Ok(self.accepted(new, receipt, lease)),
                    _ => Err(StoreError::Closed),
                },
                Err(error) => {
                    error!(error:err; "a notification cannot be stored");
                    Err(error)
                }
            };
            let _ = reply.send(answer);
        }
        for (settlement, waiter) in settlements {
            let mut batch = Batch {
                settlements: vec![settlement],
                ..Batch::default()
            };
            let written = self.side.commit(&batch).await;
            let Some((row, settlement)) = batch.settlements.pop() else {
                continue;
            };
            match written {
                Ok(_) => {
                    self.forget(&row);
                    let _ = waiter.send(());
                }
                Err(error) => {
                    error!(error:err, customer:% = row.customer; "an outcome cannot be stored; it is kept and tried again");
                    refused.push(((row, settlement), waiter));
                }
            }
        }
        self.waiting.settlements.extend(refused);
    }

    /// Refuses accepts, and keeps settlements until they can be written.
    fn put_off(&mut self, requests: Vec<Request>, settlements: Vec<WaitingSettlement>, error: &StoreError) {
        for request in requests {
            let _ = request.reply.send(Err(error.clone()));
        }
        self.waiting.settlements.extend(settlements);
    }

    fn in_trouble(&mut self, error: StoreError) {
        let trouble = match &error {
            StoreError::Unavailable { trouble, .. } => *trouble,
            _ => Trouble::Io,
        };
        if self.condition.note_failing(trouble, handle::now()) {
            warn!(error:err; "the store cannot be written to; accepts are refused until it can");
        }
        self.trouble = Some(error);
    }

    fn accepted(&mut self, new: NewNotification, receipt: AcceptReceipt, lease: bool) -> Accepted {
        match receipt {
            AcceptReceipt::Known(existing) => Accepted::Known(existing),
            AcceptReceipt::Stored { row, event_id } => {
                let lease = lease.then(|| self.lease(new.customer.clone(), row));
                Accepted::New {
                    notification: Box::new(new.into_notification(event_id)),
                    lease,
                }
            }
        }
    }

    fn lease(&mut self, customer: Customer, row: i64) -> Lease {
        self.leased.entry(customer.clone()).or_default().insert(row);
        Lease::new(LeasedRow { customer, row }, self.releases.clone())
    }

    fn forget(&mut self, leased: &LeasedRow) {
        if let Some(rows) = self.leased.get_mut(&leased.customer) {
            rows.remove(&leased.row);
            if rows.is_empty() {
                self.leased.remove(&leased.customer);
            }
        }
    }

    fn take_back(&mut self) {
        while let Ok(released) = self.released.try_recv() {
            self.forget(&released);
        }
    }

    async fn serve_claims(&mut self) {
        for (customer, limit, reply) in std::mem::take(&mut self.waiting.claims) {
            let claimed = self.claim(&customer, limit).await;
            // Leases in an answer that nobody takes go back by themselves.
            let _ = reply.send(claimed);
        }
    }

    async fn claim(&mut self, customer: &Customer, limit: usize) -> Result<Vec<Leased>, StoreError> {
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        let none = HashSet::new();
        let leased = self.leased.get(customer).unwrap_or(&none);
        let claimed = self.side.claim(customer, handle::now(), limit, leased).await?;
        let mut leases = Vec::with_capacity(claimed.len());
        for claim in claimed {
            match claim {
                Claimed::Readable { row, notification } => {
                    let lease = self.lease(customer.clone(), row);
                    leases.push(Leased {
                        notification: *notification,
                        lease,
                    });
                }
                Claimed::Unreadable { row, why } => {
                    error!(customer:%, row, error:% = why; "a stored notification cannot be read; it is set aside as dead");
                    self.side.set_aside(customer, row, &why, handle::now()).await?;
                }
            }
        }
        Ok(leases)
    }

    /// Deletes a bounded number of rows whose time is over.
    async fn prune(&mut self) {
        if self.options.retention.is_zero() || self.trouble.is_some() || Instant::now() < self.next_prune {
            return;
        }
        let cutoff = handle::now().before(self.options.retention);
        match self.side.prune(self.pruned_to, PRUNE_STEP, cutoff).await {
            Ok(Some(row)) => {
                self.pruned_to = row;
                self.next_prune = Instant::now();
            }
            Ok(None) => {
                self.pruned_to = 0;
                self.next_prune = Instant::now() + PRUNE_INTERVAL;
            }
            Err(error) => {
                warn!(error:err; "old notifications could not be deleted; tried again later");
                self.next_prune = Instant::now() + PRUNE_INTERVAL;
            }
        }
    }

    async fn close(self, clean: bool) -> Result<(), StoreError> {
        self.side.close(clean, handle::now()).await
    }
}

impl Waiting {
    fn take(&mut self, command: Command) {
        match command {
            Command::Settle {
                row,
                settlement,
                reply,
            } => self.settlements.push(((row, *settlement), reply)),
            Command::Duplicate(customer) => self.duplicates.push(customer),
            Command::Claim {
                customer,
                limit,
                reply,
            } => self.claims.push((customer, limit, reply)),
            Command::Close { clean, reply } => self.close = Some((clean, reply)),
        }
    }
}
