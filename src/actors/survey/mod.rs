//! SurveyActor: counts what waits, all the time and a little at a time, measures the store's room on disk, and
//! tells the stats actor.
//!
//! One step is one part of a walk over all that is queued. It takes a fiftieth of one reading connection at most, so a
//! small backlog is surveyed every two seconds, and one of a million in two to ten minutes. On a shared store each
//! replica does that for itself.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Recipient, WrapFuture};
use log::{debug, trace};

use super::death::DeathWatch;
use super::messages::{DiskMeasured, Surveyed};
use crate::store::{Disk, Store, StoreError, SurveyBounds, SurveyPart, SurveyPlace, Surveyor};

/// How many times as long as a step took the actor rests before the next.
const REST: u32 = 49;

/// The fewest rows of a part.
const FEWEST: u32 = 100;

/// How often the actor looks, and at how much at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct SurveyPace {
    /// The least wait between two surveys.
    pub(super) every: Duration,
    /// The least wait between two looks at the disk.
    pub(super) disk_every: Duration,
    /// The most rows of a part.
    pub(super) most: u32,
    /// How long a part may take; one that takes longer is followed by smaller ones.
    pub(super) patience: Duration,
}

impl Default for SurveyPace {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(2),
            disk_every: Duration::from_secs(5),
            most: 500,
            patience: Duration::from_millis(100),
        }
    }
}

impl SurveyPace {
    /// Returns how many rows the next part has, after one of so many took so long or, where it is not said how long,
    /// failed. How soon it failed tells nothing about the rows.
    fn rows_after(&self, rows: u32, took: Option<Duration>) -> u32 {
        match took {
            Some(took) if took < self.patience / 4 => rows.saturating_mul(2).min(self.most),
            Some(took) if took <= self.patience => rows,
            _ => (rows / 2).max(FEWEST).min(self.most),
        }
    }

    /// Returns how long the actor rests after a step that took so long or, where it is not said how long, failed: one
    /// that has waited for the store until it was given up has taken nothing from it.
    fn rest(took: Option<Duration>, least: Duration) -> Duration {
        took.map_or(least, |took| took.saturating_mul(REST).max(least))
    }
}

/// Who hears of what was found.
pub(super) struct SurveyListeners {
    pub(super) backlog: Recipient<Surveyed>,
    pub(super) disk: Recipient<DiskMeasured>,
}

/// Counts what waits.
pub(super) struct SurveyActor {
    store: Store,
    listeners: SurveyListeners,
    bounds: SurveyBounds,
    pace: SurveyPace,
    /// Rows of the next part.
    rows: u32,
    /// The walk that is under way, and where it goes on.
    walk: Option<(Surveyor, SurveyPlace)>,
    _watch: DeathWatch,
}

impl SurveyActor {
    pub(super) fn new(
        store: Store,
        listeners: SurveyListeners,
        bounds: SurveyBounds,
        pace: SurveyPace,
        watch: DeathWatch,
    ) -> Self {
        Self {
            store,
            listeners,
            bounds,
            pace,
            rows: pace.most,
            walk: None,
            _watch: watch,
        }
    }

    fn step(&mut self, ctx: &mut Context<Self>) {
        trace!("what waits is counted");
        let (surveyor, place) = match self.walk.take() {
            Some((surveyor, place)) => (surveyor, Some(place)),
            None => (Surveyor::new(self.store.now(), self.bounds), None),
        };
        let (store, rows, begun) = (self.store.clone(), self.rows, Instant::now());
        let counting = async move { store.survey(place, rows).await };
        ctx.spawn(counting.into_actor(self).map(move |counted, actor, ctx| {
            let rest = actor.counted(surveyor, counted, begun.elapsed());
            ctx.run_later(rest, Self::step);
        }));
    }

    /// Takes in what a step came to, and how long it took; returns the rest before the next.
    fn counted(
        &mut self,
        surveyor: Surveyor,
        counted: Result<SurveyPart, StoreError>,
        took: Duration,
    ) -> Duration {
        let took = counted.is_ok().then_some(took);
        self.rows = self.pace.rows_after(self.rows, took);
        let least = match counted {
            Ok(part) => self.note(surveyor, part),
            Err(error) => {
                // What was counted before is too old when the store can be read again; the walk begins anew.
                debug!(error:err; "what waits could not be counted; tried again all the time");
                self.pace.every
            }
        };
        SurveyPace::rest(took, least)
    }

    /// Takes in a part; returns the least wait before the next.
    fn note(&mut self, mut surveyor: Surveyor, mut part: SurveyPart) -> Duration {
        let next = part.next.take();
        let directory = self.store.directory();
        surveyor.add(part, |customer| directory.is_paused(customer));
        if let Some(place) = next {
            self.walk = Some((surveyor, place));
            return Duration::ZERO;
        }
        let survey = Arc::new(surveyor.finish(self.store.now()));
        self.listeners.backlog.do_send(Surveyed { survey });
        self.pace.every
    }

    fn look_at_disk(&mut self, ctx: &mut Context<Self>) {
        let (store, begun) = (self.store.clone(), Instant::now());
        let measuring = async move { store.disk().await };
        ctx.spawn(measuring.into_actor(self).map(move |measured, actor, ctx| {
            let rest = actor.measured(measured, begun.elapsed());
            ctx.run_later(rest, Self::look_at_disk);
        }));
    }

    /// Takes in what a look at the disk came to, and how long it took; returns the rest before the next.
    fn measured(&mut self, measured: Result<Disk, StoreError>, took: Duration) -> Duration {
        let took = measured.is_ok().then_some(took);
        match measured {
            Ok(disk) => self.listeners.disk.do_send(DiskMeasured { disk }),
            Err(error) => debug!(error:err; "the store's room on disk could not be measured"),
        }
        SurveyPace::rest(took, self.pace.disk_every)
    }
}

impl Actor for SurveyActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.step(ctx);
        self.look_at_disk(ctx);
    }
}
