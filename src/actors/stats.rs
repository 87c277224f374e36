//! StatsActor: answers how things stand. Totals come from the store's ledger, so they survive a
//! restart; what is under way comes from the supervisor, whether the ledger is right from the audit actor, and what
//! waits from the survey actor.

use std::sync::Arc;
use std::time::Instant;

use actix::{Actor, Context, Handler, MessageResult, ResponseFuture};
use log::trace;

use super::death::DeathWatch;
use super::messages::{
    Counts, CountsChanged, DiskMeasured, GetHealth, GetStats, LedgerCheck, LedgerChecked, PipelineHealth,
    StatsSnapshot, Surveyed,
};
use crate::domain::Timestamp;
use crate::store::{BacklogSurvey, Disk, Store, StoreError};

/// Answers questions about the pipeline.
pub(super) struct StatsActor {
    store: Store,
    started_at: Timestamp,
    counts: Counts,
    counted_at: Instant,
    ledger: LedgerCheck,
    backlog: Option<Arc<BacklogSurvey>>,
    disk: Option<Disk>,
    _watch: DeathWatch,
}

impl StatsActor {
    pub(super) fn new(store: Store, watch: DeathWatch) -> Self {
        let started_at = store.now();
        Self {
            store,
            started_at,
            counts: Counts::default(),
            counted_at: Instant::now(),
            ledger: LedgerCheck::default(),
            backlog: None,
            disk: None,
            _watch: watch,
        }
    }
}

impl Actor for StatsActor {
    type Context = Context<Self>;
}

impl Handler<CountsChanged> for StatsActor {
    type Result = ();

    fn handle(&mut self, CountsChanged { counts }: CountsChanged, _: &mut Context<Self>) {
        self.counts = counts;
        self.counted_at = Instant::now();
    }
}

impl Handler<LedgerChecked> for StatsActor {
    type Result = ();

    fn handle(&mut self, LedgerChecked { check }: LedgerChecked, _: &mut Context<Self>) {
        self.ledger = check;
    }
}

impl Handler<Surveyed> for StatsActor {
    type Result = ();

    fn handle(&mut self, Surveyed { survey }: Surveyed, _: &mut Context<Self>) {
        self.backlog = Some(survey);
    }
}

impl Handler<DiskMeasured> for StatsActor {
    type Result = ();

    fn handle(&mut self, DiskMeasured { disk }: DiskMeasured, _: &mut Context<Self>) {
        self.disk = Some(disk);
    }
}

impl Handler<GetStats> for StatsActor {
    type Result = ResponseFuture<Result<StatsSnapshot, StoreError>>;

    fn handle(&mut self, _: GetStats, _: &mut Context<Self>) -> Self::Result {
        trace!("the numbers are asked for");
        let (store, counts, started_at) = (self.store.clone(), self.counts.clone(), self.started_at);
        Box::pin(async move {
            Ok(StatsSnapshot {
                totals: store.totals().await?,
                counts,
                started_at,
            })
        })
    }
}

impl Handler<GetHealth> for StatsActor {
    type Result = MessageResult<GetHealth>;

    fn handle(&mut self, _: GetHealth, _: &mut Context<Self>) -> Self::Result {
        MessageResult(PipelineHealth {
            counts: self.counts.clone(),
            age: self.counted_at.elapsed(),
            ledger: self.ledger.clone(),
            backlog: self.backlog.clone(),
            disk: self.disk,
        })
    }
}
