//! What an account that is shut is tried with, and what leaves its room to others meanwhile.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::Lane;
use crate::actors::supervisor::flight::Entry;
use crate::domain::{Customer, Timestamp};
use crate::policy::{Gate, GateState};

/// Returns which one to try an account with: the first time the oldest, then any.
pub(super) fn chance(gate: &Gate) -> f64 {
    if gate.probed_in_vain() {
        fastrand::f64()
    } else {
        0.0
    }
}

impl Lane {
    /// Tells whether only probes go out.
    fn is_on_trial(&self) -> bool {
        matches!(self.gate.state(), GateState::Circuit { .. } | GateState::Refused { .. })
    }

    /// Returns when what was tried in vain is to come back, so that what waits behind it comes first; nothing where
    /// there is something else to try the account with.
    pub(in crate::actors::supervisor) fn next_trial(&self, now: Timestamp) -> Option<Timestamp> {
        let is_stuck = self.is_on_trial() && !self.queues.any(|entry| entry.is_untried());
        is_stuck.then(|| now.after(self.gate.probe_wait()))
    }

    /// Gives back what is ready but for `kept`, if possible such as was not tried yet, and of different customers.
    /// What has been asked of Svix since its last settlement stays, for the store does not know of it.
    pub(in crate::actors::supervisor) fn give_back(&mut self, kept: usize) -> Vec<Entry> {
        let mut back = self.queues.cut(|entry| entry.attempts.is_empty());
        let mut chosen = BTreeSet::new();
        while self.queues.len() < kept {
            let rank = |entry: &Entry| (!entry.is_untried(), chosen.contains(&entry.notification.customer));
            let Some(best) = back.iter().map(|entry| rank(entry)).min() else {
                break;
            };
            let places: Vec<usize> = (0..back.len())
                .filter(|place| back.get(*place).is_some_and(|entry| rank(entry) == best))
                .collect();
            let nth = (chance(&self.gate) * places.len() as f64) as usize;
            let Some(place) = places.get(nth) else { break };
            let entry = back.remove(*place);
            let customer = entry.notification.customer.clone();
            self.queues.of(entry.is_fresh()).push_back(&customer, entry);
            chosen.insert(customer);
        }
        back.into_iter().map(|entry| *entry).collect()
    }

    /// Takes out what was tried of customers that have more in the store, up to `most`.
    pub(in crate::actors::supervisor) fn make_way(
        &mut self,
        most: usize,
        has_more: impl Fn(&Customer) -> bool,
    ) -> Vec<Entry> {
        let taken = Cell::new(0);
        let goes = |entry: &Entry| {
            let goes = taken.get() < most
                && entry.attempts.is_empty()
                && !entry.is_untried()
                && has_more(&entry.notification.customer);
            taken.set(taken.get() + usize::from(goes));
            goes
        };
        let out = self.queues.cut(|entry| goes(entry));
        out.into_iter().map(|entry| *entry).collect()
    }
}
