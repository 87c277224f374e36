//! One request from its arrival to its answer, or to the fault that takes the answer's place.

use std::future::pending;
use std::time::Instant;

use actix_web::rt::time::sleep;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::answer::Answer;
use super::body::Body;
use super::call::Call;
use super::connections::Connection;
use super::operations::attend;
use super::plan::{Ending, Instead};
use super::state::State;

/// Answers a request to the API.
pub(super) async fn serve(request: HttpRequest, payload: Payload, state: Data<State>) -> HttpResponse {
    let arrival = Instant::now();
    let body = Body::read(payload).await;
    let call = Call::read(&request, &body);
    let authorization = call.authorization;
    let authorized = state.credentials.accept(authorization);
    let entry = state.records.enter(&call, arrival, state.at(arrival), authorized);
    let mut plan = state.planner.next(call.posts_message(), call.event_id());
    let (answer, claim) = match plan.instead.take() {
        Some(Instead::Hang) => return hang(()).await,
        Some(Instead::Break) => return break_off(&request).await,
        Some(Instead::Answer(answer)) => (answer, None),
        None => attend(&state, call, &plan, authorized).await,
    };
    if !plan.delay.is_zero() {
        sleep(plan.delay).await;
    }
    match plan.ending {
        Ending::Hang => return hang(claim).await,
        Ending::Break => {
            drop(claim);
            return break_off(&request).await;
        }
        Ending::Answer | Ending::Fail => drop(claim),
    }
    let answer = match plan.ending {
        Ending::Fail if answer.status() == 202 => Answer::raw(500, "{}".into()),
        _ => answer,
    };
    let answer = match authorization {
        Some(authorization) if plan.echo_authorization => answer.with_echo(authorization),
        _ => answer,
    };
    state.records.answered(&entry, answer.status());
    answer.into_response()
}

/// Keeps silent until the client leaves; what is kept is let go only then.
async fn hang<T>(kept: T) -> HttpResponse {
    let never = pending().await;
    drop(kept);
    never
}

/// Breaks the connection. The server notices on its next read of it and drops this future.
async fn break_off(request: &HttpRequest) -> HttpResponse {
    if let Some(connection) = request.conn_data::<Connection>() {
        connection.shut();
    }
    pending().await
}
