//! All that outlives a request, shared by the server's threads and the handle.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::credentials::Credentials;
use super::ledger::Ledger;
use super::options::SandboxOptions;
use super::plan::Planner;
use super::records::Records;

/// The state of a sandbox; stopping and resuming leaves it as it is.
#[derive(Debug)]
pub(super) struct State {
    /// Which token is taken.
    pub(super) credentials: Credentials,
    /// Which faults are in force.
    pub(super) planner: Planner,
    /// What arrived.
    pub(super) records: Records,
    /// How long a request waits for another with the same key.
    pub(super) key_wait: Duration,
    ledger: Mutex<Ledger>,
    started: Instant,
    /// How far its clock is ahead, in milliseconds.
    ahead: AtomicU64,
}

impl State {
    /// Makes the state of a sandbox that starts now.
    pub(super) fn new(options: SandboxOptions) -> Self {
        Self {
            credentials: Credentials::new(options.token.clone(), options.accept_any_token),
            planner: Planner::new(options.seed),
            records: Records::new(options.record, options.max_records),
            key_wait: options.key_wait,
            ledger: Mutex::new(Ledger::new(options, jiff::Timestamp::now().as_millisecond())),
            started: Instant::now(),
            ahead: AtomicU64::new(0),
        }
    }

    /// Returns what is held, locked.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the milliseconds since the sandbox started.
    pub(super) fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// Returns the milliseconds from the start of the sandbox to a moment.
    pub(super) fn at(&self, moment: Instant) -> u64 {
        let passed = u64::try_from(moment.saturating_duration_since(self.started).as_millis());
        passed
            .unwrap_or(u64::MAX)
            .saturating_add(self.ahead.load(Ordering::Relaxed))
    }

    /// Lets so much time pass at once.
    pub(super) fn advance(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(millis, Ordering::Relaxed);
    }
}
