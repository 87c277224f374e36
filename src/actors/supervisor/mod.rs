//! SupervisorActor: owns routing, fairness, pacing and the account of what is in flight.
//!
//! Takes `Notify`, `Settled`, `BatchEnded`, `Redeliver`, `WorkerCounted`, `ConfigReloaded`, `SettingsChanged`, `Drain`.
//! Emits `Deliver`, `ScheduleRetry`, `CountsChanged`; claims from the store and settles to it.
//!
//! ```text
//! claims    store → ready queues       lane      an account: gate, pace, queues (queues)
//! backlog   whom to claim for          shut      what waits behind a shut gate goes back
//! dispatch  ready queues → pool        flight    what waits and what is under way
//! turns     whose turn it is           fair      customers in turn, some passed over
//! loads     who has how much under way
//! accounts  lanes of accounts beside the operator's own
//! changes   what operators have changed takes effect
//! outcomes  answers → decisions → store  pool    the threads that make the requests
//! sharing   slices, gates ↔ replicas     budget  what a lane holds of a shared rate
//! overdue   what must not be sent any more leaves the queues
//! rates     what customers have of rates of their own
//! ```

mod accounts;
mod backlog;
mod budget;
mod changes;
mod claims;
mod dispatch;
mod fair;
mod flight;
mod lane;
mod loads;
mod outcomes;
mod overdue;
mod pause;
mod pool;
mod queues;
mod rates;
mod sharing;
mod shut;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context, Handler, Recipient, SpawnHandle};
use log::warn;
use tokio::sync::oneshot;

use super::death::DeathWatch;
use super::messages::{
    BatchEnded, Counts, CountsChanged, Drain, Notify, Redeliver, Room, ScheduleRetry, Settings, Settled,
    Standstill, WorkerCounted,
};
use crate::domain::{AccountName, Customer, Timestamp};
use crate::policy::Rules;
use crate::store::Store;
use crate::telemetry::Metrics;
use accounts::Missing;
use backlog::Backlog;
use claims::Look;
use flight::{Entry, Flights};
use lane::Lane;
use pool::Pool;
pub(super) use pool::PoolFactory;
use rates::Rates;
use turns::Turns;

/// How often the store is looked at, threads are counted and the counts are passed on.
const TICK: Duration = Duration::from_millis(250);

/// The supervisor's mailbox. Facts from the pool are sent past this bound; they are bounded by what
/// is in flight.
const MAILBOX: usize = 16 * 1024;

/// What the supervisor talks to.
pub(super) struct Surroundings {
    pub(super) store: Store,
    pub(super) room: Room,
    pub(super) make_pool: PoolFactory,
    /// Speaks up before those end whom only the supervisor holds.
    pub(super) _watch: DeathWatch,
    pub(super) retries: Recipient<ScheduleRetry>,
    pub(super) stats: Recipient<CountsChanged>,
    pub(super) metrics: Arc<Metrics>,
}

/// Decides what goes out when, and what becomes of it.
pub(super) struct SupervisorActor {
    settings: Arc<Settings>,
    lanes: BTreeMap<AccountName, Lane>,
    /// Accounts that are to be used no more and have something under way.
    closed: BTreeSet<AccountName>,
    missing: Missing,
    turns: Turns,
    flights: Flights,
    /// Requests under way that are held against others.
    counted: usize,
    /// Accounts that had something to send and no permit of the rate they share.
    without_permits: Vec<AccountName>,
    rates: Rates,
    /// Outcomes on their way to the store.
    settling: usize,
    backlog: Backlog,
    look: Look,
    pool: Pool,
    /// When `proceed` is called at the latest, and by what.
    wake: Option<(Instant, SpawnHandle)>,
    /// When something last moved, or nothing could have.
    moved_at: Timestamp,
    draining: Option<oneshot::Sender<()>>,
    /// The last to go, so that its end is told when what it held has gone back.
    around: Surroundings,
}

impl SupervisorActor {
    pub(super) fn new(around: Surroundings, settings: Arc<Settings>) -> Self {
        let to = (around.make_pool)(0, &settings);
        let mut supervisor = Self {
            pool: Pool::new(0, to, &settings),
            lanes: BTreeMap::new(),
            closed: BTreeSet::new(),
            missing: Missing::default(),
            turns: Turns::default(),
            counted: 0,
            without_permits: Vec::new(),
            rates: Rates::new(around.store.is_shared()),
            flights: Flights::default(),
            settling: 0,
            backlog: Backlog::default(),
            look: Look::default(),
            wake: None,
            moved_at: around.store.now(),
            draining: None,
            around,
            settings,
        };
        supervisor.set_up_lanes();
        supervisor
    }

    /// Starts a pool in place of the one in use, which ends when its batches have. Batches that none of
    /// its threads has begun with go over to the new one.
    fn replace_pool(&mut self) {
        let number = self.pool.number() + 1;
        let to = (self.around.make_pool)(number, &self.settings);
        let mut pool = Pool::new(number, to, &self.settings);
        pool.take_over(&self.pool);
        self.pool = pool;
    }

    fn tick(&mut self, ctx: &mut Context<Self>) {
        if self.pool.needs_replacement() {
            warn!(alive = self.pool.alive(), configured = self.pool.configured(); "delivery actors are missing; a new pool takes over");
            self.replace_pool();
        }
        self.look_for_due(ctx);
        self.follow_settings(ctx);
        self.tell_gates(ctx);
        self.give_back(ctx);
        self.sweep_overdue(ctx);
        self.proceed(ctx);
        self.remove_closed();
        self.rates
            .forget_idle(self.around.store.directory(), Instant::now());
        let now = self.around.store.now();
        let standstill = self.standstill(now);
        if standstill.is_none() {
            self.moved_at = now;
        }
        let counts = self.counts(now, standstill);
        self.around.stats.do_send(CountsChanged { counts });
    }

    fn counts(&mut self, now: Timestamp, standstill: Option<Standstill>) -> Counts {
        Counts {
            in_flight: self.flights.len() + self.settling,
            ready: self.lanes.values().map(Lane::ready).sum(),
            workers_configured: self.settings.actors,
            workers_alive: self.pool.alive(),
            stalled_for: now.since(self.moved_at),
            standstill,
            accounts: self.account_statuses(),
        }
    }

    /// Returns the rules for what is retried, and how long, of a customer.
    fn rules_of(&self, customer: &Customer) -> Rules {
        self.around
            .store
            .directory()
            .rules(customer, &self.settings.rules)
    }

    /// Does whatever can be done next; called whenever something has changed.
    fn proceed(&mut self, ctx: &mut Context<Self>) {
        if self.draining.is_some() {
            self.finish_draining();
            return;
        }
        self.dispatch(ctx);
        self.ask_for_slices(ctx);
        self.claim(ctx);
    }

    fn finish_draining(&mut self) {
        if self.flights.is_empty()
            && self.settling == 0
            && let Some(done) = self.draining.take()
        {
            // Whoever asked may have run out of patience.
            let _ = done.send(());
            // Nothing more goes out, whatever still arrives.
            let (closed, _) = oneshot::channel();
            self.draining = Some(closed);
        }
    }
}

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
        self.look_for_due(ctx);
        ctx.run_interval(TICK, Self::tick);
    }
}

impl Handler<Notify> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, notify: Notify, ctx: &mut Context<Self>) {
        match notify {
            Notify::Here { leased, reservation } => {
                let entry = Box::new(Entry::new(*leased, reservation));
                if self.goes_on(&entry.notification.customer) {
                    // Else it has gone back, and the regular look finds and reports it.
                    self.make_ready(entry);
                } else {
                    self.put_back([entry], ctx);
                }
            }
            Notify::InStore { customer } => self.backlog.add(customer),
        }
        self.proceed(ctx);
    }
}

impl Handler<Settled> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, settled: Settled, ctx: &mut Context<Self>) {
        if let Some(flight) = self.flights.end(settled.flight) {
            let account = flight.account.clone();
            self.conclude(flight, settled.started_at, &settled.exchange, ctx);
            self.tell_gate(account, ctx);
        }
        self.proceed(ctx);
    }
}

impl Handler<BatchEnded> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, BatchEnded { batch }: BatchEnded, ctx: &mut Context<Self>) {
        self.pool.batch_ended(batch);
        for flight in self.flights.end_batch(batch) {
            self.conclude_lost(flight, ctx);
        }
        self.proceed(ctx);
    }
}

impl Handler<Redeliver> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, Redeliver { customer }: Redeliver, ctx: &mut Context<Self>) {
        self.backlog.add(customer);
        self.proceed(ctx);
    }
}

impl Handler<WorkerCounted> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, WorkerCounted { pool, begun }: WorkerCounted, ctx: &mut Context<Self>) {
        if self.pool.count(pool, begun) {
            warn!(alive = self.pool.alive(); "a delivery actor ended");
        }
        self.proceed(ctx);
    }
}

impl Handler<Drain> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, Drain { done }: Drain, ctx: &mut Context<Self>) {
        self.draining = Some(done);
        let lanes = self.lanes.values_mut();
        let back: Vec<_> = lanes.flat_map(|lane| lane.queues().cut(|_| true)).collect();
        self.put_back(back, ctx);
        self.finish_draining();
    }
}

#[cfg(test)]
mod tests;
