//! What waits of a customer that is paused goes back to the store, so that it takes no room from others.

use std::collections::BTreeSet;

use actix::Context;

use super::SupervisorActor;
use super::flight::Entry;
use crate::domain::{Customer, State};

impl SupervisorActor {
    /// Tells whether nothing of a customer goes out for now.
    pub(super) fn is_paused(&self, customer: &Customer) -> bool {
        self.around.store.directory().is_paused(customer)
    }

    /// Gives back what those have ready that are paused by now, and lets those take part that are not any more.
    pub(super) fn follow_pauses(&mut self, ctx: &mut Context<Self>) {
        if self.draining.is_some() {
            return;
        }
        let directory = self.around.store.directory().clone();
        let mut back = Vec::new();
        for (account, lane) in &mut self.lanes {
            let is_paused = |entry: &Entry| directory.is_paused(&entry.notification.customer);
            back.extend(lane.queues().cut(0, |entry| is_paused(entry)));
            lane.queues().release_all();
            self.turns.wake(account);
        }
        let customers = back.iter().map(|entry| &entry.notification.customer);
        for customer in customers.collect::<BTreeSet<_>>() {
            // What is posted from now on is to queue up behind it.
            self.around.room.announce(customer);
        }
        let now = self.around.store.now();
        for entry in back.into_iter().filter(|entry| !entry.attempts.is_empty()) {
            // The store does not know yet how far it has come.
            self.settle(*entry, State::Queued, None, now, ctx);
        }
    }
}
