//! What must not be sent any more leaves the queues, whether or not anything else can go out.

use actix::Context;

use super::SupervisorActor;
use super::flight::Entry;
use crate::domain::{State, Timestamp};
use crate::policy::{Overdue, ask_first};

/// How many waiting notifications each tick looks at.
const LOOKS: usize = 1000;

impl SupervisorActor {
    /// Looks through the queues for what must not be sent any more, some of it each time. This needs
    /// no permit and no open gate: behind an account that pauses nothing else would take it out.
    pub(super) fn sweep_overdue(&mut self, ctx: &mut Context<Self>) {
        if self.draining.is_some() {
            return;
        }
        let now = self.around.store.now();
        let rules = self.settings.rules;
        let directory = self.around.store.directory().clone();
        let looks = LOOKS.min(self.settling_room()).div_ceil(self.lanes.len().max(1));
        let mut overdue = Vec::new();
        for lane in self.lanes.values_mut() {
            let is_over = |entry: &Entry| {
                let rules = directory.rules(&entry.notification.customer, &rules);
                entry.overdue(rules.max_age, now).is_some()
            };
            lane.queues().sweep(looks, |entry| is_over(entry), &mut overdue);
        }
        for entry in overdue {
            self.retire(*entry, now, ctx);
        }
    }

    /// Ends what must not be sent any more. What Svix may hold is asked about instead, once Svix has had
    /// its time to finish what it may have begun. What others deliver by now is left to them.
    pub(super) fn retire(&mut self, mut entry: Entry, now: Timestamp, ctx: &mut Context<Self>) {
        if !entry.lease.is_valid() {
            return;
        }
        let rules = self.rules_of(&entry.notification.customer);
        match entry.overdue(rules.max_age, now) {
            Some(Overdue::Unsent(reason)) => self.settle(entry, State::Expired, Some(reason), now, ctx),
            Some(Overdue::Unclear) => {
                ask_first(&mut entry.progress);
                self.settle(entry, State::Queued, None, now.after(rules.settle), ctx);
            }
            None => {}
        }
    }
}
