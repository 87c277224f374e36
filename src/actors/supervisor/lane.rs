//! One account: its credential, its pace, its gate, and what waits to go out through it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use leaky_bucket::RateLimiter;
use log::{info, warn};

use super::budget::Budget;
use super::flight::Entry;
use super::queues::ReadyQueues;
use crate::actors::messages::{AccountSettings, AccountStatus};
use crate::domain::{Answer, Timestamp};
use crate::policy::{Admission, Gate, GateState, Pace};
use crate::store::{Slice, SliceRequest};
use crate::svix::{Account, Exchange};

/// What an account has to say about the next request.
#[derive(Debug)]
pub(super) enum Turn {
    /// This one goes out; `probe` tells whether it tries if Svix works again.
    Send { entry: Box<Entry>, probe: bool },
    /// Nothing goes out before that much time has passed, or before something happens.
    Wait(Option<Duration>),
    /// Nothing waits.
    Idle,
}

/// One account and its queues.
pub(super) struct Lane {
    account: Arc<Account>,
    pace: Pace,
    limiter: RateLimiter,
    /// Where replicas share the account.
    budget: Option<Budget>,
    /// Whether the last look found the bucket empty.
    held_by_pace: bool,
    gate: Gate,
    last_failure: Option<String>,
    queues: ReadyQueues<Box<Entry>>,
}

impl Lane {
    /// Makes the lane of an account, which other replicas use too where it is `shared`.
    pub(super) fn new(settings: &AccountSettings, shared: bool) -> Self {
        Self {
            account: settings.account.clone(),
            pace: settings.pace,
            limiter: limiter(settings.pace),
            budget: shared.then(|| Budget::new(settings.share)),
            held_by_pace: false,
            gate: Gate::new(settings.gate),
            last_failure: None,
            queues: ReadyQueues::default(),
        }
    }

    /// Takes over what the operator has changed.
    pub(super) fn reconfigure(&mut self, settings: &AccountSettings) {
        self.gate.set_rules(settings.gate);
        if !settings.account.speaks_as(&self.account) {
            info!(account:% = self.account.name; "the account's token or address was changed; sending starts again");
            self.gate.reset();
            self.last_failure = None;
        }
        self.account = settings.account.clone();
        if settings.pace != self.pace {
            self.pace = settings.pace;
            self.limiter = limiter(settings.pace);
        }
        if let Some(budget) = &mut self.budget
            && settings.share != budget.share()
        {
            budget.reconfigure(settings.share);
        }
    }

    pub(super) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    pub(super) fn queues(&mut self) -> &mut ReadyQueues<Box<Entry>> {
        &mut self.queues
    }

    pub(super) fn ready(&self) -> usize {
        self.queues.len()
    }

    /// Tells whether something should be going out: it is ready, the gate is open, and it is not
    /// just the pace that holds it back from a thread that is idle.
    pub(super) fn should_move(&mut self, now: Timestamp, idle_thread: bool) -> bool {
        self.queues.len() > 0 && self.gate.admit(now) == Admission::All && !(idle_thread && self.held_by_pace)
    }

    /// Takes the next notification that may go out. Those that are of no use are put aside on the way.
    pub(super) fn next(
        &mut self,
        now: Timestamp,
        is_of_use: impl Fn(&Entry) -> bool,
        aside: &mut Vec<Entry>,
    ) -> Turn {
        if self.queues.len() == 0 {
            return Turn::Idle;
        }
        let probe = match self.gate.admit(now) {
            Admission::All => false,
            Admission::Probe => true,
            Admission::Wait(until) => return Turn::Wait(until.map(|until| until.since(now))),
        };
        if let Some(budget) = &self.budget
            && !budget.has_permit()
        {
            self.held_by_pace = true;
            return Turn::Wait(budget.wait());
        }
        self.held_by_pace = !self.limiter.try_acquire(1);
        if self.held_by_pace {
            return Turn::Wait(Some(self.pace.interval));
        }
        while let Some(entry) = self.queues.pop() {
            if !is_of_use(&entry) {
                aside.push(*entry);
                continue;
            }
            if let Some(budget) = &mut self.budget {
                budget.use_permit();
            }
            if probe {
                self.gate.probe_sent();
            }
            return Turn::Send { entry, probe };
        }
        Turn::Idle
    }

    /// Where permits of the shared budget are of use and there are none, notes that some are asked for.
    pub(super) fn begin_asking(&mut self, now: Timestamp) -> Option<SliceRequest> {
        let allowed = self.queues.len() > 0 && !matches!(self.gate.admit(now), Admission::Wait(_));
        let budget = self.budget.as_mut().filter(|_| allowed)?;
        let want = budget.begin_asking(self.queues.len())?;
        Some(SliceRequest {
            want,
            capacity: budget.share().capacity,
            interval_us: budget.share().interval_us,
            probe_wait: self.gate.probe_wait(),
        })
    }

    /// Takes in permits that were asked for at `asked`, with what other replicas say of the gate.
    pub(super) fn receive(&mut self, slice: Option<Slice>, asked: Instant, now: Timestamp) {
        let Some(budget) = &mut self.budget else { return };
        budget.receive(slice, asked);
        let before = self.gate.state();
        if let Some(slice) = slice
            && let Some(state) = budget.news(slice, before, now)
        {
            self.gate.adopt(state);
            self.tell_change(before);
        }
    }

    /// Where the gate stands otherwise than other replicas know, notes that they are told.
    pub(super) fn begin_telling(&mut self, now: Timestamp) -> Option<GateState> {
        let state = self.gate.state();
        let budget = self.budget.as_mut()?;
        budget.begin_telling(state, now).then_some(state)
    }

    /// Notes what other replicas know by now.
    pub(super) fn end_telling(&mut self, told: Option<(GateState, i64)>) {
        if let Some(budget) = &mut self.budget {
            budget.end_telling(told);
        }
    }

    /// Takes note of an answer. Returns whether a failure counts against its notification.
    pub(super) fn observe(&mut self, exchange: &Exchange, probe: bool, now: Timestamp) -> bool {
        let before = self.gate.state();
        let counts = self.gate.observe(&exchange.answer, probe, now);
        if let Answer::Limited { .. } | Answer::Unavailable { .. } | Answer::Ambiguous | Answer::Refused =
            exchange.answer
        {
            self.last_failure = Some(match exchange.status {
                Some(status) => format!("{status} {}", exchange.detail),
                None => exchange.detail.clone(),
            });
        }
        self.tell_change(before);
        counts
    }

    pub(super) fn status(&self) -> AccountStatus {
        AccountStatus {
            name: self.account.name.clone(),
            gate: self.gate.state(),
            last_failure: self.last_failure.clone(),
        }
    }

    /// Logs when the gate opens or closes; not each time it stays shut.
    fn tell_change(&self, before: GateState) {
        let now = self.gate.state();
        if std::mem::discriminant(&before) == std::mem::discriminant(&now) {
            return;
        }
        let account = &self.account.name;
        let error = self.last_failure.as_deref().unwrap_or_default();
        match now {
            GateState::Open => info!(account:%; "svix takes the account's requests again"),
            GateState::Limited { until } => warn!(account:%, until:%, error; "svix limits the account"),
            GateState::Circuit { .. } => warn!(account:%, error; "svix is unavailable; only probes go out"),
            GateState::Refused { .. } => {
                log::error!(account:%, error; "svix refuses the account's token; its notifications wait");
            }
        }
    }
}

/// Makes the account's bucket. It starts empty, so that a restart or a change does not grant a
/// burst on top of what went out before.
fn limiter(pace: Pace) -> RateLimiter {
    RateLimiter::builder()
        .initial(0)
        .max(pace.capacity)
        .refill(pace.refill)
        .interval(pace.interval)
        // Refills are then counted before each grant. Without, a full bucket could be emptied and
        // filled again in one go after a pause.
        .fair(true)
        .build()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_bucket_that_rested_grants_no_more_than_its_burst() {
        let limiter = limiter(Pace::new(1000.0, 10));
        let mut grants = Vec::new();
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(300) {
            if limiter.try_acquire(1) {
                grants.push(started.elapsed().as_secs_f64());
            }
            // Rests now and then, which is when a bucket fills up unseen.
            if grants.len() % 50 == 49 {
                let rest = started.elapsed() + Duration::from_millis(20);
                while started.elapsed() < rest {
                    std::hint::spin_loop();
                }
                grants.push(started.elapsed().as_secs_f64());
                grants.pop();
                if !limiter.try_acquire(1) {
                    continue;
                }
                grants.push(started.elapsed().as_secs_f64());
            }
        }
        for (first, start) in grants.iter().enumerate() {
            for (last, end) in grants.iter().enumerate().skip(first) {
                let sent = (last - first + 1) as f64;
                assert!(sent <= 10.0 + 1000.0 * (end - start) + 1e-9, "{sent} within {} s", end - start);
            }
        }
    }
}
