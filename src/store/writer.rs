//! The one writer: gathers whatever waits into one transaction, so that one fsync serves many.
//!
//! In trouble it refuses accepts with the reason, keeps settlements until they can be written, and
//! tries by itself whether the database works again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use log::{error, info, warn};
use tokio::sync::mpsc;

use super::clock::Clock;
use super::condition::SharedCondition;
use super::key_uses::KeyUses;
use super::lease::{LeasedRow, Term};
use super::port::{AcceptReceipt, Claimed, WriteSide};
use super::pruning::{Done, Pruning, Step};
use super::releases::Releases;
use super::retention::Retention;
use super::taken::{ClaimLimit, Taken};
use super::waiting::{Command, Request, Waiting, Writes};
use super::watch::Watch;
use super::{Accepted, Lease, Leased, NewNotification, StoreError, Trouble};
use crate::domain::Customer;

/// How often a database in trouble is tried.
const REVIVE_INTERVAL: Duration = Duration::from_millis(250);

/// How often the database is given the time for what must be done now and then.
const KEEP_UP_INTERVAL: Duration = Duration::from_millis(500);

/// The bounds that the writer keeps to, and who is told what it does.
#[derive(Debug, Clone)]
pub(super) struct WriterOptions {
    pub(super) max_batch: usize,
    pub(super) retention: Retention,
    pub(super) watch: Arc<dyn Watch>,
}

/// The writer's state; runs on a thread of its own.
pub(super) struct Writer<W> {
    side: W,
    options: WriterOptions,
    clock: Clock,
    condition: SharedCondition,
    trouble: Option<StoreError>,
    waiting: Waiting,
    term: Term,
    releases: Releases,
    next_revival: Instant,
    next_keep_up: Instant,
    pruning: Pruning,
    key_uses: KeyUses,
}

impl<W: WriteSide> Writer<W> {
    pub(super) fn new(
        side: W,
        options: WriterOptions,
        clock: Clock,
        condition: SharedCondition,
        key_uses: KeyUses,
    ) -> Self {
        Self {
            term: side.term(),
            side,
            clock,
            condition,
            trouble: None,
            waiting: Waiting::default(),
            releases: Releases::default(),
            next_revival: Instant::now(),
            next_keep_up: Instant::now(),
            pruning: Pruning::new(options.retention, Instant::now()),
            options,
            key_uses,
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
            let (most, nap) = (self.options.max_batch, self.nap());
            if !self.waiting.gather(&mut accepts, &mut commands, most, nap).await {
                return;
            }
            if self.trouble.is_some() && Instant::now() >= self.next_revival {
                self.revive().await;
            }
            self.write().await;
            self.take_back().await;
            self.serve_claims().await;
            self.operate().await;
            self.keep_up().await;
            self.prune().await;
            if let Some(close) = self.waiting.close.take() {
                if close.clean && self.trouble.is_none() {
                    while self.write_key_uses().await {}
                }
                let clean = close.clean && self.waiting.writes.outcomes.is_empty();
                let closed = self.side.close(clean, self.clock.now()).await;
                // Whoever asked may have stopped waiting.
                let _ = close.reply.send(closed);
                return;
            }
        }
    }

    fn nap(&self) -> Duration {
        if !self.waiting.line.is_empty() {
            Duration::ZERO
        } else if self.trouble.is_some() || !self.waiting.writes.outcomes.is_empty() {
            REVIVE_INTERVAL
        } else if !self.releases.is_empty() {
            Duration::ZERO
        } else {
            self.pruning
                .next()
                .min(self.next_keep_up)
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1))
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

    /// Writes what waits, as one transaction where possible. Where the database refuses that, each
    /// is written on its own, so that one that it cannot take does not take others with it.
    async fn write(&mut self) {
        let writes = std::mem::take(&mut self.waiting.writes);
        if let Some(trouble) = self.trouble.clone() {
            return self.put_off(writes, &trouble);
        }
        match self.try_write(writes).await {
            Ok(()) => {}
            Err((writes, error)) if error.is_unavailable() || writes.len() == 1 => self.refuse(writes, error),
            Err((writes, _)) => {
                for write in writes.each() {
                    if let Err((write, error)) = self.try_write(write).await {
                        self.refuse(write, error);
                    }
                }
            }
        }
    }

    async fn try_write(&mut self, writes: Writes) -> Result<(), (Writes, StoreError)> {
        if writes.len() == 0 {
            return Ok(());
        }
        let began = Instant::now();
        let receipts = match self.side.commit(&writes.batch()).await {
            Ok(receipts) => receipts,
            Err(error) => return Err((writes, error)),
        };
        self.options.watch.committed(writes.len(), began.elapsed());
        for (Request { new, reply, .. }, receipt) in writes.accepts.into_iter().zip(receipts) {
            let accepted = self.accepted(new, receipt);
            // A caller that has gone drops the answer, and the lease in it goes back.
            let _ = reply.send(Ok(accepted));
        }
        for outcome in writes.outcomes {
            let _ = outcome.reply.send(());
        }
        Ok(())
    }

    /// Draws the consequence of writes that the database did not take.
    fn refuse(&mut self, writes: Writes, error: StoreError) {
        if error.is_unavailable() {
            self.in_trouble(error.clone());
        } else {
            writes.tell_refused(&error);
        }
        self.put_off(writes, &error);
    }

    /// Refuses accepts, and keeps everything else until it can be written.
    fn put_off(&mut self, writes: Writes, error: &StoreError) {
        for request in writes.accepts {
            // A caller that has gone needs no answer.
            let _ = request.reply.send(Err(error.clone()));
        }
        self.waiting.writes.outcomes.extend(writes.outcomes);
        self.waiting.writes.duplicates.extend(writes.duplicates);
    }

    fn in_trouble(&mut self, error: StoreError) {
        let trouble = match &error {
            StoreError::Unavailable { trouble, .. } => *trouble,
            _ => Trouble::Io,
        };
        if self.condition.note_failing(trouble, self.clock.now()) {
            match trouble {
                Trouble::Unreachable | Trouble::Busy => {
                    warn!(error:err; "the store cannot be written to; accepts are refused until it can");
                }
                _ => error!(
                    error:err, whose = "operator";
                    "the store cannot be written to; accepts are refused until somebody sees to it"
                ),
            }
        }
        self.trouble = Some(error);
    }

    fn accepted(&self, new: NewNotification, receipt: AcceptReceipt) -> Accepted {
        match receipt {
            AcceptReceipt::Known(existing) => Accepted::Known(existing),
            AcceptReceipt::Stored { event_id, lease } => Accepted::New {
                notification: Box::new(new.into_notification(event_id)),
                lease: lease.map(|row| self.lease(row)),
            },
        }
    }

    fn lease(&self, row: LeasedRow) -> Lease {
        Lease::new(row, self.term.clone(), self.releases.sender())
    }

    async fn take_back(&mut self) {
        let rows = self.releases.take();
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.side.release(&rows).await {
            warn!(error:err; "leases could not be given back; they run out by themselves");
            if error.is_unavailable() {
                self.in_trouble(error);
            }
        }
    }

    async fn serve_claims(&mut self) {
        for claim in std::mem::take(&mut self.waiting.claims) {
            let claimed = self.claim(&claim.customer, claim.limit).await;
            if let Err(error) = &claimed
                && error.is_unavailable()
                && self.trouble.is_none()
            {
                self.in_trouble(error.clone());
            }
            // Leases in an answer that nobody takes go back by themselves.
            let _ = claim.reply.send(claimed);
        }
    }

    async fn operate(&mut self) {
        for operation in std::mem::take(&mut self.waiting.operations) {
            if let Some(trouble) = &self.trouble {
                operation.refuse(trouble);
            } else if let Some(trouble) = operation.carry_out(&mut self.side, self.clock.now()).await {
                self.in_trouble(trouble);
            }
        }
    }

    async fn claim(&mut self, customer: &Customer, limit: ClaimLimit) -> Result<Taken, StoreError> {
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        let claimed = self.side.claim(customer, limit).await?;
        let mut taken = Taken {
            rows: Vec::with_capacity(claimed.rows.len()),
            next: claimed.next,
        };
        for claim in claimed.rows {
            match claim {
                Claimed::Readable { lease, notification } => taken.rows.push(Leased {
                    notification: *notification,
                    lease: self.lease(lease),
                }),
                Claimed::Unreadable { row, why } => {
                    error!(customer:%, row, error:% = why; "a stored notification cannot be read; it is set aside as dead");
                    self.side.set_aside(customer, row, &why, self.clock.now()).await?;
                    self.options.watch.set_aside();
                }
            }
        }
        Ok(taken)
    }

    async fn keep_up(&mut self) {
        if self.trouble.is_some() || Instant::now() < self.next_keep_up {
            return;
        }
        self.next_keep_up = Instant::now() + KEEP_UP_INTERVAL;
        match self.side.keep_up().await {
            Ok(silent) => {
                self.options.watch.took_over(silent);
                self.write_key_uses().await;
            }
            Err(error) if error.is_unavailable() => self.in_trouble(error),
            Err(error) => warn!(error:err; "the store's regular work could not be done"),
        }
    }

    /// Writes some of the uses of keys that wait; tells whether there may be more.
    async fn write_key_uses(&mut self) -> bool {
        let uses = self.key_uses.take();
        if uses.is_empty() {
            return false;
        }
        if let Err(error) = self.side.note_key_uses(&uses).await {
            warn!(error:err; "when keys were last used could not be written; tried again later");
            self.key_uses.put_back(uses);
            if error.is_unavailable() {
                self.in_trouble(error);
            }
            return false;
        }
        true
    }

    /// Deletes a little of what is over, where it is time for that.
    async fn prune(&mut self) {
        let began = Instant::now();
        if self.trouble.is_some() {
            return;
        }
        let Some((step, cutoffs)) = self.pruning.due(began, self.clock.now()) else {
            return;
        };
        let more = |more| if more { Done::More } else { Done::Nothing };
        let done = match step {
            Step::Rows { after, limit } => self.side.prune(after, limit, &cutoffs).await.map(Done::Rows),
            Step::Counts { limit } => self.side.prune_counts(limit, &cutoffs).await.map(more),
            Step::Space => self.side.shrink().await.map(more),
        };
        match done {
            Ok(done) => self.pruning.done(began, Instant::now(), done),
            Err(error) => {
                warn!(error:err; "what is over could not be deleted; tried again later");
                self.pruning.failed(Instant::now());
            }
        }
    }
}
