//! The delivery pool as the supervisor sees it: how many threads it should have, has, and uses.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use actix::Recipient;

use crate::actors::messages::Deliver;

/// Makes a pool: its number, its threads, and the settings that its threads work by.
pub(in crate::actors) type PoolFactory =
    Box<dyn Fn(u64, &crate::actors::messages::Settings) -> Recipient<Deliver> + Send>;

/// The shortest time between two pools that replace dead threads.
const REPLACE_INTERVAL: Duration = Duration::from_secs(1);

/// The pool in use. One that was replaced ends by itself when its batches have.
pub(super) struct Pool {
    number: u64,
    to: Recipient<Deliver>,
    configured: usize,
    alive: usize,
    started_at: Instant,
    /// Batches under way in this pool.
    batches: HashSet<u64>,
}

impl Pool {
    pub(super) fn new(number: u64, to: Recipient<Deliver>, configured: usize) -> Self {
        let batches = HashSet::new();
        Self {
            number,
            to,
            configured,
            alive: 0,
            started_at: Instant::now(),
            batches,
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

    /// Tells whether a thread has nothing to do. Handing over no more batches than there are
    /// threads keeps the pool's own, unbounded queue empty, and lets batches grow under load.
    pub(super) fn has_idle_thread(&self) -> bool {
        self.batches.len() < self.alive
    }

    pub(super) fn hand_over(&mut self, deliver: Deliver) {
        self.batches.insert(deliver.ticket.batch);
        self.to.do_send(deliver);
    }

    pub(super) fn batch_ended(&mut self, batch: u64) {
        self.batches.remove(&batch);
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
