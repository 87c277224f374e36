//! Whether an account may send: open, held back by a limit, behind an open circuit, or refused.

mod applications;

use std::time::Duration;

use crate::domain::{Answer, Timestamp};
pub use applications::Applications;

/// For how long an answer that showed that the account works speaks for it. What fails meanwhile fails by itself.
const LATELY: Duration = Duration::from_secs(10);

/// How much shorter the longest wait after a probe is that had failed before and so says little of Svix.
const SHORTER: u32 = 8;

/// When an account's gate closes and how it is tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateRules {
    /// Failures in a row that open the circuit.
    pub circuit_threshold: u32,
    /// The first wait between probes, and after a 429 that names none.
    pub probe_interval: Duration,
    /// The longest wait between probes, and after 429s that name none.
    pub max_probe_interval: Duration,
    /// The longest wait that a `Retry-After` is followed for.
    pub max_retry_after: Duration,
}

/// What an account's gate stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateState {
    /// Everything may go out, at the account's rate.
    Open,
    /// Svix said 429: nothing goes out until then.
    Limited {
        /// When sending starts again.
        until: Timestamp,
    },
    /// Svix is unavailable: only probes go out.
    Circuit {
        /// When it opened.
        since: Timestamp,
        /// When the next probe may go out.
        next_probe: Timestamp,
    },
    /// Svix refuses the token, or knows none of its applications: only probes go out.
    Refused {
        /// When it was first refused.
        since: Timestamp,
        /// When the next probe may go out.
        next_probe: Timestamp,
    },
}

/// How much may go out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// As much as the pace allows.
    All,
    /// One request, to see whether Svix works again.
    Probe,
    /// Nothing before then; without a time, nothing before the probe's answer.
    Wait(Option<Timestamp>),
}

/// What went out, as far as it matters to the gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Whether it was to show if Svix works again.
    pub probe: bool,
    /// Whether it was the first one for its notification.
    pub first: bool,
}

/// One account's gate.
#[derive(Clone, Debug)]
pub struct Gate {
    rules: GateRules,
    state: GateState,
    /// Failures in a row that speak against Svix.
    failures: u32,
    /// When an answer last showed that the account works.
    worked_at: Option<Timestamp>,
    limits: u32,
    probe_interval: Duration,
    probe_under_way: bool,
    /// Whether a probe has failed since the gate was shut.
    probed_in_vain: bool,
}

impl Gate {
    /// Makes an open gate.
    pub fn new(rules: GateRules) -> Self {
        Self {
            rules,
            state: GateState::Open,
            failures: 0,
            worked_at: None,
            limits: 0,
            probe_interval: rules.probe_interval,
            probe_under_way: false,
            probed_in_vain: false,
        }
    }

    /// Returns what the gate stands at.
    pub fn state(&self) -> GateState {
        self.state
    }

    /// Takes over new rules and keeps the state.
    pub fn set_rules(&mut self, rules: GateRules) {
        self.rules = rules;
        self.probe_interval = self
            .probe_interval
            .clamp(rules.probe_interval, rules.max_probe_interval);
    }

    /// Opens the gate, for a reason of its own such as a new token, and forgets what was before.
    pub fn reset(&mut self) {
        *self = Self::new(self.rules);
    }

    /// Takes over how the gate stands at others that use the account.
    pub fn adopt(&mut self, state: GateState) {
        if state == GateState::Open {
            self.open();
        }
        self.state = state;
    }

    /// Returns how long the next probe waits for the answer to the one before.
    pub fn probe_wait(&self) -> Duration {
        self.probe_interval
    }

    /// Tells whether a probe has failed since the gate was shut, so that something else is worth a try.
    pub fn probed_in_vain(&self) -> bool {
        self.probed_in_vain
    }

    /// Tells how much may go out now.
    pub fn admit(&mut self, now: Timestamp) -> Admission {
        match self.state {
            GateState::Open => Admission::All,
            GateState::Limited { until } if now >= until => {
                self.state = GateState::Open;
                Admission::All
            }
            GateState::Limited { until } => Admission::Wait(Some(until)),
            GateState::Circuit { .. } | GateState::Refused { .. } if self.probe_under_way => {
                Admission::Wait(None)
            }
            GateState::Circuit { next_probe, .. } | GateState::Refused { next_probe, .. } => {
                if now >= next_probe {
                    Admission::Probe
                } else {
                    Admission::Wait(Some(next_probe))
                }
            }
        }
    }

    /// Notes that the probe which `admit` allowed has gone out.
    pub fn probe_sent(&mut self) {
        self.probe_under_way = true;
    }

    /// Notes that nothing can be learned from the probe.
    pub fn probe_lost(&mut self) {
        self.probe_under_way = false;
    }

    /// Takes note of an answer. Returns whether a failed attempt counts against its notification: it does not while
    /// the circuit is open, unless others of the account were answered lately.
    pub fn observe(&mut self, answer: &Answer, sent: Sent, now: Timestamp) -> bool {
        if sent.probe {
            self.probe_lost();
        }
        match answer {
            Answer::Limited { retry_after } => self.limited(*retry_after, now),
            Answer::Refused => self.refused(sent, now),
            Answer::Unavailable { retry_after, .. } => self.failed(sent, *retry_after, now),
            Answer::Ambiguous => self.failed(sent, None, now),
            Answer::Broken | Answer::Panicked => {}
            _ => self.worked(now),
        }
        !matches!(self.state, GateState::Circuit { .. }) || self.worked_lately(now)
    }

    fn worked_lately(&self, now: Timestamp) -> bool {
        self.worked_at.is_some_and(|at| now.since(at) < LATELY)
    }

    fn worked(&mut self, now: Timestamp) {
        self.failures = 0;
        self.worked_at = Some(now);
        if !matches!(self.state, GateState::Limited { .. }) {
            self.open();
        }
    }

    /// Opens the gate, and remembers when the account worked.
    fn open(&mut self) {
        *self = Self {
            worked_at: self.worked_at,
            ..Self::new(self.rules)
        };
    }

    fn limited(&mut self, retry_after: Option<Duration>, now: Timestamp) {
        if !matches!(self.state, GateState::Limited { .. }) {
            self.limits = self.limits.saturating_add(1);
        }
        let doublings = self.limits.saturating_sub(1).min(16);
        let own = (self.rules.probe_interval * (1 << doublings)).min(self.rules.max_probe_interval);
        let wait = retry_after
            .unwrap_or(own)
            .max(own)
            .min(self.rules.max_retry_after.max(own));
        let earlier = match self.state {
            GateState::Limited { until } => until,
            _ => now,
        };
        self.failures = 0;
        self.state = GateState::Limited {
            until: earlier.max(now.after(wait)),
        };
    }

    fn failed(&mut self, sent: Sent, retry_after: Option<Duration>, now: Timestamp) {
        // What failed before and does again while others do not says nothing of Svix.
        let counts = sent.first || !self.worked_lately(now);
        self.failures = self.failures.saturating_add(u32::from(counts));
        let asked = retry_after.unwrap_or_default().min(self.rules.max_retry_after);
        match self.state {
            GateState::Circuit { since, .. } if sent.probe => {
                let interval = self.slower(sent);
                self.state = GateState::Circuit {
                    since,
                    next_probe: now.after(interval.max(asked)),
                };
            }
            GateState::Refused { since, .. } if sent.probe => {
                let interval = self.slower(sent);
                self.state = GateState::Refused {
                    since,
                    next_probe: now.after(interval),
                };
            }
            GateState::Open | GateState::Limited { .. }
                if counts && self.failures >= self.rules.circuit_threshold =>
            {
                self.probe_interval = self.rules.probe_interval;
                self.state = GateState::Circuit {
                    since: now,
                    next_probe: now.after(self.probe_interval.max(asked)),
                };
            }
            _ => {}
        }
    }

    fn refused(&mut self, sent: Sent, now: Timestamp) {
        match self.state {
            GateState::Refused { since, .. } => {
                if sent.probe {
                    let interval = self.slower(sent);
                    self.state = GateState::Refused {
                        since,
                        next_probe: now.after(interval),
                    };
                }
            }
            _ => {
                self.probe_interval = self.rules.probe_interval;
                self.probe_under_way = false;
                self.state = GateState::Refused {
                    since: now,
                    next_probe: now.after(self.probe_interval),
                };
            }
        }
    }

    /// Doubles the wait between probes, up to the longest.
    fn slower(&mut self, probe: Sent) -> Duration {
        self.probed_in_vain = true;
        let most = if probe.first {
            self.rules.max_probe_interval
        } else {
            self.rules.max_probe_interval / SHORTER
        };
        self.probe_interval = self.probe_interval.max(most.min(self.probe_interval * 2));
        self.probe_interval
    }
}

#[cfg(test)]
mod tests;
