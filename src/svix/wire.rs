//! The shapes of Svix's answers, as far as they matter here.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::domain::fits_svix_id;

/// An id or the place in a list, in the form that Svix gives them: 1 to 256 ASCII letters, digits, `-`, `_` and `.`.
///
/// Ids go into addresses, the store and answers; a text of another form makes the whole answer unreadable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SvixId(pub(super) String);

impl<'de> Deserialize<'de> for SvixId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        let Text(text) = Text::deserialize(deserializer)?;
        if fits_svix_id(&text) {
            Ok(Self(text.into_owned()))
        } else {
            Err(D::Error::custom("is no id of Svix's"))
        }
    }
}

/// A message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessageOut<'a> {
    pub(super) id: SvixId,
    #[serde(default)]
    pub(super) event_id: Option<SvixId>,
    #[serde(default, borrow)]
    pub(super) event_type: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub(super) timestamp: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    pub(super) payload: Option<&'a RawValue>,
}

/// A page of any list.
#[derive(Deserialize)]
pub(super) struct ListOf<T> {
    pub(super) data: Vec<T>,
    #[serde(default = "is_done")]
    pub(super) done: bool,
    #[serde(default)]
    pub(super) iterator: Option<SvixId>,
}

impl<T> ListOf<T> {
    /// Tells whether it is the last page or says where the next one is.
    pub(super) fn says_where_it_goes_on(&self) -> bool {
        self.done || self.iterator.is_some()
    }

    /// Returns where the next page starts, where there is one.
    pub(super) fn next(&self) -> Option<String> {
        let next = self.iterator.as_ref().filter(|_| !self.done);
        next.map(|SvixId(iterator)| iterator.clone())
    }
}

fn is_done() -> bool {
    true
}

/// An application of which only the existence matters.
#[derive(Deserialize)]
pub(super) struct ApplicationOut {}

/// An attempt to deliver a message to an endpoint.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttemptOut {
    #[serde(default)]
    endpoint_id: Option<SvixId>,
    #[serde(default)]
    msg_id: Option<SvixId>,
    /// 0 where it succeeded.
    #[serde(default)]
    status: i64,
    /// 0 where Svix made it by itself, 1 where it was asked to.
    #[serde(default)]
    trigger_type: i64,
}

impl AttemptOut {
    /// Tells whether it is one of the message, as far as the ids of both are known.
    pub(super) fn is_of(&self, message: Option<&str>) -> bool {
        let ids = self.msg_id.as_ref().zip(message);
        ids.is_none_or(|(SvixId(own), message)| own == message)
    }

    /// Tells whether Svix made it by itself, and so follows its own schedule.
    pub(super) fn is_scheduled(&self) -> bool {
        self.trigger_type == 0
    }

    /// Returns the endpoint that it reached.
    pub(super) fn reached(self) -> Option<String> {
        self.endpoint_id
            .filter(|_| self.status == 0)
            .map(|SvixId(endpoint)| endpoint)
    }
}

/// An endpoint with what decides whether a message goes to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EndpointOut {
    pub(super) id: SvixId,
    #[serde(default)]
    disabled: bool,
    /// The same list by its older name; some servers show both.
    #[serde(default)]
    filter_types: Option<Vec<String>>,
    #[serde(default)]
    event_types: Option<Vec<String>>,
    #[serde(default)]
    channels: Option<Vec<String>>,
}

impl EndpointOut {
    /// Tells whether a message of this type and without channels goes to the endpoint.
    pub(super) fn wants(&self, event_type: &str) -> bool {
        let types = self.event_types.as_ref().or(self.filter_types.as_ref());
        let by_type = types.is_none_or(|types| types.iter().any(|name| name == event_type));
        let by_channel = self.channels.as_ref().is_none_or(Vec::is_empty);
        !self.disabled && by_type && by_channel
    }
}

/// An error's body, in either of its two forms.
#[derive(Deserialize)]
pub(super) struct Problem {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    detail: Option<Detail>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Detail {
    Words(String),
    Fields(Vec<Field>),
}

#[derive(Deserialize)]
struct Field {
    #[serde(default)]
    loc: Vec<serde_json::Value>,
    #[serde(default)]
    msg: String,
}

impl Problem {
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// Tells whether Svix itself says that something is not known, not a proxy or another server.
    pub(super) fn is_not_found(&self) -> bool {
        self.code.as_deref() == Some("not_found")
    }

    /// Tells whether it has what Svix says of any fault but of a body's members: a code and some words.
    pub(super) fn is_in_svix_words(&self) -> bool {
        self.code.is_some() && matches!(self.detail, Some(Detail::Words(_)))
    }

    /// Returns what it says, on one line.
    pub(super) fn words(self) -> Option<String> {
        let detail = match self.detail? {
            Detail::Words(words) => words,
            Detail::Fields(fields) => {
                let fields: Vec<String> = fields.into_iter().map(|field| field.words()).collect();
                fields.join("; ")
            }
        };
        Some(match self.code {
            Some(code) => format!("{code}: {detail}"),
            None => detail,
        })
    }
}

impl Field {
    fn words(self) -> String {
        let place: Vec<String> = self
            .loc
            .into_iter()
            .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
            .collect();
        format!("{}: {}", place.join("."), self.msg)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_wants_what_its_filters_let_through() {
        let table = [
            (r#"{"id":"e"}"#, true, "no filters"),
            (r#"{"id":"e","filterTypes":null,"channels":null}"#, true, "null is no filter"),
            (r#"{"id":"e","filterTypes":["user.created"]}"#, true, "the type is listed"),
            (r#"{"id":"e","filterTypes":["user.deleted"]}"#, false, "another type is"),
            (
                r#"{"id":"e","eventTypes":["user.deleted"],"filterTypes":["user.deleted"]}"#,
                false,
                "under both names",
            ),
            (r#"{"id":"e","channels":["a"]}"#, false, "a message without channels"),
            (r#"{"id":"e","disabled":true}"#, false, "switched off"),
        ];
        for (json, wants, why) in table {
            let endpoint: EndpointOut = serde_json::from_str(json).unwrap();
            assert_eq!(endpoint.wants("user.created"), wants, "{why}");
        }
    }
}
