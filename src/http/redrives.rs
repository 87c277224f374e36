//! `/redrives`: jobs that send dead letters again, and `POST /notifications/{id}/redrive` for one of them.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use log::info;
use serde::Serialize;
use serde_json::json;

use super::auth::{self, Caller, Scope};
use super::body;
use super::gateway::Gateway;
use super::parameters::{self, Faults};
use super::problem::{Code, Problem, shown};
use super::redrive_request::RedriveRequest;
use super::shapes::NotificationOut;
use crate::actors::messages::Redeliver;
use crate::domain::{NotificationId, RedriveId, RedriveState, Timestamp};
use crate::store::{DeadQuery, Narrowing, Redrive, Redrives};

/// Redrives that may wait for their end at once.
const UNFINISHED_MAX: usize = 64;

/// The same for those that are about one customer, where a key of that customer asks for one more.
const OWN_UNFINISHED_MAX: usize = 8;

/// How many a list has where the query does not say, and at most.
const LIMIT: (u32, u32) = (50, 250);

/// A redrive.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RedriveOut {
    id: RedriveId,
    state: RedriveState,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    filter: Narrowing,
    rate_per_second: f64,
    stop_after_failure_ratio: Option<f64>,
    order: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    created_at: Timestamp,
    changed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    /// How many it was to send when it was made.
    total: i64,
    /// How many it has put back.
    done: i64,
    delivered: i64,
    dead_again: i64,
    expired: i64,
    under_way: i64,
    left: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_end: Option<Timestamp>,
}

impl RedriveOut {
    fn new(redrive: Redrive, now: Timestamp, caller: &Caller) -> Self {
        let (under_way, left) = (redrive.under_way(), redrive.left());
        let seconds = std::time::Duration::try_from_secs_f64(left as f64 / redrive.rate).unwrap_or_default();
        Self {
            id: redrive.id,
            state: redrive.state,
            why: redrive.why,
            filter: redrive.narrowing,
            rate_per_second: redrive.rate,
            stop_after_failure_ratio: redrive.stop_ratio,
            order: if redrive.newest_first { "newest" } else { "oldest" },
            by: caller.shown(redrive.key),
            created_at: redrive.created_at,
            changed_at: redrive.changed_at,
            finished_at: redrive.finished_at,
            total: redrive.total,
            done: redrive.sent,
            delivered: redrive.delivered,
            dead_again: redrive.dead,
            expired: redrive.expired,
            under_way,
            left: if redrive.state.is_final() { 0 } else { left },
            estimated_end: (redrive.state == RedriveState::Running).then(|| now.after(seconds)),
        }
    }
}

/// `POST /redrives`: makes a job, or with `dryRun` only says how many it would send.
pub(super) async fn create(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Operate)?;
    let body = body::read(&request, payload, &gateway).await?;
    let mut asked = RedriveRequest::read(&body.bytes, gateway.intake().redrive_rate)?;
    caller.narrow(&mut asked.narrowing.customer)?;
    let now = gateway.store.now();
    let total = gateway.store.count_dead(DeadQuery {
        narrowing: asked.narrowing.clone(),
        died_by: now,
        after: None,
        newest_first: asked.newest_first,
        limit: 0,
        unreadable: false,
    });
    let total = total.await?;
    if asked.dry_run {
        return Ok(
            HttpResponse::Ok().json(json!({"dryRun": true, "total": total, "filter": asked.narrowing}))
        );
    }
    let unfinished = gateway.store.redrives(Redrives::Unfinished).await?;
    check_room(&unfinished, &caller)?;
    let redrive = Redrive {
        narrowing: asked.narrowing,
        rate: asked.rate,
        stop_ratio: asked.stop_ratio,
        newest_first: asked.newest_first,
        key: caller.key.clone(),
        total,
        ..Redrive::begun(now)
    };
    gateway.store.add_redrive(redrive.clone()).await?;
    let by = caller.key.as_deref();
    info!(redrive:% = redrive.id, total, rate = redrive.rate, by; "a redrive begins");
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, format!("/redrives/{}", redrive.id)))
        .json(RedriveOut::new(redrive, now, &caller)))
}

/// Makes sure that there may be one more. Those of one customer leave room for the others, and are not told how many
/// those have.
fn check_room(unfinished: &[Redrive], caller: &Caller) -> Result<(), Problem> {
    let own = unfinished
        .iter()
        .filter(|redrive| is_seen(redrive, caller))
        .count();
    let most = match caller.customer {
        Some(_) => OWN_UNFINISHED_MAX,
        None => UNFINISHED_MAX,
    };
    if own >= most {
        let detail = format!("{most} redrives have not come to their end; cancel one of them first");
        return Err(Problem::new(Code::TooManyRedrives, detail));
    }
    if unfinished.len() >= UNFINISHED_MAX {
        let detail = "more redrives are under way than the service has room for";
        return Err(Problem::new(Code::Overloaded, detail).retry_after(60));
    }
    Ok(())
}

fn is_seen(redrive: &Redrive, caller: &Caller) -> bool {
    caller.sees_what_is_of(redrive.narrowing.customer.as_ref())
}

/// `GET /redrives`: the newest first.
pub(super) async fn list(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Read)?;
    let mut limit = LIMIT.0;
    let faults = Faults::of(&query, |name, value| match name {
        "limit" => parameters::number(value, 1, LIMIT.1).map(|number| limit = number),
        _ => Err("is not known here; known is limit".to_owned()),
    });
    faults.refuse()?;
    let now = gateway.store.now();
    let newest = Redrives::Newest(caller.customer.clone(), limit);
    let redrives = gateway.store.redrives(newest).await?;
    let data: Vec<_> = redrives
        .into_iter()
        .map(|redrive| RedriveOut::new(redrive, now, &caller))
        .collect();
    Ok(HttpResponse::Ok().json(json!({"data": data})))
}

/// `GET /redrives/{id}`: how far one has come.
pub(super) async fn find(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Read)?;
    let redrive = existing(&gateway, &path, &caller).await?;
    Ok(HttpResponse::Ok().json(RedriveOut::new(redrive, gateway.store.now(), &caller)))
}

/// `POST /redrives/{id}/{what}`: pauses, resumes or cancels one.
pub(super) async fn change(
    request: HttpRequest,
    path: Path<(String, String)>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Operate)?;
    let (id, what) = path.into_inner();
    let (to, from): (_, &[RedriveState]) = match what.as_str() {
        "pause" => (RedriveState::Paused, &[RedriveState::Running]),
        "resume" => (RedriveState::Running, &[RedriveState::Paused, RedriveState::Stopped]),
        "cancel" => {
            (RedriveState::Cancelled, &[RedriveState::Running, RedriveState::Paused, RedriveState::Stopped])
        }
        _ => {
            let detail =
                format!("{} is nothing to do with a redrive; pause, resume or cancel it", shown(&what));
            return Err(Problem::new(Code::NoSuchPath, detail));
        }
    };
    // It may come to its end, or stop, just now; then it is looked at again.
    loop {
        let redrive = existing(&gateway, &id, &caller).await?;
        if !from.contains(&redrive.state) {
            let right: Vec<&str> = from.iter().map(|state| state.as_str()).collect();
            let detail =
                format!("the redrive is {}; to {what} it, it must be {}", redrive.state, right.join(" or "));
            return Err(Problem::new(Code::RedriveConflict, detail).member("state", json!(redrive.state)));
        }
        if gateway.store.change_redrive(redrive, to, None).await? {
            info!(redrive = id.as_str(), state:% = to, by = caller.key.as_deref(); "an operator changed a redrive");
            let redrive = existing(&gateway, &id, &caller).await?;
            return Ok(HttpResponse::Ok().json(RedriveOut::new(redrive, gateway.store.now(), &caller)));
        }
    }
}

/// `POST /notifications/{id}/redrive`: sends one dead letter again.
pub(super) async fn one(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Operate)?;
    let id: NotificationId = path
        .parse()
        .map_err(|error| Problem::new(Code::NotFound, format!("{} {error}", shown(&path))))?;
    let not_found = || Problem::new(Code::NotFound, format!("there is no notification {id}"));
    let record = gateway.store.find(id).await?;
    let record = record
        .filter(|record| caller.sees(&record.customer))
        .ok_or_else(not_found)?;
    if !gateway.store.redrive_one(&record, caller.key.clone()).await? {
        let detail = format!("the notification is {}; only a dead one can be sent again", record.state);
        return Err(Problem::new(Code::NotDead, detail).member("state", json!(record.state)));
    }
    info!(
        accepted_request = record.origin.request(), notification:% = id, customer:% = record.customer,
        account:% = record.account, attempt = record.progress.attempts, by = caller.key.as_deref();
        "an operator sends a dead letter again"
    );
    // Where that is lost, the regular look at the store finds it.
    gateway.redeliver.do_send(Redeliver {
        customer: record.customer.clone(),
    });
    let record = gateway.store.find(id).await?.ok_or_else(not_found)?;
    Ok(HttpResponse::Accepted()
        .insert_header((LOCATION, format!("/notifications/{id}")))
        .json(NotificationOut::new(record, &caller)))
}

/// Finds a job that the caller may know of.
async fn existing(gateway: &Gateway, id: &str, caller: &Caller) -> Result<Redrive, Problem> {
    let id: RedriveId = id
        .parse()
        .map_err(|error| Problem::new(Code::NotFound, format!("{} {error}", shown(id))))?;
    let found = gateway.store.redrives(Redrives::One(id)).await?.pop();
    let found = found.filter(|redrive| is_seen(redrive, caller));
    found.ok_or_else(|| Problem::new(Code::NotFound, format!("there is no redrive {id}")))
}
