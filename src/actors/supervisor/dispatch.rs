//! From the ready queues to the pool: as much as accounts, threads and bounds allow.

use std::time::{Duration, Instant};

use actix::{AsyncContext, Context};

use super::SupervisorActor;
use super::flight::Entry;
use super::lane::{Beside, Turn};
use crate::actors::messages::{BatchTicket, Job, Standstill};
use crate::domain::{AccountName, Customer, Notification, Timestamp};

/// How many outcomes may be on their way to the store for each request that may be in flight.
const SETTLING_PER_FLIGHT: usize = 8;

/// The shortest wait before an account is asked again.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

impl SupervisorActor {
    /// Puts a notification into the queue of its account and customer. Where its account is not
    /// configured, it goes back to the store and waits there. Returns whether it stays.
    pub(super) fn make_ready(&mut self, entry: Box<Entry>) -> bool {
        let Notification {
            account, customer, ..
        } = &*entry.notification;
        if !self.has_lane(account) {
            return false;
        }
        let Some(lane) = self.lanes.get_mut(account) else {
            return false;
        };
        self.turns.wake(account);
        let customer = customer.clone();
        lane.queues().of(entry.is_fresh()).push_back(&customer, entry);
        true
    }

    /// Hands batches to idle threads.
    pub(super) fn dispatch(&mut self, ctx: &mut Context<Self>) {
        let started = Instant::now();
        self.note_slow(started);
        while self.pool.has_idle_thread() {
            let jobs = self.gather(ctx);
            if jobs.is_empty() {
                break;
            }
            self.moved_at = self.around.store.now();
            let flights: Vec<u64> = jobs.iter().map(|job| job.flight).collect();
            let is_tried = self.flights.are_tried(&flights);
            let batch = self.flights.group(flights);
            let ticket = BatchTicket {
                batch,
                to: ctx.address().recipient(),
            };
            self.pool.hand_over(jobs, ticket, is_tried);
        }
        let wait = if self.turns.is_empty() {
            None
        } else if self.pool.has_idle_thread() {
            // What was due before and is not done waits for room, of which the end of a request tells.
            self.turns
                .wake_at()
                .filter(|at| *at > started)
                .map(|at| at.saturating_duration_since(Instant::now()))
        } else {
            self.pool.next_idle()
        };
        if let Some(wait) = wait {
            self.wake_in(wait, ctx);
        }
    }

    /// Gathers a batch from all accounts in turn.
    fn gather(&mut self, ctx: &mut Context<Self>) -> Vec<Job> {
        let (now, instant) = (self.around.store.now(), Instant::now());
        if self.settling_room() == 0 {
            return Vec::new();
        }
        let room = self.flights_left().min(self.settings.batch);
        let (rules, directory) = (self.settings.rules, self.around.store.directory().clone());
        let is_of_use = |entry: &Entry| {
            let rules = directory.rules(&entry.notification.customer, &rules);
            entry.lease.is_valid() && entry.overdue(rules.max_age, now).is_none()
        };
        let is_paused = |customer: &Customer| directory.is_paused(customer);
        let (mut jobs, mut aside) = (Vec::new(), Vec::new());
        while jobs.len() < room {
            let Some((account, beside)) = self.next_account(instant) else {
                break;
            };
            let Some(lane) = self.lanes.get_mut(&account) else {
                continue;
            };
            let rates = &mut self.rates;
            let may_by_rate = |customer: &Customer, now| rates.may(customer, directory.rate(customer), now);
            let turn = lane.next(now, beside, is_paused, may_by_rate, is_of_use, &mut aside);
            if lane.lacks_permits() {
                self.without_permits.push(account.clone());
            }
            match turn {
                Turn::Send {
                    mut entry,
                    probe,
                    paced,
                } => {
                    self.around.metrics.paced(&account, paced);
                    entry.confirm_first(now, rules.confirm_after);
                    let (notification, step) = (entry.notification.clone(), entry.step.clone());
                    let (attempt, due_at) = (entry.progress.attempts.saturating_add(1), entry.due_at);
                    self.rates.use_permit(&notification.customer, Instant::now());
                    let to = lane.credential(&entry).clone();
                    entry.progress.credential = Some(to.credential());
                    let timeout = directory.request_timeout(&notification.customer, to.request_timeout);
                    let flight = self.take_off(&account, entry, probe, now.after(timeout));
                    jobs.push(Job {
                        flight,
                        account: to,
                        notification,
                        step,
                        timeout,
                        attempt,
                        due_at,
                    });
                    self.turns.join(account);
                }
                Turn::Wait(wait) => {
                    let until = wait.map(|wait| instant + wait.max(SHORTEST_WAIT));
                    self.turns.wait(account, until);
                }
                Turn::Crowded => self.turns.join_crowd(account),
                Turn::Idle => {}
            }
        }
        for entry in aside {
            self.retire(entry, now, ctx);
        }
        jobs
    }

    /// Takes the account whose turn it is, with what there is beside it.
    fn next_account(&mut self, now: Instant) -> Option<(AccountName, Beside)> {
        let (caps, all) = (self.caps(), self.load());
        let alone = self.lanes.len() <= 1;
        let invited = (caps.room(all) > 0).then(|| self.turns.invite()).flatten();
        let crowded = invited.is_none() && self.turns.is_crowded();
        let account = invited.or_else(|| self.turns.next(now))?;
        Some((
            account,
            Beside {
                caps,
                all,
                alone,
                crowded,
            },
        ))
    }

    /// Returns how many more requests may be under way.
    fn flights_left(&self) -> usize {
        self.settings.max_in_flight.saturating_sub(self.flights.len())
    }

    /// Finds something that stands still and should be going out. Nothing does while as much is under way as
    /// may be and answers are due.
    pub(super) fn standstill(&mut self, now: Timestamp) -> Option<Standstill> {
        let (idle, are_due) = (self.pool.has_idle_thread(), self.flights.are_due(now));
        let is_full = self.flights_left() == 0;
        if is_full && are_due {
            return None;
        }
        let mut lanes = self.lanes.values_mut();
        lanes.find_map(|lane| lane.should_move(now, idle, are_due).then(|| lane.standstill()))
    }

    /// Returns how many more outcomes may be on their way to the store.
    pub(super) fn settling_room(&self) -> usize {
        let bound = self.settings.max_in_flight.saturating_mul(SETTLING_PER_FLIGHT);
        bound.saturating_sub(self.settling)
    }

    /// Makes sure that `proceed` is called after `wait` at the latest.
    fn wake_in(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        let at = Instant::now() + wait.max(SHORTEST_WAIT);
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
