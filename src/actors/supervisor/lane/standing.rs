//! How an account stands with Svix: what its answers say of it, and what is told of that.

use std::time::{Duration, Instant};

use log::{error, info, warn};

use super::Lane;
use crate::actors::messages::AccountStatus;
use crate::actors::supervisor::flight::Entry;
use crate::domain::{Answer, Timestamp};
use crate::policy::GateState;
use crate::svix::Exchange;

/// For how long a limit may hold an account back before its notifications go back to the store.
const MOMENT: Duration = Duration::from_secs(5);

impl Lane {
    /// Takes note that Svix refused the token of a request for a notification. Returns whether another has taken
    /// its place, so that nothing speaks against the account.
    pub(in crate::actors::supervisor) fn is_superseded(&mut self, entry: &Entry, probe: bool) -> bool {
        let superseded = self.credentials.forget(entry.progress.credential);
        if superseded && probe {
            self.gate.probe_lost();
        }
        superseded
    }

    /// Tells whether the gate is shut, and not for a moment only.
    pub(in crate::actors::supervisor) fn is_shut(&self, now: Timestamp) -> bool {
        match self.gate.state() {
            GateState::Open => false,
            GateState::Limited { until } => until.since(now) > MOMENT,
            GateState::Circuit { .. } | GateState::Refused { .. } => true,
        }
    }

    /// Takes note of an answer. Returns whether a failure counts against its notification.
    /// It came in time where it took less than `patience`. What an earlier token comes to says nothing of a present
    /// one that is refused.
    pub(in crate::actors::supervisor) fn observe(
        &mut self,
        exchange: &Exchange,
        of_present: bool,
        probe: bool,
        patience: Duration,
        now: Timestamp,
    ) -> bool {
        // Of one that panicked nobody knows.
        if exchange.answer != Answer::Panicked {
            self.proven = exchange.duration < patience;
            self.quick_at = self.proven.then(Instant::now).or(self.quick_at);
        }
        let before = self.gate.state();
        if !of_present && matches!(before, GateState::Refused { .. }) {
            if probe {
                self.gate.probe_lost();
            }
            return true;
        }
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

    pub(in crate::actors::supervisor) fn status(&self) -> AccountStatus {
        AccountStatus {
            name: self.name.clone(),
            gate: self.gate.state(),
            last_failure: self.last_failure.clone(),
            missing_since: None,
        }
    }

    /// Logs when the gate opens or closes; not each time it stays shut.
    pub(super) fn tell_change(&self, before: GateState) {
        let now = self.gate.state();
        if std::mem::discriminant(&before) == std::mem::discriminant(&now) {
            return;
        }
        let account = &self.name;
        let error = self.last_failure.as_deref().unwrap_or_default();
        match now {
            GateState::Open => info!(account:%; "svix takes the account's requests again"),
            GateState::Limited { until } => warn!(account:%, until:%, error; "svix limits the account"),
            GateState::Circuit { .. } => warn!(account:%, error; "svix is unavailable; only probes go out"),
            GateState::Refused { .. } => {
                error!(account:%, error, whose = "svix"; "svix refuses the account's token; its notifications wait");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::actors::messages::AccountSettings;
    use crate::domain::AccountName;
    use crate::policy::{GateRules, Pace, Share};
    use crate::svix::Account;

    #[test]
    fn what_an_earlier_token_can_do_opens_no_gate_that_the_present_one_shut() {
        let (name, second) = (AccountName::new("default"), Duration::from_secs(1));
        let account = Account::new(name, "http://localhost".to_owned(), "testsk_1".into(), second);
        let mut lane = Lane::new(
            &AccountSettings {
                account: Arc::new(account.unwrap()),
                earlier: Vec::new(),
                pace: Pace::new(1.0, 2),
                share: Share::new(1.0, 2),
                gate: GateRules {
                    circuit_threshold: 1,
                    probe_interval: second,
                    max_probe_interval: second,
                    max_retry_after: second,
                },
            },
            false,
        );
        let mut observe = |answer, of_present| {
            let exchange = Exchange {
                answer,
                status: None,
                detail: String::new(),
                duration: Duration::ZERO,
            };
            lane.observe(&exchange, of_present, true, second, Timestamp::default());
            matches!(lane.status().gate, GateState::Refused { .. })
        };
        let accepted = || Answer::Accepted {
            message_id: None,
            age: None,
        };
        assert!(observe(Answer::Refused, true));
        assert!(observe(accepted(), false), "an earlier token");
        assert!(!observe(accepted(), true), "the present one");
    }
}
