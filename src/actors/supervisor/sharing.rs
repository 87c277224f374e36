//! Between the lanes and the replicas that share the store: slices of rates, and gates.

use std::time::Instant;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use log::warn;

use super::{SupervisorActor, budget};
use crate::domain::AccountName;

impl SupervisorActor {
    /// Asks for slices for the accounts that have something to send and no permit.
    pub(super) fn ask_for_slices(&mut self, ctx: &mut Context<Self>) {
        let now = self.around.store.now();
        for (account, lane) in &mut self.lanes {
            let Some(request) = lane.begin_asking(now) else {
                continue;
            };
            let (store, account) = (self.around.store.clone(), account.clone());
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
                }
                actor.proceed(ctx);
            }));
        }
    }

    /// Tells the other replicas of gates that have changed here.
    pub(super) fn tell_gates(&mut self, ctx: &mut Context<Self>) {
        let now = self.around.store.now();
        let changed: Vec<(AccountName, _)> = self
            .lanes
            .iter_mut()
            .filter_map(|(account, lane)| Some((account.clone(), lane.begin_telling(now)?)))
            .collect();
        for (account, state) in changed {
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
}
