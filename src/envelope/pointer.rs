//! Finds the text that an RFC 6901 pointer leads to, looking only into what lies on its way.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Envelope;
use super::error::{EnvelopeCode, EnvelopeError, cleaned};
use super::object::{self, Kind};

impl<'a> Envelope<'a> {
    /// Returns the text that a pointer leads to; nothing where there is none, or `null`.
    ///
    /// # Errors
    /// When something other than a string is there, a member on the way is there twice, or the pointer is
    /// not one.
    pub fn find(&self, pointer: &str) -> Result<Option<Cow<'a, str>>, EnvelopeError> {
        let refuse = |code, detail: String| EnvelopeError {
            code,
            pointer: cleaned(pointer),
            detail,
        };
        let found = match self.walk(pointer) {
            Ok(None) => return Ok(None),
            Ok(Some(value)) => value.get(),
            Err(lost) => return Err(refuse(lost.code(), lost.detail().to_owned())),
        };
        match Kind::of(found) {
            Kind::Null => Ok(None),
            Kind::Text => match object::text(found) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(refuse(Lost::Escape.code(), Lost::Escape.detail().to_owned())),
            },
            other => {
                let detail = format!("is {}; it must be a string", other.as_str());
                Err(refuse(EnvelopeCode::InvalidMember, detail))
            }
        }
    }

    fn walk(&self, pointer: &str) -> Result<Option<&'a RawValue>, Lost> {
        let mut tokens = pointer
            .strip_prefix('/')
            .ok_or(Lost::NotAPointer)?
            .split('/')
            .map(unescape);
        let first = tokens.next().ok_or(Lost::NotAPointer)??;
        // Envelope::read has seen to it that no member of the top level is there twice.
        let mut at = self
            .members
            .iter()
            .find(|member| member.key == first)
            .map(|member| member.value);
        for token in tokens {
            let token = token?;
            at = match at {
                Some(value) => step(value.get(), &token)?,
                None => None,
            };
        }
        Ok(at)
    }
}

/// Why a pointer leads nowhere.
enum Lost {
    NotAPointer,
    Twice,
    Escape,
}

impl Lost {
    const fn code(&self) -> EnvelopeCode {
        match self {
            Self::NotAPointer | Self::Escape => EnvelopeCode::InvalidMember,
            Self::Twice => EnvelopeCode::DuplicateMember,
        }
    }

    const fn detail(&self) -> &'static str {
        match self {
            Self::NotAPointer => r#"is no pointer to a member, such as "/customer/id""#,
            Self::Twice => "is not defined: a member on the way is there more than once",
            Self::Escape => "cannot be read: a text on the way has an escape that is no character",
        }
    }
}

fn step<'a>(json: &'a str, token: &str) -> Result<Option<&'a RawValue>, Lost> {
    // The text as a whole is known to be JSON, but for the escapes of strings that were skipped.
    match Kind::of(json) {
        Kind::Object => match object::named(json, token).map_err(|_| Lost::Escape)?.as_slice() {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(Lost::Twice),
        },
        Kind::Array => match index(token) {
            Some(index) => object::element(json, index).map_err(|_| Lost::Escape),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

fn index(token: &str) -> Option<usize> {
    let leading_zero = token.len() > 1 && token.starts_with('0');
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !leading_zero).then(|| token.parse().ok()).flatten()
}

fn unescape(token: &str) -> Result<Cow<'_, str>, Lost> {
    if !token.contains('~') {
        return Ok(Cow::Borrowed(token));
    }
    let wrong = token.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    if wrong {
        Err(Lost::NotAPointer)
    } else {
        Ok(Cow::Owned(token.replace("~1", "/").replace("~0", "~")))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    const EVENT: &str = r#"{"type":"t","customer":"acme","cust\u006fmer2":"beta","a/b~c":"gamma","":"empty",
        "n":42,"none":null,"list":["x",{"y":"z"}],"esc":"\ud800",
        "data":{"customer":{"id":"del\tta"},"twice":"1","twice":"2","tw\u0069ce2":"3","twice2":"4",
            "odd":{"\udc00":1,"k":"v"},"big":1e400,"deep":{"twice":{"k":"v"}}}}"#;

    #[test]
    fn a_pointer_leads_to_a_text_or_to_nothing() {
        let envelope = Envelope::read(EVENT.as_bytes(), Limits::default()).expect("the event is right");
        let table = [
            ("/customer", Some("acme"), "a member of the top level"),
            ("/customer2", Some("beta"), "a name that is written with an escape"),
            ("/a~1b~0c", Some("gamma"), "a pointer's own escapes"),
            ("/", Some("empty"), "the member without a name"),
            ("/data/customer/id", Some("del\tta"), "through nested objects, with an escape in the text"),
            ("/list/0", Some("x"), "an element of an array"),
            ("/list/1/y", Some("z"), "through an array"),
            ("/list/2", None, "behind the end of an array"),
            ("/list/-", None, "the element after the last"),
            ("/list/00", None, "an index is written without leading zeros"),
            ("/list/+1", None, "nor with a sign"),
            ("/list/99999999999999999999999", None, "an index that no machine has"),
            ("/list/y", None, "an array has no members"),
            ("/none", None, "null is nothing"),
            ("/none/x", None, "nothing is below null"),
            ("/nowhere", None, "not there"),
            ("/nowhere/at/all", None, "nor what would be below"),
            ("/customer/id", None, "a string has no members"),
            ("/data/deep/k", None, "a name that is there twice elsewhere does not matter"),
            ("/data/deep/twice/k", Some("v"), "nor where an object of its own holds it once"),
        ];
        for (pointer, text, why) in table {
            assert_eq!(envelope.find(pointer), Ok(text.map(Cow::Borrowed)), "{pointer}: {why}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let envelope = Envelope::read(EVENT.as_bytes(), Limits::default()).expect("the event is right");
        let table = [
            ("/n", EnvelopeCode::InvalidMember, "a number; 042 and 42 would be one customer"),
            ("/data/customer", EnvelopeCode::InvalidMember, "an object"),
            ("/data/big", EnvelopeCode::InvalidMember, "a number that no double holds"),
            ("/list", EnvelopeCode::InvalidMember, "an array"),
            ("/esc", EnvelopeCode::InvalidMember, "half of a surrogate pair"),
            ("/data/odd/k", EnvelopeCode::InvalidMember, "a name with half of a surrogate pair beside it"),
            ("/data/twice", EnvelopeCode::DuplicateMember, "there twice; parsers differ on which counts"),
            ("/data/twice2", EnvelopeCode::DuplicateMember, "there twice, once in disguise"),
            ("", EnvelopeCode::InvalidMember, "the event as a whole is no customer"),
            ("customer", EnvelopeCode::InvalidMember, "a pointer starts with a slash"),
            ("/a~2b", EnvelopeCode::InvalidMember, "there is no such escape"),
            ("/a~", EnvelopeCode::InvalidMember, "an escape that is cut off"),
        ];
        for (pointer, code, why) in table {
            let error = envelope.find(pointer).expect_err(why);
            assert_eq!((error.code, error.pointer.as_str()), (code, pointer), "{why}");
        }
    }
}
