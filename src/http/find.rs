//! `GET /notifications/{id}`: one notification with its requests.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::auth::{self, Scope};
use super::gateway::Gateway;
use super::problem::{Code, Problem, shown};
use super::shapes::{AttemptOut, NotificationOut};
use crate::domain::{AnswerKind, Attempt, NotificationId, State, Step};
use crate::store::Record;

#[derive(Serialize)]
struct Found {
    #[serde(flatten)]
    notification: NotificationOut,
    attempts: Vec<AttemptOut>,
}

pub(super) async fn find(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    auth::require(&request, &gateway, Scope::Read)?;
    let not_found = || Problem::new(Code::NotFound, format!("there is no notification {}", shown(&path)));
    let id: NotificationId = path
        .parse()
        .map_err(|error| Problem::new(Code::NotFound, format!("{} {error}", shown(&path))))?;
    let record = gateway.store.find(id).await?.ok_or_else(not_found)?;
    let mut attempts = gateway.store.attempts(&record).await?;
    attempts.extend(first_try_success(&record).filter(|_| attempts.is_empty()));
    let attempts = attempts.into_iter().map(AttemptOut::from).collect();
    Ok(HttpResponse::Ok().json(Found {
        notification: record.into(),
        attempts,
    }))
}

/// A delivery by the first request is not recorded apart; the notification itself tells of it.
fn first_try_success(record: &Record) -> Option<Attempt> {
    let (started_at, duration) = record.last_sent?;
    let once = record.state == State::Delivered && record.progress.attempts == 1;
    once.then(|| Attempt {
        number: 1,
        step: Step::Send.as_str().to_owned(),
        started_at,
        duration,
        answer: AnswerKind::Accepted,
        status: record.status,
        detail: String::new(),
    })
}
