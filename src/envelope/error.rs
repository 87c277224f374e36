//! What is wrong with a posted event: which member, and what would be right.

use std::fmt::{self, Write};

use serde::{Serialize, Serializer};

/// The most characters of the caller's text that an error repeats.
const SHOWN_MAX: usize = 64;

/// The closed set of things that can be wrong with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnvelopeCode {
    /// There is nothing but white space.
    EmptyBody,
    /// The bytes are not UTF-8.
    InvalidUtf8,
    /// The text is not JSON.
    InvalidJson,
    /// The JSON is not an object.
    NotAnObject,
    /// Objects and arrays are nested too deeply.
    TooDeep,
    /// A member is there twice.
    DuplicateMember,
    /// A member that must be there is not.
    MissingMember,
    /// Two members that mean the same are both there.
    ConflictingMembers,
    /// A member does not hold what it must hold.
    InvalidMember,
    /// A text is longer than it may be.
    TooLong,
}

impl EnvelopeCode {
    /// Every code.
    pub const ALL: &[Self] = &[
        Self::EmptyBody,
        Self::InvalidUtf8,
        Self::InvalidJson,
        Self::NotAnObject,
        Self::TooDeep,
        Self::DuplicateMember,
        Self::MissingMember,
        Self::ConflictingMembers,
        Self::InvalidMember,
        Self::TooLong,
    ];

    /// Returns the name that callers see; it never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmptyBody => "empty_body",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::InvalidJson => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::TooDeep => "too_deep",
            Self::DuplicateMember => "duplicate_member",
            Self::MissingMember => "missing_member",
            Self::ConflictingMembers => "conflicting_members",
            Self::InvalidMember => "invalid_member",
            Self::TooLong => "too_long",
        }
    }
}

impl fmt::Display for EnvelopeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EnvelopeCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that is wrong with an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{} {detail}", self.subject())]
pub struct EnvelopeError {
    /// Which of the closed set it is.
    pub code: EnvelopeCode,
    /// The RFC 6901 pointer to the member; empty for the event as a whole.
    pub pointer: String,
    /// What is wrong and what would be right; bounded, and free of control characters.
    pub detail: String,
}

impl EnvelopeError {
    /// Makes an error about the event as a whole.
    pub(super) fn whole(code: EnvelopeCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            pointer: String::new(),
            detail: detail.into(),
        }
    }

    /// Makes an error about a member of the top level.
    pub(super) fn member(code: EnvelopeCode, key: &str, detail: impl Into<String>) -> Self {
        Self {
            code,
            pointer: pointer_to(key),
            detail: detail.into(),
        }
    }

    fn subject(&self) -> &str {
        if self.pointer.is_empty() {
            "the event"
        } else {
            &self.pointer
        }
    }
}

/// Everything that is wrong with an event; at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeErrors(Vec<EnvelopeError>);

impl EnvelopeErrors {
    /// Makes errors of a list that is known to hold one.
    pub(super) fn of(errors: Vec<EnvelopeError>) -> Self {
        debug_assert!(!errors.is_empty(), "an event is refused for a reason");
        Self(errors)
    }

    /// Returns the errors in the order in which they were found.
    pub fn as_slice(&self) -> &[EnvelopeError] {
        &self.0
    }
}

impl From<EnvelopeError> for EnvelopeErrors {
    fn from(error: EnvelopeError) -> Self {
        Self(vec![error])
    }
}

impl IntoIterator for EnvelopeErrors {
    type Item = EnvelopeError;
    type IntoIter = std::vec::IntoIter<EnvelopeError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for EnvelopeErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for EnvelopeErrors {}

/// Returns a caller's text as an error may repeat it: quoted, cut, with nothing that garbles a log.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", cut(text))
}

/// Returns the pointer to a member of the top level, cut where the caller made its name long.
fn pointer_to(key: &str) -> String {
    let mut pointer = String::from("/");
    for letter in cut(key).chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => write_clean(&mut pointer, letter),
        }
    }
    pointer
}

/// Returns an operator's pointer as an error may repeat it.
pub(super) fn cleaned(pointer: &str) -> String {
    let mut text = String::new();
    cut(pointer)
        .chars()
        .for_each(|letter| write_clean(&mut text, letter));
    text
}

fn write_clean(text: &mut String, letter: char) {
    if letter.is_control() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", letter.escape_default());
    } else {
        text.push(letter);
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_wrote_is_repeated_short_and_clean() {
        let long = "x".repeat(1_000_000);
        let table = [
            ("a", r#""a""#.to_owned(), "/a", "an ordinary text"),
            ("a/b~c", r#""a/b~c""#.to_owned(), "/a~1b~0c", "a pointer has two letters of its own"),
            ("a\nb", r#""a\nb""#.to_owned(), "/a\\nb", "a line break would forge a line of a log"),
            ("\u{202e}x", r#""\u{202e}x""#.to_owned(), "/\u{202e}x", "a text that turns the line around"),
            (&long, format!("\"{}…\"", &long[..64]), &format!("/{}…", &long[..64]), "a text of a megabyte"),
        ];
        for (text, quoted, pointer, why) in table {
            assert_eq!(shown(text), quoted, "{why}");
            assert_eq!(pointer_to(text), pointer, "{why}");
        }
    }

    #[test]
    fn an_error_reads_as_a_sentence() {
        let whole = EnvelopeError::whole(EnvelopeCode::EmptyBody, "is empty");
        let member = EnvelopeError::member(EnvelopeCode::MissingMember, "id", "is missing");
        assert_eq!(EnvelopeErrors::of(vec![whole, member]).to_string(), "the event is empty; /id is missing");
    }

    #[test]
    fn codes_are_distinct_names() {
        let mut names: Vec<_> = EnvelopeCode::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EnvelopeCode::ALL.len());
    }
}
