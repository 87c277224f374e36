//! One account: its credential, its pace, its gate, and what waits to go out through it.

mod credentials;
mod hold;
mod load;
mod shared;
mod standing;
mod trial;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use leaky_bucket::RateLimiter;
use log::info;

use super::budget::Budget;
use super::fair::May;
use super::flight::Entry;
use super::queues::ReadyQueues;
use crate::actors::messages::AccountSettings;
use crate::domain::{AccountName, Customer, Timestamp};
use crate::policy::{Admission, Applications, Asking, Caps, Gate, Load, Pace};
use crate::svix::Account;
use credentials::Credentials;
use hold::Hold;

/// How soon an account or a customer that has its share under way is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// What an account has to say about the next request.
#[derive(Debug)]
pub(super) enum Turn {
    /// This one goes out; `probe` tells whether it tries if Svix works again.
    Send {
        entry: Box<Entry>,
        probe: bool,
        /// How long it waited for a permit.
        paced: Duration,
    },
    /// Nothing goes out before that much time has passed, or before something happens.
    Wait(Option<Duration>),
    /// Nothing goes out before accounts that are untried or slow have room again.
    Crowded,
    /// Nothing waits.
    Idle,
}

/// What there is beside an account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside {
    pub(super) caps: Caps,
    /// What all accounts have under way.
    pub(super) all: Load,
    /// Whether there are no other accounts.
    pub(super) alone: bool,
    /// Whether others that are untried or slow came first.
    pub(super) crowded: bool,
}

/// One account and its queues.
pub(super) struct Lane {
    name: AccountName,
    credentials: Credentials,
    pace: Pace,
    limiter: RateLimiter,
    /// Where replicas share the account.
    budget: Option<Budget>,
    hold: Hold,
    /// Since when nothing but a permit has been missing.
    paced_since: Option<Instant>,
    gate: Gate,
    applications: Applications,
    last_failure: Option<String>,
    queues: ReadyQueues<Box<Entry>>,
    load: Load,
    /// What those customers have under way that have anything.
    customers: HashMap<Customer, Load>,
    /// Whether the last answer came in time, and nothing has been silent for long since.
    proven: bool,
    /// When the last answer came that came in time.
    quick_at: Option<Instant>,
}

impl Lane {
    /// Makes the lane of an account, which other replicas use too where it is `shared`.
    pub(super) fn new(settings: &AccountSettings, shared: bool) -> Self {
        Self {
            name: settings.account.name.clone(),
            credentials: Credentials::new(settings),
            pace: settings.pace,
            limiter: limiter(settings.pace),
            budget: shared.then(|| Budget::new(settings.share)),
            hold: Hold::Nothing,
            paced_since: None,
            gate: Gate::new(settings.gate),
            applications: Applications::new(settings.default_application.clone()),
            last_failure: None,
            queues: ReadyQueues::default(),
            load: Load::default(),
            customers: HashMap::new(),
            proven: false,
            quick_at: None,
        }
    }

    /// Takes over what the operator has changed.
    pub(super) fn reconfigure(&mut self, settings: &AccountSettings) {
        self.gate.set_rules(settings.gate);
        let same_default = self.applications.default_one() == settings.default_application.as_ref();
        if !(same_default && settings.account.speaks_as(self.credentials.present())) {
            info!(account:% = self.name; "the account's token, address or application was changed; sending starts again");
            self.gate.reset();
            self.applications = Applications::new(settings.default_application.clone());
            self.last_failure = None;
            self.proven = false;
        }
        self.credentials.replace(settings);
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

    /// Returns the credential that the next request for a notification goes out with.
    pub(super) fn credential(&self, entry: &Entry) -> &Arc<Account> {
        self.credentials.for_retry_of(entry.progress.credential)
    }

    /// Tells whether a request for a notification went out with the present token.
    pub(super) fn is_of_present(&self, entry: &Entry) -> bool {
        entry.progress.credential == Some(self.credentials.present().credential())
    }

    pub(super) fn queues(&mut self) -> &mut ReadyQueues<Box<Entry>> {
        &mut self.queues
    }

    pub(super) fn ready(&self) -> usize {
        self.queues.len()
    }

    /// Returns how much of a customer is ready.
    pub(super) fn ready_of(&self, customer: &Customer) -> usize {
        self.queues.len_of(customer)
    }

    /// Takes the next notification that may go out. Those that are of no use are put aside on the way.
    pub(super) fn next(
        &mut self,
        now: Timestamp,
        beside: Beside,
        is_paused: impl Fn(&Customer) -> bool,
        mut may_by_rate: impl FnMut(&Customer, Instant) -> May,
        is_of_use: impl Fn(&Entry) -> bool,
        aside: &mut Vec<Entry>,
    ) -> Turn {
        let paced_since = self.paced_since.take();
        if self.queues.len() == 0 {
            return Turn::Idle;
        }
        let probe = match self.gate.admit(now) {
            Admission::All => false,
            Admission::Probe => true,
            Admission::Wait(until) => return Turn::Wait(until.map(|until| until.since(now))),
        };
        let Beside {
            caps,
            all,
            alone,
            crowded,
        } = beside;
        let Self { load, proven, .. } = *self;
        let asking = Asking { load, proven, alone };
        self.hold = Hold::Load;
        if !alone && !self.is_trusted() && crowded {
            return Turn::Crowded;
        }
        if !caps.admits_account(all, asking) {
            // The end of one of its own tells when to try again; or others have left room by then.
            return if load.out == 0 {
                Turn::Crowded
            } else {
                Turn::Wait(Some(LOOK_AGAIN))
            };
        }
        let (instant, customers) = (Instant::now(), &self.customers);
        let mut may = |customer: &Customer| {
            if is_paused(customer) {
                // Until somebody says otherwise.
                return May::Later(None);
            }
            let load = customers.get(customer).copied().unwrap_or_default();
            match caps.admits_customer(all, asking, load) {
                // Last, because whoever lacks permits may ask for some.
                true => may_by_rate(customer, instant),
                // Until one of its own ends; or others have left room by then.
                false => May::Later(Some(instant + LOOK_AGAIN)),
            }
        };
        let until = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(instant));
        // No permit is taken before it is sure to be of use.
        if let Err(at) = self.queues.find(instant, &mut may) {
            self.hold = Hold::of_customers(&self.queues);
            return Turn::Wait(until(at));
        }
        self.hold = Hold::Pace;
        if let Some(budget) = &self.budget
            && !budget.has_permit()
        {
            self.paced_since = paced_since.or(Some(instant));
            return Turn::Wait(budget.wait());
        }
        if !self.limiter.try_acquire(1) {
            self.paced_since = paced_since.or(Some(instant));
            return Turn::Wait(Some(self.pace.interval));
        }
        self.hold = Hold::Nothing;
        while self.queues.len() > 0 {
            let entry = match self.queues.find(instant, &mut may) {
                Ok(_) if probe => {
                    let chance = trial::chance(&self.gate);
                    self.queues
                        .pick(instant, &mut may, |entry| entry.is_untried(), chance)
                }
                Ok(found) => found.take(),
                Err(at) => {
                    self.hold = Hold::of_customers(&self.queues);
                    return Turn::Wait(until(at));
                }
            };
            let Some(entry) = entry else { break };
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
            let paced = paced_since.map_or(Duration::ZERO, |since| instant.saturating_duration_since(since));
            return Turn::Send { entry, probe, paced };
        }
        Turn::Idle
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
