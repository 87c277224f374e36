//! What makes two posts the same event: the caller's id, or several members together.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Envelope;
use super::error::{EnvelopeCode, EnvelopeError, shown};
use crate::domain::EventId;

/// The longest id, in characters.
const ID_MAX: usize = 256;

/// A member that is part of an event's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPart {
    /// The member `id`, or the `Idempotency-Key` header where there is none.
    Id,
    /// The member `source`.
    Source,
    /// The member `time` or `createdAt`, compared as posted.
    Time,
}

impl Envelope<'_> {
    /// Returns the identity of the event; an empty `key` counts as the id alone.
    ///
    /// `header_key` is the value of the `Idempotency-Key` header; the member `id` goes before it.
    ///
    /// # Errors
    /// When a part is missing, or the header's value is longer than an id may be.
    pub fn event_id(&self, key: &[KeyPart], header_key: Option<&str>) -> Result<EventId, EnvelopeError> {
        if let [] | [KeyPart::Id] = key {
            return Ok(EventId::of_caller(&self.id_or(header_key)?));
        }
        let parts: Vec<Cow<'_, str>> = key
            .iter()
            .map(|part| self.part(*part, header_key))
            .collect::<Result<_, _>>()?;
        let parts: Vec<&str> = parts.iter().map(|part| &**part).collect();
        Ok(EventId::of_parts(&parts))
    }

    fn part<'s>(&'s self, part: KeyPart, header_key: Option<&'s str>) -> Result<Cow<'s, str>, EnvelopeError> {
        let (member, name) = match part {
            KeyPart::Id => return self.id_or(header_key),
            KeyPart::Source => (&self.source, "source"),
            KeyPart::Time => (&self.time, "time"),
        };
        member.as_deref().map(Cow::Borrowed).ok_or_else(|| {
            let detail = "is missing; it is part of what identifies an event here";
            EnvelopeError::member(EnvelopeCode::MissingMember, name, detail)
        })
    }

    fn id_or<'s>(&'s self, header_key: Option<&'s str>) -> Result<Cow<'s, str>, EnvelopeError> {
        if let Some(id) = self.id.as_deref() {
            return Ok(Cow::Borrowed(id));
        }
        let header = header_key.filter(|value| !value.is_empty()).ok_or_else(|| {
            let detail = "is missing; give the event an id, or the request an Idempotency-Key header";
            EnvelopeError::member(EnvelopeCode::MissingMember, "id", detail)
        })?;
        check_id(header).map_err(|(code, detail)| {
            EnvelopeError::member(code, "id", format!("is missing, and the Idempotency-Key header {detail}"))
        })?;
        Ok(Cow::Borrowed(header))
    }
}

/// Checks that a text can be an event's id; else says what is wrong with it.
pub(super) fn check_id(id: &str) -> Result<(), (EnvelopeCode, String)> {
    let right = format_args!("it must be 1 to {ID_MAX} characters long");
    if id.is_empty() {
        return Err((EnvelopeCode::InvalidMember, format!("is empty; {right}")));
    }
    // A text has no more characters than bytes.
    if id.len() > ID_MAX && id.chars().count() > ID_MAX {
        return Err((EnvelopeCode::TooLong, format!("is {}; {right}", shown(id))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    fn event_id(json: &str, key: &[KeyPart], header: Option<&str>) -> Result<EventId, EnvelopeError> {
        let envelope = Envelope::read(json.as_bytes(), Limits::default()).expect("the events here are right");
        envelope.event_id(key, header)
    }

    #[test]
    fn an_id_alone_is_kept_and_a_header_serves_for_it() {
        let with_id = r#"{"id":"evt_1","type":"t","data":{}}"#;
        let without = r#"{"type":"t","data":{}}"#;
        let null = r#"{"id":null,"type":"t","data":{}}"#;
        let long = "x".repeat(257);
        let table = [
            (with_id, None, Ok("evt_1"), "the caller's id as it is"),
            (with_id, Some("key_1"), Ok("evt_1"), "the member is the event's own, the header one request's"),
            (without, Some("key_1"), Ok("key_1"), "the header serves for the member"),
            (null, Some("key_1"), Ok("key_1"), "null counts as absent"),
            (without, None, Err(EnvelopeCode::MissingMember), "nothing to tell a repetition by"),
            (without, Some(""), Err(EnvelopeCode::MissingMember), "an empty header is none"),
            (without, Some(long.as_str()), Err(EnvelopeCode::TooLong), "a header is bounded like the member"),
        ];
        for (json, header, right, why) in table {
            for key in [&[KeyPart::Id][..], &[]] {
                let result = event_id(json, key, header);
                let result = result.as_ref().map(EventId::as_str).map_err(|error| error.code);
                assert_eq!(result, right, "{why}");
            }
        }
        let error = event_id(without, &[KeyPart::Id], None).expect_err("there is no id");
        assert_eq!(error.pointer, "/id");
        assert!(error.detail.contains("Idempotency-Key"), "it says both ways: {error}");
    }

    #[test]
    fn several_parts_are_one_digest_of_them_all() {
        let full = r#"{"id":"1","source":"s","createdAt":"2026-01-01T00:00:00Z","type":"t","data":{}}"#;
        let other = r#"{"id":"1","source":"r","createdAt":"2026-01-01T00:00:00Z","type":"t","data":{}}"#;
        let bare = r#"{"id":"1","type":"t","data":{}}"#;
        let all = [KeyPart::Id, KeyPart::Source, KeyPart::Time];
        let digest = EventId::of_parts(&["1", "s", "2026-01-01T00:00:00Z"]);
        assert_eq!(event_id(full, &all, None).as_ref(), Ok(&digest));
        assert_ne!(event_id(other, &all, None).as_ref(), Ok(&digest));
        assert_eq!(event_id(full, &[KeyPart::Source], None), Ok(EventId::of_parts(&["s"])));
        for (part, pointer) in [(KeyPart::Source, "/source"), (KeyPart::Time, "/time")] {
            let error = event_id(bare, &[KeyPart::Id, part], None).expect_err("the part is missing");
            assert_eq!((error.code, error.pointer.as_str()), (EnvelopeCode::MissingMember, pointer));
        }
    }
}
