//! Between the lanes and the replicas that share the store: slices of rates, and gates.

use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use log::warn;

use super::{SupervisorActor, budget};
use crate::domain::AccountName;
use crate::policy::GateState;

impl SupervisorActor {
    /// Asks for slices for the accounts that have something to send and no permit.
    pub(super) fn ask_for_slices(&mut self, ctx: &mut Context<Self>) {
        let now = self.around.store.now();
        for account in std::mem::take(&mut self.without_permits) {
            let lane = self.lanes.get_mut(&account);
            let Some(request) = lane.and_then(|lane| lane.begin_asking(now)) else {
                continue;
            };
            let store = self.around.store.clone();
            let asked = Instant::now();
            let name = account.clone();
            let sliced = async move { store.slice(name, request).await };
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
