//! SettingsActor: hears of what is changed of the settings, by whichever replica, and tells the supervisor.
//!
//! It looks often, because nobody else tells; and at once where a change was made here, so that whoever made it
//! finds it in force when the answer comes.

use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Recipient, ResponseActFuture, WrapFuture,
};
use log::{debug, warn};

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
        let store = self.store.clone();
        let following = async move { store.follow_settings().await }.into_actor(self);
        ctx.spawn(following.map(|news, actor, ctx| {
            // The next look tries again.
            let _ = actor.take(news);
            ctx.run_later(LOOK, Self::look);
        }));
    }

    fn take(&mut self, news: Result<bool, StoreError>) -> Result<(), StoreError> {
        match &news {
            Ok(true) => self.supervisor.do_send(SettingsChanged),
            Ok(false) => {}
            Err(error) if self.failing || error.is_unavailable() => {
                debug!(error:%; "changed settings cannot be read; those known stay in force");
            }
            Err(error) => warn!(error:%; "changed settings cannot be read; those known stay in force"),
        }
        self.failing = news.is_err();
        news.map(drop)
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
        Box::pin(following.map(|news, actor, _| actor.take(news)))
    }
}
