//! What is told of the acceptance of an event: how it is counted, and its span where it is traced.

use std::time::Instant;

use actix_web::{HttpResponse, ResponseError};

use super::problem::{Code, Problem};
use crate::domain::{Call, Customer, NotificationId, State};
use crate::envelope::EnvelopeCode;
use crate::telemetry::{AcceptResult, Metrics, Side, Span, Traces};

/// An acceptance under way. Where the caller goes away meanwhile, it is not counted, and its span ends as it is; where
/// something panics, the caller is told of a fault, and so is whoever counts.
pub(super) struct Told<'a> {
    began: Instant,
    result: AcceptResult,
    span: Option<Span>,
    metrics: &'a Metrics,
    traces: &'a Traces,
}

impl<'a> Told<'a> {
    /// Notes that it begins.
    pub(super) fn begin(metrics: &'a Metrics, traces: &'a Traces) -> Self {
        Self {
            began: Instant::now(),
            result: AcceptResult::New,
            span: None,
            metrics,
            traces,
        }
    }

    /// Decides whether it is traced, and notes in `call` what is stored and passed on with the event.
    pub(super) fn trace(&mut self, call: Option<&mut Call>) {
        let Some(call) = call else { return };
        let joined = self.traces.join(call.trace, "accept", Side::Server);
        call.trace = joined.place;
        self.span = joined.span;
        if let Some(span) = &mut self.span {
            span.set("http.request.method", "POST");
            span.set("http.route", "/notifications");
            span.set("svix_hooks.request", call.request.to_string());
        }
    }

    /// Begins the span of the commit.
    pub(super) fn commit(&self) -> Option<Span> {
        let place = self.span.as_ref()?.place();
        self.traces.span(Some(place), "commit", Side::Internal)
    }

    /// Ends the span of the commit.
    pub(super) fn committed<T, E>(commit: Option<Span>, accepted: &Result<T, E>) {
        if let (Some(mut commit), Err(_)) = (commit, accepted) {
            commit.fail("not_stored");
        }
    }

    /// Notes whose event it is, and of which type.
    pub(super) fn of(&mut self, customer: &Customer, event_type: &str) {
        if let Some(span) = &mut self.span {
            span.set("svix_hooks.customer", customer.to_string());
            span.set("svix_hooks.event_type", event_type.to_owned());
        }
    }

    /// Notes what it has become.
    pub(super) fn became(&mut self, id: NotificationId, state: State, duplicate: bool) {
        self.result = match state {
            _ if duplicate => AcceptResult::Duplicate,
            State::Filtered => AcceptResult::Filtered,
            _ => AcceptResult::New,
        };
        if let Some(span) = &mut self.span {
            span.set("svix_hooks.notification", id.to_string());
            span.set("svix_hooks.state", state.as_str());
            span.set("svix_hooks.duplicate", duplicate);
        }
    }

    /// Ends it with the answer.
    pub(super) fn end(mut self, answer: &Result<HttpResponse, Problem>) {
        let code = answer.as_ref().err().map(Problem::code);
        let result = code.map_or(self.result, AcceptResult::Refused);
        self.metrics.accepted(result, self.began.elapsed());
        let Some(mut span) = self.span.take() else { return };
        let status = match answer {
            Ok(response) => response.status(),
            Err(problem) => problem.status_code(),
        };
        span.set("http.response.status_code", i64::from(status.as_u16()));
        match code {
            // What a caller did wrong is no failure of the server.
            Some(code) if status.is_server_error() => span.fail(code),
            Some(code) => span.set("svix_hooks.problem", code),
            None => {}
        }
    }
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let code = Code::Internal.as_str();
        self.metrics
            .accepted(AcceptResult::Refused(code), self.began.elapsed());
        if let Some(span) = &mut self.span {
            span.fail(code);
        }
    }
}

/// Names the problems that a posted event may be answered with.
pub fn refusals() -> impl Iterator<Item = &'static str> {
    const OTHERS: &[Code] = &[
        Code::InvalidEvent,
        Code::InvalidParameter,
        Code::InvalidHeader,
        Code::BodyTooLarge,
        Code::BodyTimeout,
        Code::BodyBroken,
        Code::UnsupportedMediaType,
        Code::ContentConflict,
        Code::UnknownCustomer,
        Code::Unauthorized,
        Code::Forbidden,
        Code::StorageUnavailable,
        Code::Overloaded,
        Code::BacklogFull,
        Code::SettingsUnreadable,
        Code::Stopping,
        Code::Internal,
    ];
    let of_events = EnvelopeCode::ALL.iter().map(|code| code.as_str());
    of_events.chain(OTHERS.iter().map(|code| code.as_str()))
}
