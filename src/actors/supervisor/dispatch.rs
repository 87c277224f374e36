//! From the ready queues to the pool: as much as accounts, threads and bounds allow.

use std::time::{Duration, Instant};

use actix::{AsyncContext, Context};

use super::SupervisorActor;
use super::flight::{Entry, Flight};
use super::lane::Turn;
use crate::actors::messages::{BatchTicket, Deliver, Job};

/// How many outcomes may be on their way to the store for each request that may be in flight.
const SETTLING_PER_FLIGHT: usize = 8;

impl SupervisorActor {
    /// Puts a notification into the queue of its account and customer.
    pub(super) fn make_ready(&mut self, entry: Box<Entry>) {
        let customer = entry.notification.customer.clone();
        match self.lanes.get_mut(&entry.notification.account) {
            Some(lane) => lane.queues().of(entry.is_fresh()).push_back(&customer, entry),
            // It goes back to the store and waits for its account to be configured again.
            None => log::error!(
                notification:% = entry.notification.id, customer:%, account:% = entry.notification.account;
                "a notification's account is not configured"
            ),
        }
    }

    /// Hands batches to idle threads.
    pub(super) fn dispatch(&mut self, ctx: &mut Context<Self>) {
        let mut wait = None;
        while self.pool.has_idle_thread() {
            let jobs = self.gather(&mut wait, ctx);
            if jobs.is_empty() {
                break;
            }
            self.moved_at = self.around.store.now();
            let batch = self.flights.group(jobs.iter().map(|job| job.flight).collect());
            let ticket = BatchTicket {
                batch,
                to: ctx.address().recipient(),
            };
            self.pool.hand_over(Deliver { jobs, ticket });
        }
        if let Some(wait) = wait {
            self.wake_in(wait, ctx);
        }
    }

    /// Gathers a batch from all accounts in turn. Notes in `wait` when it is worth trying again.
    fn gather(&mut self, wait: &mut Option<Duration>, ctx: &mut Context<Self>) -> Vec<Job> {
        let now = self.around.store.now();
        if self.settling_room() == 0 {
            return Vec::new();
        }
        let room = self
            .settings
            .max_in_flight
            .saturating_sub(self.flights.len())
            .min(self.settings.batch);
        let rules = self.settings.rules;
        let directory = self.around.store.directory().clone();
        let mut jobs = Vec::new();
        let mut open: Vec<_> = self.lanes.keys().cloned().collect();
        while jobs.len() < room && !open.is_empty() {
            let mut aside = Vec::new();
            open.retain(|account| {
                let Some(lane) = self.lanes.get_mut(account) else {
                    return false;
                };
                if jobs.len() >= room {
                    return false;
                }
                let is_of_use = |entry: &Entry| {
                    let rules = directory.rules(&entry.notification.customer, &rules);
                    entry.lease.is_valid() && entry.overdue(rules.max_age, now).is_none()
                };
                match lane.next(now, is_of_use, &mut aside) {
                    Turn::Send { entry, probe } => {
                        let (notification, step) = (entry.notification.clone(), entry.step.clone());
                        let flight = self.flights.start(Flight {
                            entry,
                            account: account.clone(),
                            probe,
                        });
                        jobs.push(Job {
                            flight,
                            account: lane.account().clone(),
                            notification,
                            step,
                        });
                        true
                    }
                    Turn::Wait(until) => {
                        *wait = [*wait, until].into_iter().flatten().min();
                        false
                    }
                    Turn::Idle => false,
                }
            });
            for entry in aside {
                self.retire(entry, now, ctx);
            }
        }
        jobs
    }

    /// Returns how many more outcomes may be on their way to the store.
    pub(super) fn settling_room(&self) -> usize {
        let bound = self.settings.max_in_flight.saturating_mul(SETTLING_PER_FLIGHT);
        bound.saturating_sub(self.settling)
    }

    /// Makes sure that `proceed` is called after `wait` at the latest.
    fn wake_in(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        let at = Instant::now() + wait.max(Duration::from_millis(1));
        if let Some((earlier, handle)) = self.wake {
            if earlier <= at {
                return;
            }
            ctx.cancel_future(handle);
        }
        let handle = ctx.run_later(at.saturating_duration_since(Instant::now()), |actor, ctx| {
            actor.wake = None;
            actor.proceed(ctx);
        });
        self.wake = Some((at, handle));
    }
}
