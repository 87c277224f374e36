//! `GET /stats`: the numbers; with a key of one customer, those of that one, and nothing of the processes.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::auth::{self, Scope};
use super::gateway::Gateway;
use super::problem::{Code, Problem};
use crate::actors::messages::{GetStats, StatsSnapshot};
use crate::domain::Timestamp;
use crate::store::Totals;

/// What the ledger counts, of one customer or of all.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    accepted: i64,
    duplicates: i64,
    filtered: i64,
    delivered: i64,
    retries: i64,
    failed_attempts: i64,
    dead: i64,
    expired: i64,
    queued: i64,
}

impl From<&Totals> for Counts {
    fn from(totals: &Totals) -> Self {
        Self {
            accepted: totals.accepted,
            duplicates: totals.duplicates,
            filtered: totals.filtered,
            delivered: totals.delivered,
            retries: totals.retries,
            failed_attempts: totals.failed_attempts,
            dead: totals.dead,
            expired: totals.expired,
            queued: totals.queued,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    #[serde(flatten)]
    counts: Counts,
    in_flight: usize,
    workers: Workers,
    started_at: Timestamp,
}

#[derive(Serialize)]
struct Workers {
    configured: usize,
    alive: usize,
}

pub(super) async fn stats(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Read)?;
    if let Some(customer) = caller.customer {
        let totals = gateway.store.totals_of(customer).await?;
        return Ok(HttpResponse::Ok().json(Counts::from(&totals)));
    }
    let answer = gateway.stats.send(GetStats).await;
    let stopping = |_| Problem::new(Code::Stopping, "the service is stopping").retry_after(1);
    let StatsSnapshot {
        totals,
        counts,
        started_at,
    } = answer.map_err(stopping)??;
    Ok(HttpResponse::Ok().json(Stats {
        counts: Counts::from(&totals),
        in_flight: counts.in_flight,
        workers: Workers {
            configured: counts.workers_configured,
            alive: counts.workers_alive,
        },
        started_at,
    }))
}
