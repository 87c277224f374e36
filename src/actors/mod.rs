//! The actors and how they are wired.
//!
//! ```text
//!  http ──Notify──▶ SupervisorActor ──Deliver──▶ SyncArbiter pool of DeliveryActor ──▶ Svix
//!                    │   ▲   ▲   ◀──Settled, BatchEnded, WorkerCounted── │
//!                    │   │   └──Redeliver── RetryActor (run_later) ◀──ScheduleRetry── SupervisorActor
//!                    │   └── claims from the store, settles to it
//!                    │   └──Redeliver── RedriveActor, other replicas' hints, http
//!                    └──CountsChanged──▶ StatsActor ◀──GetStats, GetHealth── http
//!                                         ▲──LedgerChecked── AuditActor
//!                                         ▲──Surveyed, DiskMeasured── SurveyActor
//!  http ──FollowSettings──▶ SettingsActor ──SettingsChanged──▶ SupervisorActor
//! ```
//! Only this file knows all of them; they know each other as `Recipient`s of messages. The
//! supervisor has a thread of its own; the others share another.

mod audit;
mod death;
mod delivery;
mod handover;
pub mod messages;
mod own_accounts;
mod redrive;
mod retry;
mod room;
mod settings;
mod standing;
mod stats;
mod supervisor;
mod survey;
mod traced;

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Arbiter, Recipient, SyncArbiter};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::oneshot;

use crate::domain::Customer;
use crate::store::{Store, SurveyBounds};
use crate::telemetry::{Instruments, Traces};
use audit::{AuditActor, AuditPace};
use death::DeathWatches;
use delivery::{DeliveryActor, DeliveryOptions};
use messages::{
    ConfigReloaded, Drain, FollowSettings, GetHealth, GetStats, Notify, Redeliver, Room, Settings,
};
use redrive::RedriveActor;
use retry::{RetryActor, TimerBounds};
use settings::SettingsActor;
use stats::StatsActor;
use supervisor::{PoolFactory, SupervisorActor, Surroundings};
use survey::{SurveyActor, SurveyListeners, SurveyPace};

/// Accounts whose backlog is known by itself.
const SURVEYED_ACCOUNTS: usize = 1000;

/// What the pipeline is started with and keeps until it ends.
#[derive(Debug, Clone, Copy)]
pub struct PipelineBounds {
    /// Notifications in memory.
    pub max_ready: usize,
    /// Bytes of their events.
    pub max_ready_bytes: usize,
    /// Timers for retries.
    pub max_timers: usize,
    /// How far ahead a timer may lie.
    pub timer_horizon: Duration,
    /// Customers whose backlog is known by itself, those with the most queued.
    pub surveyed_customers: usize,
}

/// The running actors.
pub struct Pipeline {
    supervisor: Addr<SupervisorActor>,
    stats: Addr<StatsActor>,
    _audit: Addr<AuditActor>,
    follower: Addr<SettingsActor>,
    room: Room,
    watches: DeathWatches,
    arbiters: Vec<Arbiter>,
}

impl Pipeline {
    /// Starts the actors. Names of those that end without being told to go to `deaths`, and what happens is told to the
    /// instruments.
    pub fn start(
        store: &Store,
        settings: Arc<Settings>,
        bounds: PipelineBounds,
        instruments: Instruments,
        deaths: UnboundedSender<&'static str>,
    ) -> Self {
        let room = Room::new(bounds.max_ready, bounds.max_ready_bytes);
        let watches = DeathWatches::new(deaths);
        let supervisor_arbiter = Arbiter::new();
        let side_arbiter = Arbiter::new();
        let stats = {
            let stats = (store.clone(), watches.watch("stats"));
            StatsActor::start_in_arbiter(&side_arbiter.handle(), move |_| StatsActor::new(stats.0, stats.1))
        };
        let audit = (store.clone(), stats.clone().recipient(), watches.watch("audit"));
        let audit = AuditActor::start_in_arbiter(&side_arbiter.handle(), move |_| {
            AuditActor::new(audit.0, audit.1, AuditPace::default(), audit.2)
        });
        start_survey(store, &stats, &watches, bounds.surveyed_customers, &side_arbiter);
        let timers = TimerBounds {
            max_timers: bounds.max_timers,
            horizon: bounds.timer_horizon,
        };
        let around = (store.clone(), room.clone(), stats.clone().recipient(), watches.clone());
        let side = side_arbiter.handle();
        let supervisor = SupervisorActor::start_in_arbiter(&supervisor_arbiter.handle(), move |ctx| {
            let (store, room, stats, watches) = around;
            let myself = actix::AsyncContext::address(ctx);
            let retries = {
                let (store, watch) = (store.clone(), watches.watch("retry"));
                let supervisor = myself.clone().recipient();
                RetryActor::start_in_arbiter(&side, move |_| {
                    RetryActor::new(supervisor, store, timers, watch)
                })
            };
            let make_pool = pool_factory(store.clone(), instruments.traces, &myself);
            let watch = watches.watch("supervisor");
            let retries = retries.recipient();
            SupervisorActor::new(
                Surroundings {
                    store,
                    room,
                    make_pool,
                    retries,
                    stats,
                    metrics: instruments.metrics,
                    _watch: watch,
                },
                settings,
            )
        });
        {
            let redrive = (store.clone(), supervisor.clone().recipient(), watches.watch("redrive"));
            RedriveActor::start_in_arbiter(&side_arbiter.handle(), move |_| {
                RedriveActor::new(redrive.0, redrive.1, redrive.2)
            });
        }
        let follower = (store.clone(), supervisor.clone().recipient(), watches.watch("settings"));
        let follower = SettingsActor::start_in_arbiter(&side_arbiter.handle(), move |_| {
            SettingsActor::new(follower.0, follower.1, follower.2)
        });
        if let Some(hints) = store.take_hints() {
            side_arbiter.spawn(pass_on(hints, supervisor.clone().recipient()));
        }
        Self {
            supervisor,
            stats,
            _audit: audit,
            follower,
            room,
            watches,
            arbiters: vec![supervisor_arbiter, side_arbiter],
        }
    }

    /// Returns where notifications are announced.
    pub fn notify(&self) -> Recipient<Notify> {
        self.supervisor.clone().recipient()
    }

    /// Returns who answers for the numbers.
    pub fn stats(&self) -> Recipient<GetStats> {
        self.stats.clone().recipient()
    }

    /// Returns who answers for the pipeline's health.
    pub fn health(&self) -> Recipient<GetHealth> {
        self.stats.clone().recipient()
    }

    /// Returns who takes in changed settings.
    pub fn follower(&self) -> Recipient<FollowSettings> {
        self.follower.clone().recipient()
    }

    /// Returns the room for notifications in memory.
    pub fn room(&self) -> Room {
        self.room.clone()
    }

    /// Passes on what the operator has changed.
    pub fn reconfigure(&self, settings: Arc<Settings>) {
        self.supervisor.do_send(ConfigReloaded { settings });
    }

    /// Returns where it is said that something of a customer is due.
    pub fn redeliver(&self) -> Recipient<Redeliver> {
        self.supervisor.clone().recipient()
    }

    /// Sends nothing more, and waits until everything that was in flight is recorded.
    pub async fn drain(&self) {
        self.watches.stand_down();
        let (done, drained) = oneshot::channel();
        self.supervisor.do_send(Drain { done });
        // A supervisor that is gone has nothing in flight.
        let _ = drained.await;
    }

    /// Ends the actors and their threads.
    pub fn stop(self) {
        self.watches.stand_down();
        for arbiter in self.arbiters {
            arbiter.stop();
        }
    }
}

/// Starts the actor that counts what waits.
fn start_survey(
    store: &Store,
    stats: &Addr<StatsActor>,
    watches: &DeathWatches,
    customers: usize,
    arbiter: &Arbiter,
) {
    let (store, watch) = (store.clone(), watches.watch("survey"));
    let listeners = SurveyListeners {
        backlog: stats.clone().recipient(),
        disk: stats.clone().recipient(),
    };
    let bounds = SurveyBounds {
        accounts: SURVEYED_ACCOUNTS,
        customers,
    };
    SurveyActor::start_in_arbiter(&arbiter.handle(), move |_| {
        SurveyActor::new(store, listeners, bounds, SurveyPace::default(), watch)
    });
}

/// Tells the supervisor what other replicas have freed.
async fn pass_on(mut hints: mpsc::Receiver<Customer>, supervisor: Recipient<Redeliver>) {
    while let Some(customer) = hints.recv().await {
        supervisor.do_send(Redeliver { customer });
    }
}

/// Makes delivery pools that report to the supervisor.
fn pool_factory(store: Store, traces: Traces, supervisor: &Addr<SupervisorActor>) -> PoolFactory {
    let (outcomes, workers) = (supervisor.clone().recipient(), supervisor.clone().recipient());
    Box::new(move |pool, settings| {
        let options = DeliveryOptions {
            pool,
            connections: settings.max_in_flight,
            client: settings.client.clone(),
            store: store.clone(),
            traces: traces.clone(),
            outcomes: outcomes.clone(),
            workers: workers.clone(),
        };
        SyncArbiter::start(settings.actors, move || DeliveryActor::new(options.clone())).recipient()
    })
}
