//! What waits of a customer that is paused goes back to the store, so that it takes no room from others.

use actix::Context;

use super::SupervisorActor;
use super::flight::Entry;
use crate::domain::{Customer, State};

impl SupervisorActor {
    /// Tells whether nothing of a customer goes out for now.
    pub(super) fn is_paused(&self, customer: &Customer) -> bool {
        self.around.store.directory().is_paused(customer)
    }

    /// Tells whether what a customer has goes on from memory; else it goes back to the store.
    pub(super) fn goes_on(&self, customer: &Customer) -> bool {
        self.draining.is_none() && !self.is_paused(customer)
    }

    /// Gives back to the store what does not go out for now.
    pub(super) fn put_back(
        &mut self,
        entries: impl IntoIterator<Item = Box<Entry>>,
        ctx: &mut Context<Self>,
    ) {
        let now = self.around.store.now();
        for entry in entries {
            // What is posted from now on is to queue up behind it.
            self.around.room.announce(&entry.notification.customer);
            if !entry.attempts.is_empty() {
                // The store does not know yet how far it has come.
                self.settle(*entry, State::Queued, None, now, ctx);
            }
        }
    }

    /// Gives back what those have ready that were paused, and lets those take part that were resumed.
    pub(super) fn follow_pauses(&mut self, ctx: &mut Context<Self>) {
        for customer in self.around.store.directory().take_switched() {
            if self.is_paused(&customer) {
                let lanes = self.lanes.values_mut();
                let back: Vec<_> = lanes.flat_map(|lane| lane.queues().take_all(&customer)).collect();
                self.put_back(back, ctx);
            } else {
                self.resume(customer);
            }
        }
    }

    /// Lets those take part that have another rate: it may let them send earlier.
    pub(super) fn follow_rates(&mut self) {
        for customer in self.around.store.directory().take_repaced() {
            self.release(&customer);
        }
    }

    fn resume(&mut self, customer: Customer) {
        // Something may have come and been held since it was paused.
        self.release(&customer);
        self.backlog.add(customer);
    }

    /// Lets a customer that was held back take part again.
    pub(super) fn release(&mut self, customer: &Customer) {
        for (account, lane) in &mut self.lanes {
            if lane.queues().release(customer) {
                self.turns.wake(account);
            }
        }
    }
}
