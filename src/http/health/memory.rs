//! Since when each check stands as it does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::checks::Finding;
use super::{Check, State, Status};
use crate::domain::Timestamp;

/// Checks that are remembered; more than there are accounts.
const NAMES: usize = 20_000;

/// What health looked like last.
#[derive(Debug, Default)]
pub struct HealthMemory(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    checks: HashMap<String, Standing>,
    /// How often everything was looked at.
    looks: u64,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    status: Status,
    state: State,
    since: Timestamp,
    /// The look that saw it last.
    seen: u64,
}

impl HealthMemory {
    /// Takes note of some checks, and tells since when they stand so.
    pub(super) fn remember(&self, found: Vec<Finding>, now: Timestamp) -> Vec<Check> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.into_iter().map(|found| known.note(found, now)).collect()
    }

    /// Takes note of all checks that there are, and forgets all others. Tells of the `shown` ones.
    pub(super) fn remember_all(
        &self,
        shown: Vec<Finding>,
        others: Vec<Finding>,
        now: Timestamp,
    ) -> Vec<Check> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.looks += 1;
        let checks = shown.into_iter().map(|found| known.note(found, now)).collect();
        for found in others {
            known.note(found, now);
        }
        let looks = known.looks;
        known.checks.retain(|_, standing| standing.seen == looks);
        checks
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().checks.len()
    }
}

impl Known {
    fn note(&mut self, found: Finding, now: Timestamp) -> Check {
        let before = self.checks.get(&found.name);
        let before = before.filter(|known| (known.status, known.state) == (found.status, found.state));
        let since = found.since.or(before.map(|known| known.since)).unwrap_or(now);
        if self.checks.len() < NAMES || self.checks.contains_key(&found.name) {
            let standing = Standing {
                status: found.status,
                state: found.state,
                since,
                seen: self.looks,
            };
            self.checks.insert(found.name.clone(), standing);
        }
        Check {
            name: found.name,
            status: found.status,
            state: found.state,
            detail: found.detail,
            since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, state: State) -> Finding {
        Finding::new(name, Status::Ok, state, "")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn since(checks: &[Check]) -> Vec<i64> {
        checks
            .iter()
            .map(|check| check.since.as_millis() / 1000)
            .collect()
    }

    #[test]
    fn since_moves_with_the_state_only() {
        let memory = HealthMemory::default();
        let look =
            |state, second| since(&memory.remember_all(vec![found("disk", state)], Vec::new(), at(second)));
        assert_eq!((look(State::Roomy, 1), look(State::Roomy, 2)), (vec![1], vec![1]));
        assert_eq!((look(State::Low, 3), look(State::Low, 9)), (vec![3], vec![3]));
        assert_eq!((look(State::Roomy, 10), look(State::Roomy, 11)), (vec![10], vec![10]));
        let part = memory.remember(vec![found("disk", State::Roomy)], at(12));
        assert_eq!(since(&part), [10], "whoever asks");
    }

    #[test]
    fn who_knows_the_time_of_its_change_is_believed() {
        let memory = HealthMemory::default();
        let refused = |second| Finding {
            since: Some(at(second)),
            ..found("account a", State::Refused)
        };
        assert_eq!(since(&memory.remember(vec![refused(3)], at(5))), [3]);
        assert_eq!(since(&memory.remember(vec![refused(3)], at(6))), [3]);
        assert_eq!(since(&memory.remember(vec![found("account a", State::Reachable)], at(7))), [7]);
    }

    #[test]
    fn what_is_not_shown_is_remembered_and_what_is_gone_is_not() {
        let memory = HealthMemory::default();
        let names = (0..1000).map(|number| format!("account {number}"));
        let all: Vec<Finding> = names.map(|name| found(&name, State::Reachable)).collect();
        memory.remember_all(Vec::new(), all, at(1));
        assert_eq!(memory.len(), 1000);
        let other = vec![found("account 999", State::Reachable)];
        let one = vec![found("account 7", State::Reachable)];
        assert_eq!(since(&memory.remember_all(one, other, at(2))), [1]);
        assert_eq!(memory.len(), 2);
        let again = memory.remember(vec![found("account 8", State::Reachable)], at(3));
        assert_eq!(since(&again), [3], "it has come anew");
    }

    #[test]
    fn no_more_names_are_remembered_than_fit() {
        let memory = HealthMemory::default();
        let names = (0..NAMES + 5).map(|number| found(&number.to_string(), State::Reachable));
        assert_eq!(memory.remember_all(names.collect(), Vec::new(), at(1)).len(), NAMES + 5);
        assert_eq!(memory.len(), NAMES);
    }
}
