//! `/health`, `/health/live` and `/health/ready`.
//!
//! Ready means fit for traffic: it can store, and work that is due and allowed moves. Svix being
//! down, limiting or refusing a token leaves it ready: accepting is what the service is for then.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::auth::{self, Scope};
use super::gateway::Gateway;
use super::problem::Problem;
use crate::actors::messages::{AccountStatus, GetHealth, LedgerCheck, PipelineHealth};
use crate::domain::Timestamp;
use crate::policy::GateState;
use crate::store::Condition;

/// How old the supervisor's last word may be.
pub(super) const SILENCE: Duration = Duration::from_secs(5);

/// Accounts that are told of one by one.
const ACCOUNTS: usize = 20;

/// Differences of the ledger that a check names.
const NAMED: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Degraded,
    Failing,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    name: String,
    status: Status,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

#[derive(Serialize)]
struct Report {
    status: Status,
    checks: Vec<Check>,
}

impl Report {
    fn new(checks: Vec<Check>) -> Self {
        let status = checks
            .iter()
            .map(|check| check.status)
            .max()
            .unwrap_or(Status::Ok);
        Self { status, checks }
    }

    fn respond(&self) -> HttpResponse {
        let failing = self.status == Status::Failing;
        HttpResponse::build(if failing {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        })
        .json(self)
    }
}

pub(super) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Report::new(Vec::new()))
}

pub(super) async fn ready(gateway: Data<Gateway>) -> HttpResponse {
    let mut checks = essentials(&gateway, pipeline(&gateway).await.as_ref());
    if gateway.is_stopping() {
        checks.push(check("process", Status::Failing, "the service is stopping"));
    }
    Report::new(checks).respond()
}

pub(super) async fn health(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    auth::require(&request, &gateway, Scope::Read)?;
    let pipeline = pipeline(&gateway).await;
    let mut checks = essentials(&gateway, pipeline.as_ref());
    if let Some(pipeline) = &pipeline {
        let (alive, configured) = (pipeline.counts.workers_alive, pipeline.counts.workers_configured);
        let status = if alive >= configured {
            Status::Ok
        } else {
            Status::Degraded
        };
        checks.push(check("actors", status, format!("{alive} of {configured} delivery actors are alive")));
        checks.extend(accounts(&pipeline.counts.accounts));
        checks.push(ledger(&pipeline.ledger));
    }
    Ok(Report::new(checks).respond())
}

/// Asks how the pipeline stands; nothing where it does not answer.
pub(super) async fn pipeline(gateway: &Gateway) -> Option<PipelineHealth> {
    gateway
        .health
        .send(GetHealth)
        .timeout(Duration::from_secs(1))
        .await
        .ok()
}

/// What readiness depends on: the store, and progress.
fn essentials(gateway: &Gateway, pipeline: Option<&PipelineHealth>) -> Vec<Check> {
    let store = match gateway.store.condition() {
        Condition::Working => check("store", Status::Ok, "the last write worked"),
        Condition::Failing { since, trouble } => Check {
            since: Some(since),
            ..check("store", Status::Failing, trouble.to_string())
        },
    };
    let progress = match pipeline {
        Some(PipelineHealth { counts, age, .. })
            if *age <= SILENCE && counts.stalled_for < gateway.stall_limit =>
        {
            check("progress", Status::Ok, "what is due and allowed moves")
        }
        Some(PipelineHealth { counts, age, .. }) => {
            let still = counts.stalled_for.max(*age).as_secs();
            check("progress", Status::Failing, format!("what is due and allowed has not moved for {still} s"))
        }
        None => check("progress", Status::Failing, "the stats actor does not answer"),
    };
    vec![store, progress]
}

/// Tells of the accounts: of all where they are few, else of those that something is wrong with, up to a bound.
fn accounts(all: &[AccountStatus]) -> Vec<Check> {
    let mut checks: Vec<Check> = all.iter().map(account).collect();
    if checks.len() > ACCOUNTS {
        checks.sort_by_key(|check| std::cmp::Reverse(check.status));
        let rest = checks.split_off(ACCOUNTS);
        let degraded = rest.iter().filter(|check| check.status != Status::Ok).count();
        let status = rest.first().map_or(Status::Ok, |first| first.status);
        let detail = format!("{} more accounts, {degraded} of which cannot send now", rest.len());
        checks.push(check("accounts", status, detail));
    }
    checks
}

fn account(account: &AccountStatus) -> Check {
    let name = format!("account {}", account.name);
    let last = account.last_failure.as_deref().unwrap_or("no answer");
    let degraded = |detail: String, since| Check {
        since,
        ..check(name.clone(), Status::Degraded, detail)
    };
    if let Some(since) = account.missing_since {
        return degraded(format!("it cannot be used ({last}); its notifications wait"), Some(since));
    }
    match account.gate {
        GateState::Open => check(name, Status::Ok, "svix takes its requests"),
        GateState::Limited { until } => degraded(format!("svix limits it until {until}"), None),
        GateState::Circuit { since, next_probe } => degraded(
            format!("svix is unavailable ({last}); the next probe goes out at {next_probe}"),
            Some(since),
        ),
        GateState::Refused { since, next_probe } => degraded(
            format!("svix refuses its token ({last}); the next probe goes out at {next_probe}"),
            Some(since),
        ),
    }
}

/// What comparing the ledger with the rows has found.
fn ledger(found: &LedgerCheck) -> Check {
    let name = "ledger";
    let named: Vec<String> = found
        .differences
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    match (found.differences.len(), found.last_at) {
        (0, None) => check(name, Status::Ok, "the ledger has not been compared with the rows yet"),
        (0, Some(at)) => {
            let minutes = found.minutes;
            let detail = format!("the ledger agrees with the rows; {minutes} minutes checked, last at {at}");
            check(name, Status::Ok, detail)
        }
        (count, _) if count > NAMED => {
            let detail = format!("{}; and {} more differences", named.join("; "), count - NAMED);
            check(name, Status::Degraded, detail)
        }
        _ => check(name, Status::Degraded, named.join("; ")),
    }
}

fn check(name: impl Into<String>, status: Status, detail: impl Into<String>) -> Check {
    Check {
        name: name.into(),
        status,
        detail: detail.into(),
        since: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AccountName;

    fn status(number: usize, missing: bool) -> AccountStatus {
        AccountStatus {
            name: AccountName::new(&format!("a{number:03}")),
            gate: GateState::Open,
            in_flight: 0,
            last_failure: missing.then(|| "no account of this name is set".to_owned()),
            missing_since: missing.then(Timestamp::default),
        }
    }

    #[test]
    fn of_many_accounts_those_are_named_that_something_is_wrong_with() {
        let few: Vec<_> = (0..ACCOUNTS).map(|number| status(number, false)).collect();
        assert_eq!(accounts(&few).len(), ACCOUNTS, "each of a few");
        let many: Vec<_> = (0..100).map(|number| status(number, number % 33 == 32)).collect();
        let checks = accounts(&many);
        assert_eq!(checks.len(), ACCOUNTS + 1);
        let wrong: Vec<_> = checks.iter().take(3).map(|check| check.name.as_str()).collect();
        assert_eq!(wrong, ["account a032", "account a065", "account a098"]);
        assert!(checks[0].detail.contains("no account of this name is set"), "{}", checks[0].detail);
        let rest = &checks[ACCOUNTS];
        assert_eq!((rest.name.as_str(), rest.status), ("accounts", Status::Ok));
        assert!(rest.detail.starts_with("80 more accounts, 0 of which"), "{}", rest.detail);
        let all: Vec<_> = (0..100).map(|number| status(number, true)).collect();
        assert_eq!(accounts(&all)[ACCOUNTS].status, Status::Degraded, "what is not named counts");
    }
}
