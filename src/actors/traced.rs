//! What a trace says of one request to Svix: how long its notification waited for it, and the request itself.

use std::time::SystemTime;

use awc::http::Uri;

use super::messages::Job;
use crate::domain::{AnswerKind, Notification, Timestamp, TraceParent};
use crate::svix::Exchange;
use crate::telemetry::{Side, Span, Traces};

/// The span of a request, where its notification is traced.
pub(super) struct Traced {
    span: Option<Span>,
    /// The place that is told to Svix.
    place: Option<TraceParent>,
}

impl Traced {
    /// Ends the wait for a request, and begins the request.
    pub(super) fn begin(traces: &Traces, job: &Job, now: Timestamp) -> Self {
        let notification = &*job.notification;
        let parent = notification.call.as_ref().and_then(|call| call.trace);
        let Some(mut span) = traces.span(parent, "attempt", Side::Client) else {
            return Self {
                span: None,
                place: parent,
            };
        };
        if let Some(mut wait) = traces.span(parent, "wait", Side::Internal) {
            about(&mut wait, job);
            let ended = span.begun_at();
            wait.end_between(before(ended, job.due_at, now), ended);
        }
        about(&mut span, job);
        to_svix(&mut span, job);
        Self {
            place: Some(span.place()),
            span: Some(span),
        }
    }

    /// Returns the place in a trace that Svix is told.
    pub(super) fn place(&self) -> Option<TraceParent> {
        self.place
    }

    /// Ends the request.
    pub(super) fn end(self, exchange: &Exchange) {
        let Some(mut span) = self.span else { return };
        let outcome = exchange.answer.kind();
        span.set("svix_hooks.outcome", outcome.as_str());
        if let Some(status) = exchange.status {
            span.set("http.response.status_code", i64::from(status));
        }
        if is_failure(outcome) {
            span.fail(outcome.as_str());
        }
    }
}

/// Says what a span is about. No payload, and nothing that Svix has said.
fn about(span: &mut Span, job: &Job) {
    let Notification {
        id,
        customer,
        redrives,
        redrive,
        ..
    } = &*job.notification;
    span.set("svix_hooks.notification", id.to_string());
    span.set("svix_hooks.customer", customer.to_string());
    span.set("svix_hooks.account", job.account.name.to_string());
    span.set("svix_hooks.attempt", i64::from(job.attempt));
    if *redrives > 0 {
        span.set("svix_hooks.redrives", i64::from(*redrives));
    }
    if let Some(redrive) = redrive {
        span.set("svix_hooks.redrive", redrive.to_string());
    }
}

/// Says what is asked of Svix, and where.
fn to_svix(span: &mut Span, job: &Job) {
    let notification = &*job.notification;
    span.set("messaging.system", "svix");
    span.set("messaging.operation.name", job.step.as_str());
    span.set("messaging.destination.name", notification.application.to_string());
    span.set("messaging.message.id", notification.event_id.to_string());
    span.set("svix_hooks.event_type", notification.event_type.clone());
    let Ok(uri) = job.account.base_url().parse::<Uri>() else {
        return;
    };
    span.set("server.address", uri.host().unwrap_or_default().to_owned());
    let port = match uri.scheme_str() {
        Some("http") => 80,
        _ => 443,
    };
    span.set("server.port", i64::from(uri.port_u16().unwrap_or(port)));
}

/// Returns when a wait began that ended at `ended`. How long it was is told by the store's clock, which is another.
fn before(ended: SystemTime, due_at: Timestamp, now: Timestamp) -> SystemTime {
    ended.checked_sub(now.since(due_at)).unwrap_or(ended)
}

/// Tells whether an outcome is one that somebody looks for in a trace.
const fn is_failure(outcome: AnswerKind) -> bool {
    match outcome {
        AnswerKind::Accepted
        | AnswerKind::Conflict
        | AnswerKind::Message
        | AnswerKind::Attempts
        | AnswerKind::Endpoints
        | AnswerKind::Resent => false,
        AnswerKind::Limited
        | AnswerKind::Unavailable
        | AnswerKind::Ambiguous
        | AnswerKind::Rejected
        | AnswerKind::NotFound
        | AnswerKind::Refused
        | AnswerKind::Panicked => true,
    }
}
