//! `/sandbox`: faults and insight over HTTP, for rehearsals with the binary; the forms stand in the page of
//! the module.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answer::Answer;
use super::faults::Faults;
use super::message::MessageRecord;
use super::state::State;
use crate::domain::Timestamp;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1_000;

#[derive(Deserialize)]
struct Limit {
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Messages<'a> {
    count: u64,
    messages: Vec<MessageOut<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageOut<'a> {
    application: &'a str,
    message_id: &'a str,
    event_id: Option<&'a str>,
    event_type: &'a str,
    timestamp: Timestamp,
    attempts: usize,
    payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Requests {
    requests: u64,
    messages: u64,
    undispatched: usize,
    unanswered: u64,
    by_status: BTreeMap<usize, u64>,
}

/// Adds the routes.
pub(super) fn configure(service: &mut ServiceConfig) {
    service
        .service(
            web::resource("/sandbox/faults")
                .route(web::get().to(faults))
                .route(web::put().to(set_faults)),
        )
        .route("/sandbox/messages", web::get().to(messages))
        .route("/sandbox/requests", web::get().to(requests));
}

async fn faults(state: Data<State>) -> HttpResponse {
    Answer::json(200, &state.planner.faults()).into_response()
}

async fn set_faults(state: Data<State>, body: Bytes) -> HttpResponse {
    let read = serde_json::from_slice::<Faults>(&body).map_err(|error| error.to_string());
    let checked = read.and_then(|faults| match faults.complaint() {
        Some(complaint) => Err(complaint.to_owned()),
        None => Ok(faults),
    });
    match checked {
        Ok(faults) => {
            let answer = Answer::json(200, &faults);
            state.planner.set(faults);
            answer
        }
        Err(detail) => Answer::error(422, "invalid_faults", &detail),
    }
    .into_response()
}

async fn messages(state: Data<State>, query: web::Query<Limit>) -> HttpResponse {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let ledger = state.ledger();
    let count = ledger.count();
    let newest: Vec<MessageRecord> = ledger.newest(state.now()).take(limit).collect();
    drop(ledger);
    let messages = newest.iter().map(|message| MessageOut {
        application: &message.application,
        message_id: &message.message_id,
        event_id: message.event_id.as_deref(),
        event_type: &message.event_type,
        timestamp: message.timestamp,
        attempts: message.attempts,
        payload: message
            .payload
            .as_deref()
            .and_then(|payload| serde_json::from_slice(payload).ok()),
    });
    Answer::json(
        200,
        &Messages {
            count,
            messages: messages.collect(),
        },
    )
    .into_response()
}

async fn requests(state: Data<State>) -> HttpResponse {
    let ledger = state.ledger();
    let (messages, undispatched) = (ledger.count(), ledger.undispatched(state.now()).count());
    drop(ledger);
    let summary = Requests {
        requests: state.records.requests(),
        messages,
        undispatched,
        unanswered: state.records.unanswered(),
        by_status: state.records.statuses().collect(),
    };
    Answer::json(200, &summary).into_response()
}
