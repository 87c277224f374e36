//! Between the lanes and the replicas that share the store: slices of rates of accounts and customers, and gates.

use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use log::warn;

use super::{SupervisorActor, budget};
use crate::domain::{AccountName, Customer};
use crate::policy::GateState;
use crate::store::RateOwner;

impl SupervisorActor {
    /// Asks for slices for the accounts and customers that have something to send and no permit.
    pub(super) fn ask_for_slices(&mut self, ctx: &mut Context<Self>) {
        self.ask_for_accounts(ctx);
        self.ask_for_customers(ctx);
    }

    fn ask_for_customers(&mut self, ctx: &mut Context<Self>) {
        let lanes = &self.lanes;
        let waiting = |customer: &Customer| lanes.values().map(|lane| lane.ready_of(customer)).sum();
        for wanted in self.rates.begin_asking(waiting) {
            let (store, asked) = (self.around.store.clone(), Instant::now());
            let (owner, request) = (wanted.owner(), wanted.request);
            let sliced = async move { store.slice(owner, request).await };
            ctx.spawn(actix::fut::wrap_future::<_, Self>(sliced).map(move |sliced, actor, ctx| {
                let customer = &wanted.customer;
                let slice = sliced.map_err(|error| {
                    warn!(error:err, customer:%; "no permits can be had; the customer's notifications wait");
                });
                actor.rates.receive(&wanted, slice.ok(), asked);
                actor.release(customer);
                actor.proceed(ctx);
            }));
        }
    }

    fn ask_for_accounts(&mut self, ctx: &mut Context<Self>) {
        let now = self.around.store.now();
        let (rates, directory) = (&self.rates, self.around.store.directory().clone());
        let may_send = |customer: &Customer| rates.permits(customer, directory.rate(customer));
        for account in std::mem::take(&mut self.without_permits) {
            let lane = self.lanes.get_mut(&account);
            let Some(request) = lane.and_then(|lane| lane.begin_asking(now, may_send)) else {
                continue;
            };
            let store = self.around.store.clone();
            let asked = Instant::now();
            let name = account.clone();
            let sliced = async move { store.slice(RateOwner::Account(name), request).await };
            ctx.spawn(actix::fut::wrap_future::<_, Self>(sliced).map(move |sliced, actor, ctx| {
                let slice = sliced.map_err(|error| {
                    warn!(error:err, account:%; "no permits can be had; the account's notifications wait");
                });
                let now = actor.around.store.now();
                if let Some(lane) = actor.lanes.get_mut(&account) {
                    lane.receive(slice.ok(), asked, now);
                    actor.turns.wake(&account);
                }
                actor.proceed(ctx);
            }));
        }
    }

    /// Tells the other replicas of gates that have changed here.
    pub(super) fn tell_gates(&mut self, ctx: &mut Context<Self>) {
        let now = self.around.store.now();
        let changed: Vec<_> = self
            .lanes
            .iter_mut()
            .filter_map(|(account, lane)| Some((account.clone(), lane.begin_telling(now)?)))
            .collect();
        for (account, state) in changed {
            self.tell(account, state, ctx);
        }
    }

    /// Tells them of one, where it has changed.
    pub(super) fn tell_gate(&mut self, account: AccountName, ctx: &mut Context<Self>) {
        let now = self.around.store.now();
        let lane = self.lanes.get_mut(&account);
        if let Some(state) = lane.and_then(|lane| lane.begin_telling(now)) {
            self.tell(account, state, ctx);
        }
    }

    fn tell(&mut self, account: AccountName, state: GateState, ctx: &mut Context<Self>) {
        let (store, name) = (self.around.store.clone(), account.clone());
        let told = async move { store.set_gate(name, budget::shared(state)).await }.into_actor(self);
        ctx.spawn(told.map(move |told, actor, _| {
            let version = told.map_err(|error| {
                warn!(error:err, account:%; "other replicas could not be told how the account stands");
            });
            if let Some(lane) = actor.lanes.get_mut(&account) {
                lane.end_telling(version.ok().map(|version| (state, version)));
            }
        }));
    }
}
