//! What waits behind a shut gate goes back to the store, so that it takes no room from others, and what was tried
//! there in vain lets pass what waits behind it.

use std::collections::BTreeSet;

use actix::Context;

use super::SupervisorActor;
use crate::domain::{Customer, State};

/// How many notifications of an account stay in memory to try it with.
const KEPT: usize = 2;

impl SupervisorActor {
    /// Gives back what accounts that are shut have ready, but for a few, and lets customers take part
    /// again whose account has opened or gone, or has nothing left that it could be tried with.
    pub(super) fn give_back(&mut self, ctx: &mut Context<Self>) {
        if self.draining.is_some() {
            return;
        }
        let lanes = &self.lanes;
        self.backlog.unpark_where(|account| !lanes.contains_key(account));
        // With one account there is nobody who could use the room.
        let alone = self.lanes.len() <= 1;
        let now = self.around.store.now();
        let mut room = self.settling_room();
        let mut later = Vec::new();
        for (account, lane) in &mut self.lanes {
            if alone || !lane.is_shut(now) {
                self.backlog.unpark(account, usize::MAX);
                if let Some(due_at) = lane.next_trial(now) {
                    let tried = lane.make_way(room, |customer| self.backlog.waits(customer));
                    room -= tried.len();
                    later.extend(tried.into_iter().map(|entry| (entry, due_at)));
                }
            } else if lane.ready() > KEPT {
                let back = lane.give_back(KEPT);
                let customers = back.iter().map(|entry| &entry.notification.customer);
                let customers: BTreeSet<Customer> = customers.cloned().collect();
                for customer in &customers {
                    // What is posted from now on is to queue up behind it.
                    self.around.room.announce(customer);
                }
                self.backlog.park(account, customers);
                if let Some(due_at) = lane.next_trial(now) {
                    let tried = back.into_iter().filter(|entry| !entry.is_untried()).take(room);
                    let before = later.len();
                    later.extend(tried.map(|entry| (entry, due_at)));
                    room -= later.len() - before;
                }
            } else if lane.ready() == 0 && lane.load().out == 0 {
                self.backlog.unpark(account, 1);
            }
        }
        for (entry, due_at) in later {
            self.settle(entry, State::Queued, None, due_at, ctx);
        }
    }
}
