//! What waits behind a shut gate goes back to the store, so that it takes no room from others.

use std::collections::BTreeSet;

use super::SupervisorActor;
use crate::domain::Customer;

/// How many notifications of an account stay in memory to try it with.
const KEPT: usize = 2;

impl SupervisorActor {
    /// Gives back what accounts that are shut have ready, but for a few, and lets customers take part
    /// again whose account has opened or gone, or has nothing left that it could be tried with.
    pub(super) fn give_back(&mut self) {
        if self.draining.is_some() {
            return;
        }
        let lanes = &self.lanes;
        self.backlog.unpark_where(|account| !lanes.contains_key(account));
        // With one account there is nobody who could use the room.
        let alone = self.lanes.len() <= 1;
        let now = self.around.store.now();
        for (account, lane) in &mut self.lanes {
            if alone || !lane.is_shut(now) {
                self.backlog.unpark(account, usize::MAX);
            } else if lane.ready() > KEPT {
                let back = lane.give_back(KEPT);
                let customers = back.iter().map(|entry| &entry.notification.customer);
                let customers: BTreeSet<Customer> = customers.cloned().collect();
                for customer in &customers {
                    // What is posted from now on is to queue up behind it.
                    self.around.room.announce(customer);
                }
                self.backlog.park(account, customers);
            } else if lane.ready() == 0 && lane.load().out == 0 {
                self.backlog.unpark(account, 1);
            }
        }
    }
}
