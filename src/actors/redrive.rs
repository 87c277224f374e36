//! RedriveActor: lets redrives get on. It puts dead letters back into the queue, each redrive at its own rate.
//!
//! It keeps nothing: where a redrive stands is in the store, each step is a transaction, and of several
//! replicas that try the same step one succeeds. So any replica goes on where another ended.

use std::collections::BTreeSet;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Recipient, WrapFuture};
use log::{debug, info, trace, warn};

use super::death::DeathWatch;
use super::messages::Redeliver;
use crate::domain::{Customer, RedriveState};
use crate::policy::RedriveProgress;
use crate::store::{DeadQuery, Redrive, RedriveStep, Redrives, Store, StoreError};

/// How often redrives that run get on.
const TICK: Duration = Duration::from_millis(100);

/// How often it is looked whether one runs.
const LOOK: Duration = Duration::from_secs(1);

/// Dead letters of one transaction.
const STEP: u32 = 500;

/// Transactions of one redrive before the others have their turn.
const STEPS: usize = 4;

/// Lets redrives get on.
pub(super) struct RedriveActor {
    store: Store,
    supervisor: Recipient<Redeliver>,
    _watch: DeathWatch,
}

impl RedriveActor {
    pub(super) fn new(store: Store, supervisor: Recipient<Redeliver>, watch: DeathWatch) -> Self {
        Self {
            store,
            supervisor,
            _watch: watch,
        }
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        trace!("redrives are looked at");
        let store = self.store.clone();
        let round = async move { round(&store).await }.into_actor(self);
        ctx.spawn(round.map(|customers, actor, ctx| {
            let wait = match customers {
                Ok(Some(customers)) => {
                    for customer in customers {
                        actor.supervisor.do_send(Redeliver { customer });
                    }
                    TICK
                }
                Ok(None) => LOOK,
                Err(error) => {
                    debug!(error:err; "redrives cannot get on; tried again later");
                    LOOK
                }
            };
            ctx.run_later(wait, Self::tick);
        }));
    }
}

impl Actor for RedriveActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.tick(ctx);
    }
}

/// Lets each redrive that runs get on. Returns the customers for whom something is due now, or nothing where none
/// runs.
async fn round(store: &Store) -> Result<Option<BTreeSet<Customer>>, StoreError> {
    let redrives = store.redrives(Redrives::Running).await?;
    if redrives.is_empty() {
        return Ok(None);
    }
    let mut customers = BTreeSet::new();
    for redrive in redrives {
        advance(store, redrive, &mut customers).await?;
    }
    Ok(Some(customers))
}

/// Lets one redrive get on as far as its rate allows.
async fn advance(
    store: &Store,
    mut redrive: Redrive,
    customers: &mut BTreeSet<Customer>,
) -> Result<(), StoreError> {
    for _ in 0..STEPS {
        let now = store.now();
        let progress = progress(&redrive);
        let allowance = progress.allowance(now).min(STEP);
        if allowance == 0 {
            return judge(store, redrive, false).await;
        }
        let query = DeadQuery {
            narrowing: redrive.narrowing.clone(),
            died_by: redrive.created_at,
            after: redrive.cursor,
            newest_first: redrive.newest_first,
            limit: allowance,
            unreadable: false,
        };
        let letters = store.dead_letters(query).await?;
        if letters.rows.is_empty() && !letters.more {
            return judge(store, redrive, true).await;
        }
        let step = RedriveStep {
            paced_to_us: progress.paced_to(letters.rows.len(), now),
            letters,
            redrive,
        };
        let Some(sent) = store.redrive(step.clone()).await? else {
            // Another replica was faster, or an operator paused it.
            return Ok(());
        };
        customers.extend(step.letters.rows.into_iter().map(|(customer, _)| customer));
        redrive = step.redrive;
        redrive.cursor = step.letters.cursor.or(redrive.cursor);
        redrive.paced_to_us = step.paced_to_us;
        redrive.sent += i64::try_from(sent).unwrap_or(i64::MAX);
    }
    judge(store, redrive, false).await
}

/// Ends a redrive that has come to its end.
async fn judge(store: &Store, redrive: Redrive, nothing_left: bool) -> Result<(), StoreError> {
    let Some(state) = progress(&redrive).verdict(nothing_left) else {
        return Ok(());
    };
    let (id, settled, dead) = (redrive.id, redrive.settled(), redrive.dead);
    let why = (state == RedriveState::Stopped).then(|| {
        let (dead, settled) = (dead - redrive.forgiven_dead, settled - redrive.forgiven_settled);
        format!("{dead} of the {settled} that came to an end are dead again")
    });
    if store.change_redrive(redrive, state, why).await? {
        match state {
            RedriveState::Stopped => {
                warn!(redrive:% = id, settled, dead; "a redrive stopped, because too much failed again");
            }
            _ => info!(redrive:% = id, settled, dead; "a redrive is complete"),
        }
    }
    Ok(())
}

fn progress(redrive: &Redrive) -> RedriveProgress {
    RedriveProgress {
        rate: redrive.rate,
        paced_to_us: redrive.paced_to_us,
        under_way: redrive.under_way(),
        stop_ratio: redrive.stop_ratio,
        settled: redrive.settled() - redrive.forgiven_settled,
        dead: redrive.dead - redrive.forgiven_dead,
    }
}
