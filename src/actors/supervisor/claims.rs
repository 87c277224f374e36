//! From the store to the ready queues: whatever is due and has room.

use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use log::{error, warn};

use super::backlog::Turn;
use super::flight::Entry;
use super::{SupervisorActor, TICK};
use crate::actors::messages::{Grant, Load, Places};
use crate::domain::Customer;
use crate::store::{ClaimLimit, StoreError, Taken};

/// What one claim takes at most, but one event in any case: the writer is busy with it for so long.
const CLAIM: Load = Load {
    count: 512,
    bytes: 4 << 20,
};

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
        while let Some(Turn { customer, size }) = self.next_to_claim_for() {
            let grant = self.around.room.claiming(&customer, CLAIM, size);
            let Load { count, bytes } = grant.size();
            let limit = ClaimLimit {
                rows: count,
                // What is larger than the room has been given all of it.
                bytes: bytes.max(size.unwrap_or(0)),
            };
            let store = self.around.store.clone();
            let asked = customer.clone();
            let claimed = async move { store.claim_within(asked, limit).await }.into_actor(self);
            ctx.spawn(claimed.map(move |claimed, actor, ctx| {
                let next = claimed.as_ref().ok().and_then(|taken| taken.next);
                let more = actor.take_in(&customer, claimed, limit.rows, grant);
                actor.backlog.claimed(customer, more, next);
                actor.proceed(ctx);
            }));
        }
    }

    fn next_to_claim_for(&mut self) -> Option<Turn> {
        self.keep_room();
        let (room, directory) = (&self.around.room, self.around.store.directory());
        let places = |customer: &Customer, size| match directory.is_paused(customer) {
            // Nothing of a paused customer is claimed.
            true => Places::closed(),
            false => room.offer(customer, size),
        };
        self.backlog.next(CLAIM, places)
    }

    /// Keeps room free for the first of those whose next event is larger than what others leave free.
    fn keep_room(&mut self) {
        let mut wanted = self.backlog.first_large();
        while let Some((customer, _)) = &wanted
            && self.is_paused(customer)
        {
            self.backlog.step_back(customer);
            wanted = self.backlog.first_large();
        }
        self.around.room.keep(wanted);
    }

    /// Takes in what a claim found. Returns whether there may be more that is worth another claim now.
    fn take_in(
        &mut self,
        customer: &Customer,
        claimed: Result<Taken, StoreError>,
        limit: usize,
        mut grant: Grant,
    ) -> bool {
        let Taken { rows: leased, next } = match claimed {
            Ok(taken) => taken,
            // The regular look finds the customer again.
            Err(error) => {
                warn!(error:err, customer:%; "due notifications could not be claimed");
                return false;
            }
        };
        let mut all = leased.len() < limit && next.is_none();
        let stays = self.goes_on(customer);
        if !stays && !leased.is_empty() {
            // What is posted from now on is to queue up behind it.
            self.around.room.announce(customer);
        }
        let mut homeless = 0;
        for leased in leased {
            let bytes = leased.notification.event.len();
            match grant.place(bytes) {
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
