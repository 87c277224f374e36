//! The body of a message post: its shape, and what Svix says where it is wrong.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Answer;
use crate::domain::fits_svix_id;

const ILLEGAL: &str = "String must be 1 to 256 characters of [a-zA-Z0-9\\-_.]";
const RESERVED: &str = "Uids must not begin like an id";
const MAX_CHANNELS: usize = 5;

/// A text that is borrowed from the body unless it is escaped there.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A message as posted; members that Svix does not know are ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Submission<'a> {
    #[serde(borrow)]
    event_type: Text<'a>,
    /// The payload, byte for byte.
    #[serde(borrow, alias = "data")]
    pub(super) payload: &'a RawValue,
    #[serde(borrow, default)]
    event_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    channels: Option<Vec<Text<'a>>>,
    #[serde(default = "longest_retention")]
    payload_retention_period: i64,
    /// The application to create where the one in the path does not exist.
    #[serde(default)]
    pub(super) application: Option<NewApplication>,
}

/// An application that is created along with a message.
#[derive(Debug, Deserialize)]
pub(super) struct NewApplication {
    name: String,
    /// Its uid.
    #[serde(default)]
    pub(super) uid: Option<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "only its type is checked")]
    metadata: Option<std::collections::HashMap<String, String>>,
}

fn longest_retention() -> i64 {
    90
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'a> Submission<'a> {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// The answer to give where it is not what Svix takes.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Answer> {
        let submission: Self = serde_json::from_slice(body).map_err(|error| {
            Answer::invalid(&[("body", place_of(&error), "value_error.jsondecode", &error.to_string())])
        })?;
        submission.check()?;
        Ok(submission)
    }

    /// Returns the event type.
    pub(super) fn event_type(&self) -> &str {
        self.event_type.as_ref()
    }

    /// Returns the event id, where there is one.
    pub(super) fn event_id(&self) -> Option<&str> {
        self.event_id.as_ref().map(AsRef::as_ref)
    }

    /// Returns the channels; none where there are none.
    pub(super) fn channels(&self) -> &[Text<'a>] {
        self.channels.as_deref().unwrap_or_default()
    }

    fn check(&self) -> Result<(), Answer> {
        let mut complaints = Vec::new();
        let mut complain = |wrong: bool, place, msg| {
            if wrong {
                complaints.push(("body", place, "value_error", msg));
            }
        };
        complain(!fits_svix_id(self.event_type()), "event_type.__all__", ILLEGAL);
        if let Some(id) = self.event_id() {
            complain(!fits_svix_id(id), "uid.__all__", ILLEGAL);
            complain(id.starts_with("msg_"), "uid.__all__", RESERVED);
        }
        complain(!self.payload.get().starts_with('{'), "payload", "Payload must be an object.");
        if let Some(channels) = &self.channels {
            complain(
                !(1..=MAX_CHANNELS).contains(&channels.len()),
                "channels",
                "Channels must be 1 to 5, or null",
            );
            complain(
                channels.iter().any(|channel| !fits_svix_id(channel.as_ref())),
                "channels.__all__",
                ILLEGAL,
            );
        }
        complain(
            !(5..=90).contains(&self.payload_retention_period),
            "payload_retention_period",
            "Must be between 5 and 90 days",
        );
        if let Some(application) = &self.application {
            complain(application.name.is_empty(), "application.name", "Must not be empty");
            if let Some(uid) = &application.uid {
                complain(!fits_svix_id(uid), "application.uid.__all__", ILLEGAL);
                complain(uid.starts_with("app_"), "application.uid.__all__", RESERVED);
            }
        }
        if complaints.is_empty() {
            Ok(())
        } else {
            Err(Answer::invalid(&complaints))
        }
    }
}

/// Names the member that is missing or wrong, where the reader says so.
fn place_of(error: &serde_json::Error) -> &'static str {
    let text = error.to_string();
    ["eventType", "payload", "eventId"]
        .into_iter()
        .find(|name| text.contains(&format!("`{name}`")))
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::Submission;

    #[test]
    fn what_svix_does_not_take_is_a_422() {
        let long = format!(r#"{{"eventType":"{}","payload":{{}}}}"#, "a".repeat(257));
        let table = [
            ("", "an empty body"),
            ("{", "broken JSON"),
            ("[]", "no object"),
            (r#"{"payload":{}}"#, "no type"),
            (r#"{"eventType":"a"}"#, "no payload"),
            (r#"{"eventType":1,"payload":{}}"#, "the type is no text"),
            (r#"{"eventType":"a b","payload":{}}"#, "a space in the type"),
            (r#"{"eventType":"","payload":{}}"#, "an empty type"),
            (long.as_str(), "a type of 257 characters"),
            (r#"{"eventType":"a","payload":[]}"#, "the payload is no object"),
            (r#"{"eventType":"a","payload":{},"data":{}}"#, "two payloads"),
            (r#"{"eventType":"a","payload":{},"eventId":"msg_1"}"#, "a reserved id"),
            (r#"{"eventType":"a","payload":{},"eventId":"ä"}"#, "an id outside ASCII"),
            (r#"{"eventType":"a","payload":{},"channels":[]}"#, "no channel"),
            (r#"{"eventType":"a","payload":{},"payloadRetentionPeriod":4}"#, "four days"),
            (r#"{"eventType":"a","payload":{},"payloadRetentionPeriod":null}"#, "no number of days"),
            (r#"{"eventType":"a","payload":{},"application":{"name":""}}"#, "an application without a name"),
            (r#"{"eventType":"a","payload":{},"application":{"name":"a","uid":"app_1"}}"#, "a reserved uid"),
        ];
        for (body, why) in table {
            assert_eq!(
                Submission::read(body.as_bytes())
                    .err()
                    .map(|answer| answer.status()),
                Some(422),
                "{why}"
            );
        }
    }

    #[test]
    fn what_svix_takes_is_borrowed_and_read() {
        let body =
            r#"{"eventType":"a.b","tags":1,"data":{"x" : 1e2},"eventId":"evt\u005f1","channels":["c"]}"#;
        let submission = Submission::read(body.as_bytes()).expect("it is right");
        assert_eq!(submission.event_type(), "a.b");
        assert_eq!(submission.event_id(), Some("evt_1"));
        assert_eq!(submission.payload.get(), r#"{"x" : 1e2}"#);
        assert_eq!(submission.channels().len(), 1);
    }
}
