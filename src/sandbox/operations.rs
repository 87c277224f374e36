//! What each operation of the API does, creating a message apart.

use actix_web::web::Data;
use serde::Serialize;

use super::answer::Answer;
use super::application::Endpoint;
use super::call::Call;
use super::claim::Claim;
use super::create::{create, replay};
use super::keys::{Kept, Standing};
use super::ledger::Ledger;
use super::page::PageQuery;
use super::plan::Plan;
use super::route::Route;
use super::state::State;
use crate::domain::Timestamp;

const HEALTH: &str = r#"{"database":{"status":"ok"},"queue":{"status":"ok"},"cache":{"status":"ok"}}"#;

/// An attempt as Svix shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptOut<'a> {
    url: &'a str,
    response: &'static str,
    response_status_code: u16,
    response_duration_ms: u64,
    status: u8,
    status_text: &'static str,
    trigger_type: u8,
    msg_id: &'a str,
    endpoint_id: &'a str,
    id: String,
    timestamp: Timestamp,
}

/// An endpoint as Svix shows it: the filter under its new name and under its old one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointOut<'a> {
    id: &'a str,
    uid: Option<&'a str>,
    url: &'a str,
    version: u16,
    description: &'static str,
    disabled: bool,
    event_types: Option<&'a [String]>,
    filter_types: Option<&'a [String]>,
    channels: Option<&'a [String]>,
    throttle_rate: Option<u16>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// An application as Svix shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ApplicationOut<'a> {
    id: &'a str,
    name: &'a str,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct Metadata {}

/// Does what a request asks for; a key that it still holds comes along.
pub(super) async fn attend(
    state: &Data<State>,
    call: Call<'_>,
    plan: &Plan,
    authorized: bool,
) -> (Answer, Option<Claim>) {
    let answer = match call.route {
        Route::Health => Ok(Answer::raw(200, HEALTH.into())),
        Route::Unknown => Ok(Answer::empty(404)),
        _ if !authorized => Ok(Answer::unauthorized()),
        Route::Applications => applications(state, &call),
        Route::CreateMessage { application } => {
            return create(state, call, application, plan)
                .await
                .unwrap_or_else(|answer| (answer, None));
        }
        Route::Message { application, message } => show(state, &call, application, message),
        Route::Attempts { application, message } => attempts(state, &call, application, message),
        Route::Endpoints { application } => endpoints(state, &call, application),
        Route::Resend {
            application,
            message,
            endpoint,
        } => resend(state, &call, application, message, endpoint),
    };
    (answer.unwrap_or_else(|answer| answer), None)
}

fn applications(state: &State, call: &Call<'_>) -> Result<Answer, Answer> {
    let page = PageQuery::read(call.query)?;
    let ledger = state.ledger();
    let at = ledger.timestamp(0);
    let rows: Vec<ApplicationOut<'_>> = ledger
        .names()
        .map(|name| ApplicationOut {
            id: name,
            name,
            metadata: Metadata {},
            created_at: at,
            updated_at: at,
        })
        .collect();
    Ok(Answer::json(200, &page.cut(rows, |row| row.id)))
}

fn show(state: &State, call: &Call<'_>, application: &str, message: &str) -> Result<Answer, Answer> {
    let with_content = call.query.with_content()?;
    let ledger = state.ledger();
    let (number, message) = ledger.find(known(&ledger, application)?, message)?;
    let id = ledger.id(number, message.at);
    Ok(Answer::json(200, &message.out(&id, ledger.timestamp(message.at), with_content)))
}

fn attempts(state: &State, call: &Call<'_>, application: &str, message: &str) -> Result<Answer, Answer> {
    let page = PageQuery::read(call.query)?;
    let ledger = state.ledger();
    let (number, message) = ledger.find(known(&ledger, application)?, message)?;
    let msg_id = ledger.id(number, message.at);
    let mut rows: Vec<AttemptOut<'_>> = message
        .attempts(state.now())
        .map(|(place, attempt)| AttemptOut {
            url: &attempt.endpoint.options.url,
            response: "",
            response_status_code: if attempt.failed() { 500 } else { 200 },
            response_duration_ms: 1,
            status: if attempt.failed() { 2 } else { 0 },
            status_text: if attempt.failed() { "fail" } else { "success" },
            trigger_type: u8::from(attempt.manual),
            msg_id: &msg_id,
            endpoint_id: &attempt.endpoint.id,
            id: ledger.attempt_id(number, place, attempt.at),
            timestamp: ledger.timestamp(attempt.at),
        })
        .collect();
    rows.reverse();
    Ok(Answer::json(200, &page.cut(rows, |row| &row.id)))
}

fn endpoints(state: &State, call: &Call<'_>, application: &str) -> Result<Answer, Answer> {
    let page = PageQuery::read(call.query)?;
    let ledger = state.ledger();
    let endpoints = ledger.endpoints(known(&ledger, application)?);
    let rows: Vec<EndpointOut<'_>> = endpoints
        .iter()
        .map(|endpoint| endpoint_out(endpoint, ledger.timestamp(endpoint.created_at)))
        .collect();
    Ok(Answer::json(200, &page.cut(rows, |row| row.id)))
}

fn endpoint_out(endpoint: &Endpoint, created_at: Timestamp) -> EndpointOut<'_> {
    let options = &endpoint.options;
    EndpointOut {
        id: &endpoint.id,
        uid: None,
        url: &options.url,
        version: 1,
        description: "",
        disabled: options.disabled,
        event_types: options.filter_types.as_deref(),
        filter_types: options.filter_types.as_deref(),
        channels: options.channels.as_deref(),
        throttle_rate: None,
        metadata: Metadata {},
        created_at,
        updated_at: created_at,
    }
}

fn resend(
    state: &State,
    call: &Call<'_>,
    application: &str,
    message: &str,
    endpoint: &str,
) -> Result<Answer, Answer> {
    let mut ledger = state.ledger();
    let now = state.now();
    let key = call.key();
    if let Some(Standing::Done { kept, .. }) = key.and_then(|key| ledger.keys.get(key, now))
        && let Some(answer) = replay(&ledger, *kept, false)
    {
        return Ok(answer);
    }
    let place = known(&ledger, application)?;
    ledger.resend(place, message, endpoint, now)?;
    if let Some(key) = key {
        ledger.keys.finish(key, Some(Kept::Resent), now);
    }
    Ok(Answer::raw(202, "{}".into()))
}

/// Finds an application; all operations but creating a message call it an entity where it is not there.
fn known(ledger: &Ledger, application: &str) -> Result<usize, Answer> {
    ledger.application(application).map_err(|_| Answer::not_found())
}
