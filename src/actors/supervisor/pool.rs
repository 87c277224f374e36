//! The delivery pool as the supervisor sees it: how many threads it should have, has, and uses.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use actix::Recipient;

use crate::actors::handover::Handover;
use crate::actors::messages::{Batch, BatchTicket, Deliver, Job, Settings};

/// Makes a pool: its number, its threads, and the settings that its threads work by.
pub(in crate::actors) type PoolFactory = Box<dyn Fn(u64, &Settings) -> Recipient<Deliver> + Send>;

/// The shortest time between two pools that replace dead threads.
const REPLACE_INTERVAL: Duration = Duration::from_secs(1);

/// The pool in use. One that was replaced ends by itself when its batches have.
pub(super) struct Pool {
    number: u64,
    to: Recipient<Deliver>,
    handover: Handover,
    configured: usize,
    alive: usize,
    started_at: Instant,
    /// Batches that keep a thread to themselves, and until when: those that have not ended and are
    /// not slow. Numbers and times ascend together.
    quick: BTreeMap<u64, Instant>,
    patience: Duration,
}

impl Pool {
    pub(super) fn new(number: u64, to: Recipient<Deliver>, settings: &Settings) -> Self {
        Self {
            number,
            to,
            handover: Handover::default(),
            configured: settings.actors,
            alive: 0,
            started_at: Instant::now(),
            quick: BTreeMap::new(),
            patience: settings.patience.batch,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn configured(&self) -> usize {
        self.configured
    }

    pub(super) fn alive(&self) -> usize {
        self.alive
    }

    /// Tells whether a thread has nothing to do, or nothing but wait. Handing over no more quick
    /// batches than there are threads lets batches grow under load.
    pub(super) fn has_idle_thread(&mut self) -> bool {
        let now = Instant::now();
        while let Some(oldest) = self.quick.first_entry()
            && *oldest.get() <= now
        {
            oldest.remove();
        }
        self.quick.len() < self.alive
    }

    /// Returns how long it takes until the oldest batch is slow, if nothing ends before.
    pub(super) fn next_idle(&self) -> Option<Duration> {
        let (_, slow_at) = self.quick.first_key_value()?;
        Some(slow_at.saturating_duration_since(Instant::now()))
    }

    /// Hands over a batch. One that `is_tried` keeps its thread to itself while it is quick. Any other passes for
    /// slow from the start: accounts that hang would else keep all threads for a moment at each of their timeouts.
    pub(super) fn hand_over(&mut self, jobs: Vec<Job>, ticket: BatchTicket, is_tried: bool) {
        let now = Instant::now();
        let slow_at = if is_tried { now + self.patience } else { now };
        if is_tried {
            self.quick.insert(ticket.batch, slow_at);
        }
        let batch = Batch {
            jobs,
            slow_at,
            ticket,
        };
        if let Some(deliver) = self.handover.put(batch, self.configured) {
            self.to.do_send(deliver);
        }
    }

    /// Takes over the batches that no thread of the pool before has begun with.
    pub(super) fn take_over(&mut self, before: &Pool) {
        while let Some(Batch { jobs, ticket, .. }) = before.handover.take() {
            self.hand_over(jobs, ticket, true);
        }
    }

    pub(super) fn batch_ended(&mut self, batch: u64) {
        self.quick.remove(&batch);
    }

    /// Counts a thread that has begun or ended. Returns whether one of this pool has ended.
    pub(super) fn count(&mut self, pool: u64, begun: bool) -> bool {
        if pool != self.number {
            return false;
        }
        self.alive = if begun {
            self.alive + 1
        } else {
            self.alive.saturating_sub(1)
        };
        !begun
    }

    /// Tells whether threads are missing and it is time to start a pool in place of this one.
    pub(super) fn needs_replacement(&self) -> bool {
        self.alive < self.configured && self.started_at.elapsed() >= REPLACE_INTERVAL
    }
}
