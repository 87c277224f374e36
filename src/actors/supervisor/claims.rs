//! From the store to the ready queues: whatever is due and has room.

use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use log::{error, warn};

use super::flight::Entry;
use super::{SupervisorActor, TICK};
use crate::domain::Customer;
use crate::store::{Leased, StoreError};

/// Rows that one claim takes at most.
const CLAIM: usize = 512;

/// Customers that one look at the store takes in.
const CUSTOMERS: u32 = 1000;

/// Where the regular look has come to.
#[derive(Debug, Default)]
pub(super) struct Look {
    under_way: bool,
    after: Option<Customer>,
    began_at: Option<Instant>,
}

impl SupervisorActor {
    /// Claims for customers that have something in the store and room in memory.
    pub(super) fn claim(&mut self, ctx: &mut Context<Self>) {
        while let Some(customer) = self.next_to_claim_for() {
            let limit = self.around.room.places(&customer).0.min(CLAIM);
            self.around.room.claiming(&customer);
            let store = self.around.store.clone();
            let asked = customer.clone();
            let claimed = async move { store.claim(asked, limit).await }.into_actor(self);
            ctx.spawn(claimed.map(move |claimed, actor, ctx| {
                let more = actor.take_in(&customer, claimed, limit);
                actor.backlog.claimed(customer, more);
                actor.proceed(ctx);
            }));
        }
    }

    fn next_to_claim_for(&mut self) -> Option<Customer> {
        let (room, directory) = (&self.around.room, self.around.store.directory());
        // Whatever a paused customer has, none of it is to come.
        let places = |customer: &Customer| match (room.places(customer), directory.is_paused(customer)) {
            ((free, taken), true) => (0, free.max(taken)),
            (places, false) => places,
        };
        self.backlog.next(CLAIM, places)
    }

    /// Takes in what a claim found. Returns whether there may be more that is worth another claim now.
    fn take_in(
        &mut self,
        customer: &Customer,
        claimed: Result<Vec<Leased>, StoreError>,
        limit: usize,
    ) -> bool {
        let leased = match claimed {
            Ok(leased) => leased,
            // The regular look finds the customer again.
            Err(error) => {
                warn!(error:err, customer:%; "due notifications could not be claimed");
                return false;
            }
        };
        let mut all = leased.len() < limit;
        let stays = self.goes_on(customer);
        if !stays && !leased.is_empty() {
            // What is posted from now on is to queue up behind it.
            self.around.room.announce(customer);
        }
        let mut homeless = 0;
        for leased in leased {
            let bytes = leased.notification.event.len();
            match self.around.room.reserve(customer, bytes) {
                Some(reservation) if stays => {
                    let ready = self.make_ready(Box::new(Entry::new(leased, reservation)));
                    homeless += usize::from(!ready);
                }
                // Its lease goes back.
                _ => all = false,
            }
        }
        if homeless > 0 {
            error!(customer:%, count = homeless, whose = "operator"; "notifications wait for an account that is not configured");
            // The regular look comes back to them; at once nothing would be other than now.
            return false;
        }
        if all {
            self.around.room.caught_up(customer);
        }
        !all
    }

    /// Looks which customers have something due, some at a time. Finds whatever no message told of:
    /// after a start, after a loss, and beyond the bounds of timers and memory.
    pub(super) fn look_for_due(&mut self, ctx: &mut Context<Self>) {
        let recently = self.look.began_at.is_some_and(|at| at.elapsed() < TICK * 4);
        if self.look.under_way || (recently && self.look.after.is_none()) || self.draining.is_some() {
            return;
        }
        self.look.under_way = true;
        self.look.began_at = Some(Instant::now());
        let store = self.around.store.clone();
        let after = self.look.after.take();
        let found = async move { store.waiting_customers(after, CUSTOMERS).await }.into_actor(self);
        ctx.spawn(found.map(|found, actor, ctx| {
            actor.look.under_way = false;
            match found {
                Ok(customers) => {
                    let full = customers.len() == CUSTOMERS as usize;
                    actor.look.after = customers.last().map(|(last, _)| last.clone()).filter(|_| full);
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
