//! A message that the sandbox holds, and how it is shown.

use std::sync::Arc;

use bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::application::Endpoint;
use super::submission::Submission;
use crate::domain::Timestamp;

/// How many attempts are kept of one message; later ones are not.
const MAX_ATTEMPTS: usize = 1_000;

/// A message as it is held.
#[derive(Debug)]
pub(super) struct Message {
    /// Which application it belongs to.
    pub(super) application: usize,
    /// Its event id.
    pub(super) event_id: Option<Arc<str>>,
    /// Its event type.
    pub(super) event_type: Box<str>,
    /// Its channels.
    pub(super) channels: Box<[Box<str>]>,
    /// Its payload as posted; nothing once it had to be dropped.
    pub(super) payload: Option<Box<RawValue>>,
    /// When it was taken, in milliseconds since the sandbox started.
    pub(super) at: u64,
    /// The attempts to deliver it, oldest first; those that lie ahead have not happened yet.
    attempts: Vec<Attempt>,
}

/// An attempt to deliver a message. One that fails is not repeated here.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// Where it was delivered to.
    pub(super) endpoint: Arc<Endpoint>,
    /// When, in milliseconds since the sandbox started.
    pub(super) at: u64,
    /// Whether it was asked for.
    pub(super) manual: bool,
}

impl Attempt {
    /// Tells whether it failed, as its endpoint said then.
    pub(super) fn failed(&self) -> bool {
        self.endpoint.options.failing
    }
}

/// A message that the sandbox holds, for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// The uid of its application, or the id where there is no uid.
    pub application: String,
    /// Its event id.
    pub event_id: Option<String>,
    /// Its event type.
    pub event_type: String,
    /// The id that it was given.
    pub message_id: String,
    /// Its payload, byte for byte as posted; nothing once it had to be dropped to bound memory.
    pub payload: Option<Bytes>,
    /// When it was taken.
    pub timestamp: Timestamp,
    /// How many attempts to deliver it have been made, to all endpoints together.
    pub attempts: usize,
}

impl Message {
    /// Makes a message out of what was posted; its place is found later.
    pub(super) fn new(submission: &Submission<'_>) -> Self {
        Self {
            application: 0,
            event_id: submission.event_id().map(Arc::from),
            event_type: submission.event_type().into(),
            channels: submission
                .channels()
                .iter()
                .map(|channel| channel.as_ref().into())
                .collect(),
            payload: Some(submission.payload.to_owned()),
            at: 0,
            attempts: Vec::new(),
        }
    }

    /// Adds an attempt.
    pub(super) fn attempt(&mut self, endpoint: Arc<Endpoint>, at: u64, manual: bool) {
        if self.attempts.len() < MAX_ATTEMPTS {
            self.attempts.push(Attempt { endpoint, at, manual });
        }
    }

    /// Returns the attempts that have happened by now, with their place, oldest first.
    pub(super) fn attempts(&self, now: u64) -> impl Iterator<Item = (usize, &Attempt)> {
        self.attempts
            .iter()
            .enumerate()
            .filter(move |(_, attempt)| attempt.at <= now)
    }

    /// Shows it as Svix does.
    pub(super) fn out<'a>(&'a self, id: &'a str, timestamp: Timestamp, with_content: bool) -> MessageOut<'a> {
        MessageOut {
            event_id: self.event_id.as_deref(),
            event_type: &self.event_type,
            payload: Content::of(self.payload.as_deref(), with_content),
            channels: (!self.channels.is_empty()).then_some(&self.channels),
            id,
            timestamp,
        }
    }

    /// Returns the length of the payload in bytes.
    pub(super) fn payload_len(&self) -> usize {
        self.payload.as_ref().map_or(0, |payload| payload.get().len())
    }
}

/// A message as Svix shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageOut<'a> {
    pub(super) event_id: Option<&'a str>,
    pub(super) event_type: &'a str,
    pub(super) payload: Content<'a>,
    pub(super) channels: Option<&'a [Box<str>]>,
    pub(super) id: &'a str,
    pub(super) timestamp: Timestamp,
}

/// What is shown of a payload.
pub(super) enum Content<'a> {
    /// `{}`: it was not asked for.
    Hidden,
    /// `{"expired":true}`: it is no longer there.
    Expired,
    /// The payload, written anew by a JSON library as Svix does: the same value, not the same bytes.
    Shown(&'a RawValue),
}

impl<'a> Content<'a> {
    /// Finds what to show.
    pub(super) fn of(payload: Option<&'a RawValue>, with_content: bool) -> Self {
        match payload {
            _ if !with_content => Self::Hidden,
            Some(payload) => Self::Shown(payload),
            None => Self::Expired,
        }
    }
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = match self {
            Self::Hidden => return serializer.serialize_map(Some(0))?.end(),
            Self::Shown(payload) => serde_json::from_str::<Value>(payload.get()).ok(),
            Self::Expired => None,
        };
        if let Some(value) = value {
            return value.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("expired", &true)?;
        map.end()
    }
}
