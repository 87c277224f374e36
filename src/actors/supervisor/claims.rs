//! From the store to the ready queues: whatever is due and has room.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use log::warn;

use super::flight::Entry;
use super::{SupervisorActor, TICK};
use crate::domain::Customer;
use crate::store::{Leased, StoreError};

/// Rows that one claim takes at most.
const CLAIM: usize = 512;

/// Claims that may be under way together.
const CLAIMS: usize = 2;

/// Customers that are considered for a claim at a time.
const LOOKS: usize = 16;

/// Customers that one look at the store takes in.
const CUSTOMERS: u32 = 1000;

/// The most customers that are remembered as having something in the store; the regular look
/// finds the others.
const REMEMBERED: usize = 10_000;

/// Which customers have something due in the store, and where the regular look has come to.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    turns: VecDeque<Customer>,
    known: HashSet<Customer>,
    claiming: HashSet<Customer>,
    looking: bool,
    looked_to: Option<Customer>,
    looked_at: Option<Instant>,
}

impl Backlog {
    /// Remembers that a customer has something due in the store.
    pub(super) fn add(&mut self, customer: Customer) {
        if self.known.len() < REMEMBERED && self.known.insert(customer.clone()) {
            self.turns.push_back(customer);
        }
    }

    /// Takes the next customer that is not being claimed for and that `has_room`. Looks at a few,
    /// so that a long queue without room costs little each time.
    fn next(&mut self, has_room: impl Fn(&Customer) -> bool) -> Option<Customer> {
        if self.claiming.len() >= CLAIMS {
            return None;
        }
        for _ in 0..self.turns.len().min(LOOKS) {
            let customer = self.turns.pop_front()?;
            if !self.claiming.contains(&customer) && has_room(&customer) {
                self.known.remove(&customer);
                self.claiming.insert(customer.clone());
                return Some(customer);
            }
            self.turns.push_back(customer);
        }
        None
    }
}

impl SupervisorActor {
    /// Claims for customers that have something in the store and room in memory.
    pub(super) fn claim(&mut self, ctx: &mut Context<Self>) {
        let room = self.around.room.clone();
        // Half of the places must be free, so that a claim is worth its transaction.
        let has_room = |customer: &Customer| {
            let (free, taken) = room.places(customer);
            free > 0 && free >= taken.min(CLAIM)
        };
        while let Some(customer) = self.backlog.next(has_room) {
            let limit = self.around.room.places(&customer).0.min(CLAIM);
            self.around.room.claiming(&customer);
            let store = self.around.store.clone();
            let asked = customer.clone();
            let claimed = async move { store.claim(asked, limit).await }.into_actor(self);
            ctx.spawn(claimed.map(move |claimed, actor, ctx| {
                actor.backlog.claiming.remove(&customer);
                actor.take_in(customer, claimed, limit);
                actor.proceed(ctx);
            }));
        }
    }

    fn take_in(&mut self, customer: Customer, claimed: Result<Vec<Leased>, StoreError>, limit: usize) {
        let leased = match claimed {
            Ok(leased) => leased,
            // The regular look finds the customer again.
            Err(error) => return warn!(error:err, customer:%; "due notifications could not be claimed"),
        };
        let mut all = leased.len() < limit;
        for leased in leased {
            let bytes = leased.notification.event.len();
            match self.around.room.reserve(&customer, bytes) {
                Some(reservation) if self.draining.is_none() => {
                    self.make_ready(Box::new(Entry::new(leased, reservation)));
                }
                // Its lease goes back.
                _ => all = false,
            }
        }
        if all {
            self.around.room.caught_up(&customer);
        } else {
            self.backlog.add(customer);
        }
    }

    /// Looks which customers have something due, some at a time. Finds whatever no message told of:
    /// after a start, after a loss, and beyond the bounds of timers and memory.
    pub(super) fn look_for_due(&mut self, ctx: &mut Context<Self>) {
        let recently = self.backlog.looked_at.is_some_and(|at| at.elapsed() < TICK * 4);
        if self.backlog.looking || (recently && self.backlog.looked_to.is_none()) || self.draining.is_some() {
            return;
        }
        self.backlog.looking = true;
        self.backlog.looked_at = Some(Instant::now());
        let store = self.around.store.clone();
        let after = self.backlog.looked_to.take();
        let found = async move { store.waiting_customers(after, CUSTOMERS).await }.into_actor(self);
        ctx.spawn(found.map(|found, actor, ctx| {
            actor.backlog.looking = false;
            match found {
                Ok(customers) => {
                    let full = customers.len() == CUSTOMERS as usize;
                    actor.backlog.looked_to = customers.last().map(|(last, _)| last.clone()).filter(|_| full);
                    for (customer, _) in customers.into_iter().filter(|(_, due)| *due) {
                        actor.backlog.add(customer);
                    }
                    actor.proceed(ctx);
                }
                Err(error) => warn!(error:err; "the store could not be looked at for due notifications"),
            }
        }));
    }
}
