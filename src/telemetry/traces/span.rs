//! One piece of work in a trace. It says itself when it began and ended, and goes out when it is dropped, however its
//! work ends.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::queue::Queue;
use crate::domain::TraceParent;

/// The most bytes of a text within a span.
const TEXT: usize = 256;

/// On which side of what it is about a span stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It answers a request.
    Server,
    /// It makes one.
    Client,
    /// Neither.
    Internal,
}

/// A piece of work; dropping it ends it.
#[derive(Debug)]
pub struct Span {
    to: Queue,
    name: &'static str,
    side: Side,
    place: TraceParent,
    parent: Option<TraceParent>,
    begun: SystemTime,
    ended: Option<SystemTime>,
    attributes: Vec<KeyValue>,
    status: Status,
}

impl Span {
    /// Begins one now, at its own place in a trace, under `parent` where there is one.
    pub(super) fn begin(
        to: Queue,
        name: &'static str,
        side: Side,
        place: TraceParent,
        parent: Option<TraceParent>,
    ) -> Self {
        Self {
            to,
            name,
            side,
            place,
            parent,
            begun: SystemTime::now(),
            ended: None,
            attributes: Vec::new(),
            status: Status::Unset,
        }
    }

    /// Returns its place, which what belongs under it is told.
    pub fn place(&self) -> TraceParent {
        self.place
    }

    /// Returns when it began.
    pub fn begun_at(&self) -> SystemTime {
        self.begun
    }

    /// Ends it at that time, with its beginning at another.
    pub fn end_between(mut self, begun: SystemTime, ended: SystemTime) {
        self.begun = begun.min(ended);
        self.ended = Some(ended);
    }

    /// Notes something about it; a text is cut to 256 bytes.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        let value = match value.into() {
            Value::String(text) => Value::String(bounded(text.as_str()).into_owned().into()),
            other => other,
        };
        self.attributes.push(KeyValue::new(key, value));
    }

    /// Notes that it failed, and how, in a word of which there are few.
    pub fn fail(&mut self, how: impl Into<Cow<'static, str>>) {
        let how = how.into();
        self.set("error.type", how.clone());
        self.status = Status::error(how);
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let data = SpanData {
            span_context: SpanContext::new(
                TraceId::from_bytes(self.place.trace),
                SpanId::from_bytes(self.place.span),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: self
                .parent
                .map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.span)),
            parent_span_is_remote: self.parent.is_some(),
            span_kind: match self.side {
                Side::Server => SpanKind::Server,
                Side::Client => SpanKind::Client,
                Side::Internal => SpanKind::Internal,
            },
            name: Cow::Borrowed(self.name),
            start_time: self.begun,
            // The machine's clock may have been set back meanwhile.
            end_time: self.ended.unwrap_or_else(SystemTime::now).max(self.begun),
            attributes: std::mem::take(&mut self.attributes),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: std::mem::take(&mut self.status),
            instrumentation_scope: InstrumentationScope::builder("svix-hooks").build(),
        };
        self.to.put(data);
    }
}

/// Cuts a text.
fn bounded(text: &str) -> Cow<'_, str> {
    let end = text.floor_char_boundary(TEXT);
    match text.get(..end) {
        Some(start) if start.len() < text.len() => Cow::Owned(format!("{start}…")),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(bounded("short"), "short");
        assert_eq!(bounded(&"x".repeat(TEXT)), "x".repeat(TEXT));
        assert_eq!(bounded(&"x".repeat(TEXT + 1)), format!("{}…", "x".repeat(TEXT)));
        let cut = bounded(&"é".repeat(1000)).into_owned();
        assert_eq!(cut, format!("{}…", "é".repeat(TEXT / 2)));
    }
}
