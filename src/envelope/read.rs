//! The envelope of an event: what the service must know of it, borrowed from the posted bytes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::depth;
use super::error::{EnvelopeCode, EnvelopeError, EnvelopeErrors, shown};
use super::identity;
use super::object::{self, Kind, Member};
use crate::domain::{SVIX_ID_MAX, Timestamp, fits_svix_id};

/// The most members whose repetition is reported.
const DUPLICATES_MAX: usize = 8;

/// What bounds an event beside its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most levels of nested objects and arrays, the event itself included.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 128 }
    }
}

/// An event as posted, and what the service must know of it.
///
/// A member that is `null` counts as absent.
pub struct Envelope<'a> {
    /// The caller's id of the event, 1 to 256 characters.
    pub id: Option<Cow<'a, str>>,
    /// The event type, in the form that Svix takes.
    pub event_type: Cow<'a, str>,
    /// Where the event comes from.
    pub source: Option<Cow<'a, str>>,
    /// When it happened, as posted; an RFC 3339 time.
    pub time: Option<Cow<'a, str>>,
    /// When it must not be sent any more.
    pub expires_at: Option<Timestamp>,
    /// Which bytes of the body are the payload, an object.
    pub payload: Range<usize>,
    /// The posted bytes.
    pub body: &'a [u8],
    pub(super) members: Vec<Member<'a>>,
}

impl fmt::Debug for Envelope<'_> {
    /// Shows what identifies the event and nothing of what it says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .finish_non_exhaustive()
    }
}

impl<'a> Envelope<'a> {
    /// Reads a posted event.
    ///
    /// # Errors
    /// When it is not a JSON object, or with everything that is wrong with its members.
    pub fn read(body: &'a [u8], limits: Limits) -> Result<Self, EnvelopeErrors> {
        let text = text_of(body)?;
        if depth::exceeds(text, limits.depth) {
            let detail = format!("nests objects and arrays in more than {} levels", limits.depth);
            return Err(EnvelopeError::whole(EnvelopeCode::TooDeep, detail).into());
        }
        let mut reader = Reader {
            members: members_of(text)?,
            errors: Vec::new(),
        };
        let id = reader.id();
        let event_type = reader.event_type();
        let payload = reader.payload();
        let source = reader.source();
        let time = reader.time();
        let expires_at = reader.expires_at();
        reader.check_duplicates();
        match (event_type, payload) {
            (Some(event_type), Some(payload)) if reader.errors.is_empty() => Ok(Self {
                id,
                event_type,
                source,
                time,
                expires_at,
                payload: range_in(body, payload.get()),
                body,
                members: reader.members,
            }),
            _ => Err(EnvelopeErrors::of(reader.errors)),
        }
    }
}

fn text_of(body: &[u8]) -> Result<&str, EnvelopeError> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let detail = format!("is not UTF-8 from byte {} on", error.valid_up_to());
        EnvelopeError::whole(EnvelopeCode::InvalidUtf8, detail)
    })?;
    // The four characters that JSON counts as white space.
    match text.trim_start_matches([' ', '\t', '\r', '\n']) {
        "" => Err(EnvelopeError::whole(EnvelopeCode::EmptyBody, "is empty; it must be a JSON object")),
        trimmed if trimmed.starts_with('\u{feff}') => Err(EnvelopeError::whole(
            EnvelopeCode::InvalidJson,
            "starts with a byte order mark (line 1 column 1), which JSON has none of",
        )),
        _ => Ok(text),
    }
}

fn members_of(text: &str) -> Result<Vec<Member<'_>>, EnvelopeError> {
    let json = text.trim_start_matches([' ', '\t', '\r', '\n']);
    if json.starts_with('{') {
        return object::members(text).map_err(|error| invalid_json(&error));
    }
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| invalid_json(&error))?;
    let detail = format!("is {}; it must be a JSON object, one event per request", Kind::of(json).as_str());
    Err(EnvelopeError::whole(EnvelopeCode::NotAnObject, detail))
}

fn invalid_json(error: &serde_json::Error) -> EnvelopeError {
    EnvelopeError::whole(EnvelopeCode::InvalidJson, format!("is not JSON: {error}"))
}

/// Returns where in the body a text stands that was borrowed from it.
fn range_in(body: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(body.as_ptr().addr());
    start..start + part.len()
}

/// The members of an event, and what was found wrong with them so far.
struct Reader<'a> {
    members: Vec<Member<'a>>,
    errors: Vec<EnvelopeError>,
}

impl<'a> Reader<'a> {
    fn id(&mut self) -> Option<Cow<'a, str>> {
        let id = self.text("id")?;
        match identity::check_id(&id) {
            Ok(()) => Some(id),
            Err((code, detail)) => self.refuse(code, "id", detail),
        }
    }

    fn event_type(&mut self) -> Option<Cow<'a, str>> {
        let Some(key) = self.one_of("type", "eventType") else {
            let detail = r#"is missing; it names the kind of event, such as "invoice.paid""#;
            return self.refuse(EnvelopeCode::MissingMember, "type", detail);
        };
        let text = self.text(key)?;
        if fits_svix_id(&text) {
            return Some(text);
        }
        let code = if text.len() > SVIX_ID_MAX {
            EnvelopeCode::TooLong
        } else {
            EnvelopeCode::InvalidMember
        };
        let right = format!("1 to {SVIX_ID_MAX} of the characters A-Z a-z 0-9 - _ .");
        self.refuse(code, key, format!("is {}; it must be {right}", shown(&text)))
    }

    fn payload(&mut self) -> Option<&'a RawValue> {
        let Some(key) = self.one_of("data", "payload") else {
            return self.refuse(EnvelopeCode::MissingMember, "data", "is missing; it must be an object");
        };
        let value = self.given(key)?;
        match Kind::of(value.get()) {
            Kind::Object => Some(value),
            other => {
                let detail = format!("is {}; it must be an object", other.as_str());
                self.refuse(EnvelopeCode::InvalidMember, key, detail)
            }
        }
    }

    fn source(&mut self) -> Option<Cow<'a, str>> {
        self.text("source")
    }

    fn time(&mut self) -> Option<Cow<'a, str>> {
        self.moment("time", "createdAt").map(|(text, _)| text)
    }

    /// The other name is that of an extension of CloudEvents.
    fn expires_at(&mut self) -> Option<Timestamp> {
        self.moment("expiresAt", "expirytime").map(|(_, moment)| moment)
    }

    /// Returns a time, as posted and as read.
    fn moment(&mut self, key: &'static str, alias: &'static str) -> Option<(Cow<'a, str>, Timestamp)> {
        let key = self.one_of(key, alias)?;
        let text = self.text(key)?;
        match Timestamp::parse(&text) {
            Ok(moment) => Some((text, moment)),
            Err(error) => {
                self.refuse(EnvelopeCode::InvalidMember, key, format!("is {}, {error}", shown(&text)))
            }
        }
    }

    /// Returns which of two members that mean the same is there.
    fn one_of(&mut self, key: &'static str, alias: &'static str) -> Option<&'static str> {
        match (self.given(key).is_some(), self.given(alias).is_some()) {
            (false, false) => None,
            (false, true) => Some(alias),
            (true, false) => Some(key),
            (true, true) => {
                let detail = format!("means the same as /{key}, which is there as well; leave one out");
                self.errors
                    .push(EnvelopeError::member(EnvelopeCode::ConflictingMembers, alias, detail));
                Some(key)
            }
        }
    }

    fn text(&mut self, key: &'static str) -> Option<Cow<'a, str>> {
        let json = self.given(key)?.get();
        let detail = match Kind::of(json) {
            Kind::Text => match object::text(json) {
                Ok(text) => return Some(text),
                Err(_) => "has an escape that is no character".to_owned(),
            },
            Kind::Number => format!("is the number {json:.64}; it must be a string, in quotation marks"),
            other => format!("is {}; it must be a string", other.as_str()),
        };
        self.refuse(EnvelopeCode::InvalidMember, key, detail)
    }

    fn given(&self, key: &str) -> Option<&'a RawValue> {
        let member = self.members.iter().find(|member| member.key == key)?;
        (Kind::of(member.value.get()) != Kind::Null).then_some(member.value)
    }

    fn refuse<T>(&mut self, code: EnvelopeCode, key: &str, detail: impl Into<String>) -> Option<T> {
        self.errors.push(EnvelopeError::member(code, key, detail));
        None
    }

    fn check_duplicates(&mut self) {
        let mut keys: Vec<&str> = self.members.iter().map(|member| &*member.key).collect();
        keys.sort_unstable();
        let mut repeated: Vec<&str> = keys
            .windows(2)
            .filter(|pair| pair[0] == pair[1])
            .map(|pair| pair[0])
            .collect();
        repeated.dedup();
        let detail = "is there more than once; which one counts is not defined";
        let errors = repeated
            .into_iter()
            .take(DUPLICATES_MAX)
            .map(|key| EnvelopeError::member(EnvelopeCode::DuplicateMember, key, detail));
        self.errors.extend(errors);
    }
}
