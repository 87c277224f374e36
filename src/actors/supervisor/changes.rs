//! What operators have changed takes effect: the configuration, and what is set for customers and accounts.

use actix::{Context, Handler};
use log::info;

use super::SupervisorActor;
use super::lane::Lane;
use crate::actors::messages::{ConfigReloaded, Settings, SettingsChanged};

impl SupervisorActor {
    /// Sets up the lanes of the operator's own accounts.
    pub(super) fn set_up_lanes(&mut self) {
        let shared = self.around.store.is_shared();
        for settings in &self.settings.accounts {
            match self.lanes.get_mut(&settings.account.name) {
                Some(lane) => {
                    lane.reconfigure(settings);
                    self.turns.wake(&settings.account.name);
                }
                None => {
                    self.lanes
                        .insert(settings.account.name.clone(), Lane::new(settings, shared));
                }
            }
        }
        self.count_again();
    }

    /// Takes in what has been changed of accounts, of who is paused, and of rates.
    pub(super) fn follow_settings(&mut self, ctx: &mut Context<Self>) {
        if self.draining.is_none() {
            self.follow_accounts(false, ctx);
            self.follow_pauses(ctx);
            self.follow_rates();
        }
    }
}

impl Handler<ConfigReloaded> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, ConfigReloaded { settings }: ConfigReloaded, ctx: &mut Context<Self>) {
        let pool = |settings: &Settings| {
            let Settings {
                actors,
                max_in_flight,
                patience,
                ..
            } = *settings;
            (actors, max_in_flight, patience, settings.client.clone())
        };
        let pool_differs = pool(&settings) != pool(&self.settings);
        self.settings = settings;
        self.set_up_lanes();
        if pool_differs {
            info!(actors = self.settings.actors; "a new delivery pool takes over");
            self.replace_pool();
        }
        if self.draining.is_none() {
            self.follow_accounts(true, ctx);
            // What files say of customers comes with it.
            self.follow_pauses(ctx);
            self.follow_rates();
        }
        self.proceed(ctx);
    }
}

impl Handler<SettingsChanged> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: SettingsChanged, ctx: &mut Context<Self>) {
        self.follow_settings(ctx);
        self.proceed(ctx);
    }
}
