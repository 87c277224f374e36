//! `GET /notifications/{id}`: one notification with its requests.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use log::{error, trace};
use serde::Serialize;
use serde_json::value::RawValue;

use super::auth::{self, Scope};
use super::gateway::Gateway;
use super::health;
use super::history::{self, Happened, Next};
use super::parameters::Faults;
use super::problem::{Code, Problem, shown};
use super::shapes::{AttemptOut, NotificationOut};
use crate::domain::{AnswerKind, Attempt, NotificationId, State, Step};
use crate::store::Record;

#[derive(Serialize)]
struct Found {
    #[serde(flatten)]
    notification: NotificationOut,
    attempts: Vec<AttemptOut>,
    history: Vec<Happened>,
    next: Next,
    /// What Svix is sent, byte for byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
}

pub(super) async fn find(
    request: HttpRequest,
    path: Path<String>,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let mut with_payload = false;
    let faults = Faults::of(&query, |name, value| match (name, value) {
        ("include", "payload") => {
            with_payload = true;
            Ok(())
        }
        ("include", _) => Err("is nothing to include; payload is".to_owned()),
        _ => Err("is not known here; known is include".to_owned()),
    });
    // Who may look at numbers need not see what customers were told.
    let scope = if with_payload { Scope::Operate } else { Scope::Read };
    let caller = auth::within(&request, &gateway, scope)?;
    faults.refuse()?;
    let not_found = || Problem::new(Code::NotFound, format!("there is no notification {}", shown(&path)));
    let id: NotificationId = path
        .parse()
        .map_err(|error| Problem::new(Code::NotFound, format!("{} {error}", shown(&path))))?;
    trace!("a notification is looked up");
    let record = gateway.store.find(id).await?;
    let record = record
        .filter(|record| caller.sees(&record.customer))
        .ok_or_else(not_found)?;
    let mut attempts = gateway.store.attempts(&record).await?;
    attempts.extend(first_try_success(&record).filter(|_| attempts.is_empty()));
    let sent_again = gateway.store.sent_again(&record).await?;
    let payload = match with_payload {
        true => payload(&gateway, &record).await?,
        false => None,
    };
    // What holds an account up matters only to what still has to go out.
    let pipeline = match record.state {
        State::Queued => health::pipeline(&gateway).await,
        _ => None,
    };
    let account = pipeline.as_ref().and_then(|pipeline| {
        let mut accounts = pipeline.counts.accounts.iter();
        accounts.find(|account| account.name == record.account)
    });
    Ok(HttpResponse::Ok().json(Found {
        history: history::tell(&record, &attempts, &sent_again, &caller),
        next: history::next(&record, account, gateway.store.directory().is_paused(&record.customer)),
        notification: NotificationOut::new(record, &caller),
        attempts: attempts
            .into_iter()
            .map(|attempt| AttemptOut::new(attempt, &caller))
            .collect(),
        payload,
    }))
}

async fn payload(gateway: &Gateway, record: &Record) -> Result<Option<Box<RawValue>>, Problem> {
    let event = gateway.store.event(record).await?;
    let payload = event.as_ref().and_then(|event| event.get(record.payload.clone()));
    let text = payload.and_then(|payload| String::from_utf8(payload.to_vec()).ok());
    let raw = text.and_then(|text| RawValue::from_string(text).ok());
    if raw.is_none() {
        error!(
            accepted_request = record.origin.request(), notification:% = record.id, customer:% = record.customer,
            account:% = record.account, attempt = record.progress.attempts;
            "the payload of a notification cannot be read"
        );
    }
    Ok(raw)
}

/// A delivery by the first request is not recorded apart; the notification itself tells of it.
fn first_try_success(record: &Record) -> Option<Attempt> {
    let (started_at, duration) = record.last_sent?;
    let once = record.state == State::Delivered && record.progress.attempts == 1;
    once.then(|| Attempt {
        number: 1,
        step: Step::Send.as_str().to_owned(),
        due_at: Some(record.accepted_at),
        started_at,
        duration,
        answer: AnswerKind::Accepted,
        status: record.status,
        detail: String::new(),
        replica: record.replica.clone(),
    })
}
