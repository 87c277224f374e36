//! What an account has under way, and what that says of it.

use std::time::{Duration, Instant};

use super::Lane;
use crate::actors::supervisor::flight::Flight;
use crate::domain::Customer;
use crate::policy::Load;

impl Lane {
    /// Tells whether nothing speaks against the account: it answers in time, and nothing it has under
    /// way counts against it.
    pub(in crate::actors::supervisor) fn is_trusted(&self) -> bool {
        self.proven && self.load.counted == 0
    }

    /// Returns what the account has under way.
    pub(in crate::actors::supervisor) fn load(&self) -> Load {
        self.load
    }

    /// Notes that a request goes out. Returns whether it counts against the account from the start.
    pub(in crate::actors::supervisor) fn take_off(&mut self, customer: &Customer, alone: bool) -> bool {
        let untried = !alone && !self.proven;
        self.load.out += 1;
        self.load.counted += usize::from(untried);
        self.customers.entry(customer.clone()).or_default().out += 1;
        untried
    }

    /// Notes that a request has grown slow, which takes as long as `patience`. Where no answer came in
    /// time meanwhile, it is not this one request only.
    pub(in crate::actors::supervisor) fn grow_slow(
        &mut self,
        flight: &Flight,
        now: Instant,
        patience: Duration,
    ) {
        let answers = |at: Instant| now.saturating_duration_since(at) < patience;
        self.proven &= self.quick_at.is_some_and(answers);
        self.load.counted += usize::from(!flight.untried);
        if let Some(load) = self.customers.get_mut(&flight.entry.notification.customer) {
            load.counted += 1;
        }
    }

    /// Notes that a request is over, so that its customer may have room again.
    pub(in crate::actors::supervisor) fn land(&mut self, flight: &Flight) {
        let customer = &flight.entry.notification.customer;
        self.load.out -= 1;
        self.load.counted -= usize::from(flight.untried || flight.slow);
        if let Some(load) = self.customers.get_mut(customer) {
            load.out -= 1;
            load.counted -= usize::from(flight.slow);
            if load.out == 0 {
                self.customers.remove(customer);
            }
        }
        self.queues.release(customer);
    }
}
