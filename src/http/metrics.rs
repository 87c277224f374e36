//! `GET /metrics`: what is counted, and how things stand, for Prometheus.
//!
//! A scrape always gets an answer: what cannot be had in time is left out of it.

use std::future::Future;
use std::time::{Duration, Instant};

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use log::{debug, error};

use super::auth::{self, Scope};
use super::gateway::Gateway;
use super::health;
use super::problem::{Code, Problem};
use crate::actors::messages::{AccountStatus, PipelineHealth};
use crate::domain::{RedriveState, State, Timestamp};
use crate::policy::GateState;
use crate::store::{BacklogSurvey, Condition, Disk, Redrive, Redrives, StoreError, Totals, Waiting};
use crate::telemetry::{
    self, AccountReading, AccountState, BacklogReading, DiskReading, LedgerReading, PipelineReading,
    Readings, RedriveReading, TEXT_FORMAT,
};

/// How long a scrape waits for the store.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long what the store said serves others too.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// What the store said last. One scrape at a time asks it, however many come.
#[derive(Debug, Default)]
pub struct Scraped(tokio::sync::Mutex<Option<(Instant, FromStore)>>);

/// What is asked of the store.
#[derive(Debug, Clone, Default)]
struct FromStore {
    ledger: Option<LedgerReading>,
    redrives: Option<RedriveReading>,
    replicas: Option<u64>,
}

pub(super) async fn metrics(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    auth::require(&request, &gateway, Scope::Read)?;
    let (from_store, pipeline) =
        futures_util::future::join(from_store(&gateway), health::pipeline(&gateway)).await;
    let readings = Readings {
        store_up: gateway.store.condition() == Condition::Working,
        store_waiting: gateway.store.waiting(),
        ledger: from_store.ledger,
        redrives: from_store.redrives,
        replicas: from_store.replicas,
        pipeline: pipeline.as_ref().map(of_pipeline),
        backlog: pipeline.as_ref().and_then(|pipeline| {
            let survey = pipeline.backlog.as_ref()?;
            Some(of_survey(survey))
        }),
        disk: pipeline.as_ref().and_then(|pipeline| pipeline.disk).map(of_disk),
    };
    let metrics = gateway.metrics.clone();
    // The system is asked about the process, and the text may be long: not on the thread that serves others.
    let text = web::block(move || metrics.encode(&readings))
        .await
        .map_err(|_| Problem::new(Code::Stopping, "the service is stopping").retry_after(1))?;
    match text {
        Ok(text) => Ok(HttpResponse::Ok().content_type(TEXT_FORMAT).body(text)),
        Err(error) => {
            error!(error:err; "the metrics cannot be written");
            Err(Problem::new(Code::Internal, "a fault of the service; its log says more"))
        }
    }
}

/// Asks the store, or takes what it has just said.
async fn from_store(gateway: &Gateway) -> FromStore {
    let Ok(mut known) = tokio::time::timeout(PATIENCE, gateway.scraped.0.lock()).await else {
        return FromStore::default();
    };
    if let Some((at, said)) = &*known
        && at.elapsed() < GOOD_FOR
    {
        return said.clone();
    }
    let store = &gateway.store;
    let (totals, redrives, replicas) = futures_util::future::join3(
        in_time(store.totals()),
        in_time(store.redrives(Redrives::Unfinished)),
        in_time(store.replicas()),
    )
    .await;
    let said = FromStore {
        ledger: totals.as_ref().map(of_totals),
        redrives: redrives.as_deref().map(of_redrives),
        replicas,
    };
    *known = Some((Instant::now(), said.clone()));
    said
}

/// Waits for an answer of the store, but not for long.
async fn in_time<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            debug!(error:err; "a scrape goes without what the store cannot tell");
            None
        }
        Err(_) => {
            debug!("a scrape goes without what the store did not tell in time");
            None
        }
    }
}

fn of_totals(totals: &Totals) -> LedgerReading {
    let states = State::ALL.iter();
    LedgerReading {
        states: states.map(|state| (*state, totals.in_state(*state))).collect(),
        dead_letters: totals.kept(State::Dead),
        redriven: totals.redriven,
    }
}

fn of_redrives(redrives: &[Redrive]) -> RedriveReading {
    let so_many = |state| redrives.iter().filter(|redrive| redrive.state == state).count();
    let running = redrives
        .iter()
        .filter(|redrive| redrive.state == RedriveState::Running);
    RedriveReading {
        running: so_many(RedriveState::Running),
        paused: so_many(RedriveState::Paused),
        stopped: so_many(RedriveState::Stopped),
        remaining: running.map(|redrive| (redrive.total - redrive.sent).max(0)).sum(),
    }
}

fn of_pipeline(pipeline: &PipelineHealth) -> PipelineReading {
    let PipelineHealth {
        counts, age, ledger, ..
    } = pipeline;
    PipelineReading {
        ready: counts.ready,
        actors_configured: counts.workers_configured,
        actors_alive: counts.workers_alive,
        // A supervisor that says nothing moves nothing.
        stalled: if *age > health::SILENCE {
            counts.stalled_for.max(*age)
        } else {
            counts.stalled_for
        },
        accounts: counts.accounts.iter().map(of_account).collect(),
        ledger_differences: ledger.differences.len(),
        ledger_checked_at: ledger.last_at,
    }
}

/// Ages are those at the end of the survey: they do not grow where nobody counts any more.
fn of_survey(survey: &BacklogSurvey) -> BacklogReading {
    let age = |since: Option<Timestamp>| since.map(|at| survey.ended_at.since(at)).unwrap_or_default();
    let waiting = |waiting: Waiting| telemetry::Waiting {
        count: waiting.queued,
        oldest: age(waiting.oldest_at),
    };
    let others = survey.other_accounts;
    BacklogReading {
        at: survey.as_of,
        accounts: survey
            .accounts
            .iter()
            .map(|(account, of_it)| (account.clone(), waiting(*of_it)))
            .collect(),
        other_accounts: (others.queued > 0).then(|| waiting(others)),
        overdue: survey
            .overdue_accounts
            .iter()
            .map(|(account, since)| (account.clone(), age(Some(*since))))
            .collect(),
        other_overdue: age(survey.other_overdue),
        customers: survey
            .customers
            .iter()
            .map(|(customer, of_it)| (customer.clone(), waiting(*of_it)))
            .collect(),
        other_customers: waiting(survey.other_customers),
    }
}

fn of_disk(disk: Disk) -> DiskReading {
    DiskReading {
        store_bytes: disk.bytes,
        free: disk.space.map(|space| space.free_ratio()),
    }
}

fn of_account(account: &AccountStatus) -> AccountReading {
    let state = match account.gate {
        _ if account.missing_since.is_some() => AccountState::Missing,
        GateState::Open => AccountState::Open,
        GateState::Limited { .. } => AccountState::Limited,
        GateState::Circuit { .. } => AccountState::Circuit,
        GateState::Refused { .. } => AccountState::Refused,
    };
    AccountReading {
        name: account.name.clone(),
        in_flight: account.in_flight,
        state,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::actors::messages::{Counts, LedgerCheck};
    use crate::domain::{AccountName, Customer};

    #[test]
    fn a_supervisor_that_is_silent_for_long_counts_as_standing_still() {
        let (second, silence) = (Duration::from_secs(1), health::SILENCE);
        let table = [
            (Duration::ZERO, second, Duration::ZERO, "it has just said that all moves"),
            (second * 7, second, second * 7, "it says that nothing moves"),
            (Duration::ZERO, silence + second, silence + second, "it says nothing"),
            (second * 7, silence + second, second * 7, "it said before that nothing moved"),
        ];
        for (stalled_for, age, stalled, why) in table {
            let pipeline = PipelineHealth {
                counts: Counts {
                    stalled_for,
                    ..Counts::default()
                },
                age,
                ledger: LedgerCheck::default(),
                backlog: None,
                disk: None,
            };
            assert_eq!(of_pipeline(&pipeline).stalled, stalled, "{why}");
        }
    }

    #[test]
    fn ages_are_those_at_the_end_of_the_survey() {
        let at = Timestamp::from_millis;
        let (account, customer) = (AccountName::new("eu"), Customer::parse("acme").unwrap());
        let waiting = Waiting {
            queued: 2,
            oldest_at: Some(at(1_000)),
        };
        let survey = BacklogSurvey {
            as_of: at(50_000),
            ended_at: at(61_000),
            accounts: BTreeMap::from([(account.clone(), waiting)]),
            other_accounts: waiting,
            overdue_accounts: BTreeMap::from([(account.clone(), at(31_000))]),
            other_overdue: None,
            customers: vec![(customer, waiting)],
            ..BacklogSurvey::default()
        };
        let read = of_survey(&survey);
        let minute = Duration::from_secs(60);
        let oldest = |waiting: Option<telemetry::Waiting>| waiting.map(|waiting| waiting.oldest);
        assert_eq!(oldest(read.accounts.first().map(|(_, waiting)| *waiting)), Some(minute));
        assert_eq!(oldest(read.customers.first().map(|(_, waiting)| *waiting)), Some(minute));
        assert_eq!(oldest(read.other_accounts), Some(minute));
        assert_eq!((read.overdue, read.other_overdue), (vec![(account, minute / 2)], Duration::ZERO));
        assert_eq!(read.at, at(50_000), "how old the survey is tells its beginning");
    }

    #[test]
    fn only_redrives_that_run_have_something_to_send() {
        let redrive = |state, total, sent| Redrive {
            state,
            total,
            sent,
            ..Redrive::begun(Timestamp::default())
        };
        let all = [
            redrive(RedriveState::Running, 10, 4),
            redrive(RedriveState::Running, 2, 3),
            redrive(RedriveState::Paused, 100, 0),
            redrive(RedriveState::Stopped, 100, 50),
        ];
        let read = of_redrives(&all);
        assert_eq!((read.running, read.paused, read.stopped, read.remaining), (2, 1, 1, 6));
    }
}
