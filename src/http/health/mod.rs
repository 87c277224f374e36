//! `/health`, `/health/live` and `/health/ready`.
//!
//! Ready means fit for traffic: it can store, and work that is due and allowed moves. Svix being
//! down, limiting or refusing a token leaves it ready: accepting is what the service is for then.
//!
//! ```text
//! checks   what is looked at, and how it stands      memory   since when each stands so
//! ```

mod checks;
mod memory;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use tokio::time::MissedTickBehavior;

use super::auth::{self, Scope};
use super::gateway::{Gateway, HealthRules};
use super::problem::Problem;
use crate::actors::messages::{GetHealth, PipelineHealth};
use crate::domain::Timestamp;
use checks::Finding;
pub(super) use checks::SILENCE;
pub use memory::HealthMemory;

/// How often health is looked at, whoever asks.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    Degraded,
    Failing,
}

/// How what is looked at stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It has not been looked at, or not for long, or cannot be.
    Unknown,
    Working,
    Failing,
    Moving,
    Stuck,
    Stopping,
    Alive,
    Missing,
    Reachable,
    Limited,
    Circuit,
    Refused,
    /// Some of many cannot send.
    Held,
    Fresh,
    Late,
    Roomy,
    Low,
    Agrees,
    Differs,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    name: String,
    status: Status,
    state: State,
    detail: String,
    since: Timestamp,
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

pub(super) async fn ready(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    // Whose work stands still is not for everybody.
    let with_names = auth::require(&request, &gateway, Scope::Read).is_ok();
    let found = essentials(&gateway, pipeline(&gateway).await.as_ref(), with_names);
    Report::new(gateway.health_memory.remember(found, gateway.store.now())).respond()
}

pub(super) async fn health(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    auth::require(&request, &gateway, Scope::Read)?;
    Ok(Report::new(look(&gateway).await).respond())
}

/// Looks at health all the time, so that the time of each change is known whoever asks.
pub async fn watch(gateway: Data<Gateway>) {
    let mut each = tokio::time::interval(LOOK);
    each.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        each.tick().await;
        look(&gateway).await;
    }
}

/// Looks at everything. Returns what is told of it.
async fn look(gateway: &Gateway) -> Vec<Check> {
    let pipeline = pipeline(gateway).await;
    let mut shown = essentials(gateway, pipeline.as_ref(), true);
    let now = gateway.store.now();
    let Some(pipeline) = pipeline else {
        return gateway.health_memory.remember(shown, now);
    };
    let HealthRules {
        max_backlog_age,
        min_free_ratio,
    } = gateway.intake().health;
    shown.push(checks::actors(&pipeline.counts));
    let (accounts, others) = checks::accounts(&pipeline.counts.accounts);
    shown.extend(accounts);
    shown.push(checks::backlog(pipeline.backlog.as_deref(), now, max_backlog_age));
    shown.push(checks::disk(pipeline.disk, min_free_ratio));
    shown.push(checks::ledger(&pipeline.ledger));
    gateway.health_memory.remember_all(shown, others, now)
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

/// What readiness depends on: the store, progress, and that the service goes on.
fn essentials(gateway: &Gateway, pipeline: Option<&PipelineHealth>, with_names: bool) -> Vec<Finding> {
    let mut found = vec![
        checks::store(gateway.store.condition()),
        checks::progress(pipeline, gateway.stall_limit, with_names),
    ];
    if gateway.is_stopping() {
        found.push(checks::stopping());
    }
    found
}

#[cfg(test)]
mod tests;
