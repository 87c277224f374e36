//! How an account stands with Svix: what its answers say of it, and what is told of that.

use std::time::{Duration, Instant};

use log::{error, info, warn};

use super::Lane;
use crate::actors::messages::AccountStatus;
use crate::actors::supervisor::flight::Entry;
use crate::domain::{Answer, Step, Timestamp};
use crate::policy::{GateState, Sent};
use crate::svix::Exchange;

/// For how long a limit may hold an account back before its notifications go back to the store.
const MOMENT: Duration = Duration::from_secs(5);

impl Lane {
    /// Says what an answer means for its notification: one that is not known to Svix for want of the right account is
    /// refused.
    pub(in crate::actors::supervisor) fn judge(
        &mut self,
        answer: &Answer,
        entry: &Entry,
        now: Timestamp,
    ) -> Answer {
        let application = &entry.notification.application;
        let of_present = self.is_of_present(entry);
        match answer {
            Answer::NotFound if entry.step == Step::Send => {
                // An earlier token may have been another organisation's.
                let is_refused = !of_present || {
                    let missed = self.applications.missed(application, now);
                    // Others may have found out.
                    missed || matches!(self.gate.state(), GateState::Refused { .. })
                };
                if is_refused {
                    Answer::Refused
                } else {
                    Answer::NotFound
                }
            }
            Answer::Accepted { .. }
            | Answer::Conflict
            | Answer::Message { .. }
            | Answer::Attempts { .. }
            | Answer::Endpoints { .. }
            | Answer::Resent
                if of_present =>
            {
                self.applications.found(application, now);
                answer.clone()
            }
            _ => answer.clone(),
        }
    }

    /// Takes note that Svix refused a request for a notification, in these words. Returns whether another token has
    /// taken the place of its own, so that nothing speaks against the account.
    pub(in crate::actors::supervisor) fn is_superseded(
        &mut self,
        answer: &Answer,
        entry: &Entry,
        probe: bool,
    ) -> bool {
        // One that knows no application may know others.
        let superseded = match answer {
            Answer::NotFound => !self.is_of_present(entry),
            _ => self.credentials.forget(entry.progress.credential),
        };
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

    /// Takes note of an answer, as it was judged. Returns whether a failure counts against its notification.
    /// It came in time where it took less than `patience`. What an earlier token comes to says nothing of a present
    /// one that is refused.
    pub(in crate::actors::supervisor) fn observe(
        &mut self,
        exchange: &Exchange,
        answer: &Answer,
        of_present: bool,
        sent: Sent,
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
            if sent.probe {
                self.gate.probe_lost();
            }
            return true;
        }
        let counts = self.gate.observe(answer, sent, now);
        if let Answer::Limited { .. } | Answer::Unavailable { .. } | Answer::Ambiguous | Answer::Refused =
            answer
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
            in_flight: self.load.out,
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
                error!(account:%, error, whose = "svix"; "svix refuses the account's token or knows none of its applications; its notifications wait");
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

    fn lane() -> Lane {
        let (name, second) = (AccountName::new("default"), Duration::from_secs(1));
        let account = Account::new(name, "http://localhost".to_owned(), "testsk_1".into(), second);
        let settings = AccountSettings {
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
            default_application: None,
        };
        Lane::new(&settings, false)
    }

    #[test]
    fn what_an_earlier_token_can_do_opens_no_gate_that_the_present_one_shut() {
        let (mut lane, second) = (lane(), Duration::from_secs(1));
        let mut observe = |answer, of_present| {
            let exchange = Exchange {
                answer,
                status: None,
                detail: String::new(),
                duration: Duration::ZERO,
            };
            let (answer, sent) = (
                &exchange.answer,
                Sent {
                    probe: true,
                    first: true,
                },
            );
            lane.observe(&exchange, answer, of_present, sent, second, Timestamp::default());
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
