//! What a trace says of the acceptance of an event.

use actix_web::{HttpResponse, ResponseError};

use super::problem::Problem;
use crate::domain::{Call, Customer, NotificationId, State};
use crate::telemetry::{Side, Span, Traces};

/// The span of an acceptance, where it is traced. Where the caller goes away meanwhile, it ends as it is.
pub(super) struct Traced<'a> {
    span: Option<Span>,
    traces: &'a Traces,
}

impl<'a> Traced<'a> {
    /// Decides whether an event is traced, and notes in `call` what is stored and passed on with it.
    pub(super) fn begin(traces: &'a Traces, call: Option<&mut Call>) -> Self {
        let Some(call) = call else {
            return Self { span: None, traces };
        };
        let joined = traces.join(call.trace, "accept", Side::Server);
        call.trace = joined.place;
        let mut span = joined.span;
        if let Some(span) = &mut span {
            span.set("http.request.method", "POST");
            span.set("http.route", "/notifications");
            span.set("svix_hooks.request", call.request.to_string());
        }
        Self { span, traces }
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
        if let Some(span) = &mut self.span {
            span.set("svix_hooks.notification", id.to_string());
            span.set("svix_hooks.state", state.as_str());
            span.set("svix_hooks.duplicate", duplicate);
        }
    }

    /// Ends it with the answer.
    pub(super) fn end(self, answer: &Result<HttpResponse, Problem>) {
        let Some(mut span) = self.span else { return };
        let (status, code) = match answer {
            Ok(response) => (response.status(), None),
            Err(problem) => (problem.status_code(), Some(problem.code())),
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
