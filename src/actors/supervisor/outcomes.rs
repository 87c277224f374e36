//! From answers to decisions, and from decisions to the store.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use log::{debug, error, warn};

use super::SupervisorActor;
use super::flight::{Entry, Flight};
use crate::actors::messages::ScheduleRetry;
use crate::domain::{Answer, Attempt, Notification, Reason, State, Timestamp};
use crate::policy::{Case, Decision, Hold, Sent, decide};
use crate::store::Settlement;
use crate::svix::Exchange;

impl SupervisorActor {
    /// Draws the consequence of an answer.
    pub(super) fn conclude(
        &mut self,
        flight: Flight,
        started_at: Timestamp,
        exchange: &Exchange,
        ctx: &mut Context<Self>,
    ) {
        let now = self.around.store.now();
        self.moved_at = now;
        self.around
            .metrics
            .attempted(&flight.account, exchange.answer.kind(), exchange.duration);
        self.land(&flight);
        let Flight {
            mut entry,
            account,
            probe,
            ..
        } = flight;
        let rules = self.rules_of(&entry.notification.customer);
        let patience = self.settings.patience.request;
        let stays = self.goes_on(&entry.notification.customer) && !self.closed.contains(&account);
        let Some(lane) = self.lanes.get_mut(&account) else {
            return;
        };
        let answer = lane.judge(&exchange.answer, &entry, now);
        let superseded = answer == Answer::Refused && lane.is_superseded(&exchange.answer, &entry, probe);
        let of_present = lane.is_of_present(&entry);
        let sent = Sent {
            probe,
            first: entry.is_untried(),
        };
        let case = Case {
            accepted_at: entry.notification.accepted_at,
            deadline: entry.deadline(rules.max_age),
            suspect_until: entry.notification.suspect_until,
            counts: !superseded && lane.observe(exchange, &answer, of_present, sent, patience, now),
            superseded,
            hold: Hold::of(&entry.attempts),
            took: exchange.duration,
            now,
            chance: fastrand::f64(),
        };
        let decision = decide(entry.step.clone(), &answer, &case, &rules, &mut entry.progress);
        let record = record(&entry, started_at, exchange, &self.settings.replica);
        entry.note(record);
        if lane.is_trusted() {
            self.turns.trust(&account);
        } else {
            self.turns.wake(&account);
        }
        match decision {
            Decision::Next(step) if stays => {
                entry.step = step;
                entry.due_at = now;
                let customer = entry.notification.customer.clone();
                lane.queues().of(entry.is_fresh()).push_front(&customer, entry);
            }
            // The store knows how far it has come; its way goes on from there later.
            Decision::Next(_) => self.settle(*entry, State::Queued, None, now, ctx),
            Decision::Retry(due_at) => self.settle(*entry, State::Queued, None, due_at, ctx),
            Decision::Settle(state, reason) => self.settle(*entry, state, reason, now, ctx),
        }
    }

    /// Draws the consequence of a request of which nobody can tell what became of it.
    pub(super) fn conclude_lost(&mut self, flight: Flight, ctx: &mut Context<Self>) {
        let notification = &flight.entry.notification;
        error!(
            request = notification.request(), notification:% = notification.id, customer:% = notification.customer,
            account:% = notification.account, attempt = flight.entry.progress.attempts + 1;
            "the delivery actor ended before it reported on a request"
        );
        let lost = Exchange {
            answer: Answer::Panicked,
            status: None,
            detail: "the delivery actor ended before it reported".to_owned(),
            duration: Duration::ZERO,
        };
        self.conclude(flight, self.around.store.now(), &lost, ctx);
    }

    /// Hands an outcome to the store; what is held for it is let go after the commit.
    pub(super) fn settle(
        &mut self,
        entry: Entry,
        state: State,
        reason: Option<Reason>,
        due_at: Timestamp,
        ctx: &mut Context<Self>,
    ) {
        let Entry {
            notification,
            lease,
            reservation,
            progress,
            attempts,
            ..
        } = entry;
        let (about, attempt) = (notification.clone(), progress.attempts);
        // What an operator sends again, or what a customer's own rate holds back, says nothing of how long things take.
        let has_rate = self
            .around
            .store
            .directory()
            .rate(&notification.customer)
            .is_some();
        let is_timed = state == State::Delivered && notification.redrives == 0 && !has_rate;
        let lag = is_timed.then(|| self.around.store.now().since(notification.accepted_at));
        let settlement = Settlement {
            notification,
            state,
            due_at,
            reason,
            progress,
            attempts,
            settled_at: self.around.store.now(),
        };
        log_outcome(&settlement);
        self.settling += 1;
        let store = self.around.store.clone();
        let settled = async move { store.settle(settlement, lease).await }.into_actor(self);
        ctx.spawn(settled.map(move |settled, actor, ctx| {
            drop(reservation);
            let Notification {
                id,
                customer,
                account,
                ..
            } = &*about;
            actor.backlog.freed(customer);
            actor.settling -= 1;
            if settled.is_ok() {
                let metrics = &actor.around.metrics;
                metrics.settled(state, reason);
                lag.iter().for_each(|lag| metrics.delivered_after(account, *lag));
            }
            match settled {
                Ok(()) if state == State::Queued => {
                    let customer = customer.clone();
                    actor.around.retries.do_send(ScheduleRetry { customer, due_at })
                }
                Ok(()) => {}
                // It is stopping; the next start finds the notification as it was.
                Err(error) => warn!(
                    request = about.request(), notification:% = id, customer:%, account:%, attempt, error:err;
                    "an outcome could not be recorded"
                ),
            }
            actor.proceed(ctx);
        }));
    }
}

fn record(entry: &Entry, started_at: Timestamp, exchange: &Exchange, replica: &str) -> Attempt {
    Attempt {
        number: entry.progress.attempts,
        step: entry.step.as_str().to_owned(),
        due_at: Some(entry.due_at),
        started_at,
        duration: exchange.duration,
        answer: exchange.answer.kind(),
        status: exchange.status,
        detail: exchange.detail.clone(),
        replica: Some(replica.to_owned()),
    }
}

fn log_outcome(settlement: &Settlement) {
    let notification = &settlement.notification;
    let (id, customer, account) = (notification.id, &notification.customer, &notification.account);
    let (request, attempt) = (notification.request(), settlement.progress.attempts);
    let last = settlement.attempts.last();
    let detail = last.map_or("", |last| last.detail.as_str());
    match (settlement.state, settlement.reason) {
        (State::Queued, _) => {
            let answer = last.map_or("none", |last| last.answer.as_str());
            debug!(request, notification:% = id, customer:%, account:%, attempt, answer, error = detail, due:% = settlement.due_at; "tried again later");
        }
        (state, Some(reason)) => {
            warn!(request, notification:% = id, customer:%, account:%, attempt, state:%, reason:%, error = detail; "not delivered");
        }
        (state, None) => {
            debug!(request, notification:% = id, customer:%, account:%, attempt, state:%; "settled");
        }
    }
}
