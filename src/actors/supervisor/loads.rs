//! What is under way, by account and customer: kept up to date as requests start, grow slow and end.

use std::time::Instant;

use super::SupervisorActor;
use super::flight::{Entry, Flight};
use super::lane::Lane;
use crate::domain::{AccountName, Timestamp};
use crate::policy::{Caps, Load};

impl SupervisorActor {
    pub(super) fn caps(&self) -> Caps {
        Caps::new(self.settings.max_in_flight)
    }

    /// Returns what all accounts have under way together.
    pub(super) fn load(&self) -> Load {
        Load {
            out: self.flights.len(),
            counted: self.counted,
        }
    }

    /// Adds up anew what is held against others, which depends on the settings.
    pub(super) fn count_again(&mut self) {
        let caps = self.caps();
        let counted = self.lanes.values().map(|lane| caps.shared(lane.load().counted));
        self.counted = counted.sum();
    }

    /// Notes that a request goes out, to be answered by then; returns its number.
    pub(super) fn take_off(
        &mut self,
        account: &AccountName,
        entry: Box<Entry>,
        probe: bool,
        answer_by: Timestamp,
    ) -> u64 {
        let alone = self.lanes.len() <= 1;
        let customer = entry.notification.customer.clone();
        let caps = self.caps();
        let untried = self
            .lanes
            .get_mut(account)
            .map(|lane| change(&mut self.counted, caps, lane, |lane| lane.take_off(&customer, alone)));
        self.flights.start(Flight {
            entry,
            account: account.clone(),
            probe,
            answer_by,
            untried: untried.unwrap_or_default(),
            slow: false,
        })
    }

    /// Notes which requests have grown slow.
    pub(super) fn note_slow(&mut self, now: Instant) {
        let (caps, patience) = (self.caps(), self.settings.patience.request);
        while let Some(flight) = self.flights.next_slow(now, patience) {
            if let Some(lane) = self.lanes.get_mut(&flight.account) {
                change(&mut self.counted, caps, lane, |lane| lane.grow_slow(flight, now, patience));
            }
        }
    }

    /// Notes that a request is over.
    pub(super) fn land(&mut self, flight: &Flight) {
        let caps = self.caps();
        if let Some(lane) = self.lanes.get_mut(&flight.account) {
            change(&mut self.counted, caps, lane, |lane| lane.land(flight));
        }
    }
}

/// Changes what a lane has under way, and with it what is held against others.
fn change<R>(counted: &mut usize, caps: Caps, lane: &mut Lane, change: impl FnOnce(&mut Lane) -> R) -> R {
    let before = caps.shared(lane.load().counted);
    let changed = change(lane);
    *counted = counted.saturating_sub(before) + caps.shared(lane.load().counted);
    changed
}
