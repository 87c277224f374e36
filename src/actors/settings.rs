//! SettingsActor: hears of what is changed of the settings, by whichever replica, and tells the supervisor of pauses.
//!
//! It looks often, because nobody else tells; and at once where a change was made here, so that whoever made it
//! finds it in force when the answer comes.

use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Recipient, ResponseActFuture, WrapFuture,
};
use log::{debug, trace, warn};

use super::death::DeathWatch;
use super::messages::{FollowSettings, SettingsChanged};
use crate::store::{Store, StoreError};

/// How often it looks for changes.
const LOOK: Duration = Duration::from_millis(500);

/// Hears of changed settings.
pub(super) struct SettingsActor {
    store: Store,
    supervisor: Recipient<SettingsChanged>,
    /// Whether the last look failed.
    failing: bool,
    _watch: DeathWatch,
}

impl SettingsActor {
    pub(super) fn new(store: Store, supervisor: Recipient<SettingsChanged>, watch: DeathWatch) -> Self {
        Self {
            store,
            supervisor,
            failing: false,
            _watch: watch,
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        trace!("settings are looked at");
        let store = self.store.clone();
        let following = async move { store.follow_settings().await }.into_actor(self);
        ctx.spawn(following.map(|followed, actor, ctx| {
            // The next look tries again.
            let _ = actor.take(followed);
            ctx.run_later(LOOK, Self::look);
        }));
    }

    fn take(&mut self, followed: Result<(), StoreError>) -> Result<(), StoreError> {
        // Also what came before a failure, and what somebody else has taken in.
        if self.store.directory().has_news() {
            self.supervisor.do_send(SettingsChanged);
        }
        match &followed {
            Ok(()) => {}
            Err(error) if self.failing || error.is_unavailable() => {
                debug!(error:err = *error; "changed settings cannot be read; those known stay in force");
            }
            Err(error) => {
                warn!(error:err = *error; "changed settings cannot be read; those known stay in force")
            }
        }
        self.failing = followed.is_err();
        followed
    }
}

impl Actor for SettingsActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(LOOK, Self::look);
    }
}

impl Handler<FollowSettings> for SettingsActor {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, _: FollowSettings, _: &mut Context<Self>) -> Self::Result {
        let store = self.store.clone();
        let following = async move { store.follow_settings().await }.into_actor(self);
        Box::pin(following.map(|followed, actor, _| actor.take(followed)))
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{self, UnboundedSender};

    use super::*;
    use crate::actors::death::DeathWatches;
    use crate::policy::CustomerSettings;
    use crate::store::examples::{customer, options};

    /// Tells of what it is told.
    struct Supervisor(UnboundedSender<()>);

    impl Actor for Supervisor {
        type Context = Context<Self>;
    }

    impl Handler<SettingsChanged> for Supervisor {
        type Result = ();

        fn handle(&mut self, _: SettingsChanged, _: &mut Context<Self>) {
            self.0.send(()).unwrap();
        }
    }

    #[actix::test]
    async fn the_supervisor_is_told_of_a_pause_even_where_the_look_fails() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/store.db", directory.path().display());
        let store = Store::open(options(url)).await.unwrap();
        let (told, mut hears) = mpsc::unbounded_channel();
        let (death, _deaths) = mpsc::unbounded_channel();
        let watches = DeathWatches::new(death);
        let supervisor = Supervisor(told).start().recipient();
        let actor = SettingsActor::new(store.clone(), supervisor, watches.watch("settings")).start();
        actor.send(FollowSettings).await.unwrap().unwrap();
        assert!(hears.try_recv().is_err(), "nobody was paused");
        let paused = CustomerSettings {
            paused: true,
            ..CustomerSettings::default()
        };
        store.directory().lay_over([(customer("acme"), paused)]);
        store.close(true).await.unwrap();
        assert!(actor.send(FollowSettings).await.unwrap().is_err());
        hears.recv().await.unwrap();
        watches.stand_down();
    }
}
