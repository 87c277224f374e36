//! RetryActor: owns time and nothing else. What is due, and when, stands in the store; a timer here
//! only makes sure that somebody looks in time.
//!
//! Timers are bounded. What lies beyond the horizon, or over the bound, is found by the
//! supervisor's regular look at the store, so that any number of waiting retries cost no memory.

use std::collections::HashSet;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Recipient};
use log::trace;

use super::death::DeathWatch;
use super::messages::{Redeliver, ScheduleRetry};
use crate::domain::{Customer, Timestamp};
use crate::store::Store;

/// Retries of one customer that fall into the same span of this many milliseconds share a timer.
const SPAN_MS: i64 = 20;

/// How many timers there may be, and how far ahead.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimerBounds {
    pub(super) max_timers: usize,
    pub(super) horizon: Duration,
}

/// Schedules looks at the store.
pub(super) struct RetryActor {
    supervisor: Recipient<Redeliver>,
    store: Store,
    bounds: TimerBounds,
    timers: HashSet<(Customer, i64)>,
    _watch: DeathWatch,
}

impl RetryActor {
    pub(super) fn new(
        supervisor: Recipient<Redeliver>,
        store: Store,
        bounds: TimerBounds,
        watch: DeathWatch,
    ) -> Self {
        Self {
            supervisor,
            store,
            bounds,
            timers: HashSet::new(),
            _watch: watch,
        }
    }
}

impl Actor for RetryActor {
    type Context = Context<Self>;
}

impl Handler<ScheduleRetry> for RetryActor {
    type Result = ();

    fn handle(&mut self, ScheduleRetry { customer, due_at }: ScheduleRetry, ctx: &mut Context<Self>) {
        let span = due_at.as_millis().div_euclid(SPAN_MS) + 1;
        let wait = Timestamp::from_millis(span * SPAN_MS).since(self.store.now());
        let full = self.timers.len() >= self.bounds.max_timers || wait > self.bounds.horizon;
        if full || !self.timers.insert((customer.clone(), span)) {
            return;
        }
        trace!(customer:%, due:% = due_at; "a timer is set");
        ctx.run_later(wait, move |actor, _| {
            let timer = (customer, span);
            actor.timers.remove(&timer);
            actor.supervisor.do_send(Redeliver { customer: timer.0 });
        });
    }
}
