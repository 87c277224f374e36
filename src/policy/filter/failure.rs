//! Why an expression could not be evaluated for an event, in bounded words.

use std::fmt::Write;

use cel::{ExecutionError, Value};

use super::purse::{STEPS_MAX, VERDICT};

/// What is told of an event's content at most, in bytes.
const CONTENT_MAX: usize = 200;

/// Why an expression could not be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterFailure {
    /// The event lacks a member that the expression reads.
    #[error("no member \"{0}\"")]
    Missing(String),
    /// A value is of a type that cannot be used like that.
    #[error("{0}")]
    WrongType(String),
    /// It came to something else than true or false.
    #[error("the result is of type {0}, not bool")]
    NotBool(String),
    /// It took more steps than it may.
    #[error("cut off after {} steps", STEPS_MAX)]
    CutOff,
    /// The event cannot be made into values.
    #[error("the event cannot be read: {0}")]
    Unreadable(String),
    /// Anything else: a division by zero, an index past the end.
    #[error("{0}")]
    Other(String),
}

impl FilterFailure {
    /// Puts an evaluator's error in words. Its own would show whole values of the event.
    pub(super) fn of(error: &ExecutionError) -> Self {
        let types = |one: &Value, other: &Value| format!("{} and {}", one.type_of(), other.type_of());
        match error {
            ExecutionError::NoSuchKey(name) => Self::Missing(excerpt(name)),
            ExecutionError::NoSuchOverload(error) => {
                let types = error.argument_types().join(", ");
                let function = plain_name(error.function());
                Self::WrongType(format!("{function} does not take ({types})"))
            }
            ExecutionError::UnexpectedType { got, want } => {
                Self::WrongType(format!("{} where {} is needed", excerpt(got), excerpt(want)))
            }
            ExecutionError::ValuesNotComparable(one, other) => {
                Self::WrongType(format!("{} cannot be compared", types(one, other)))
            }
            ExecutionError::UnsupportedBinaryOperator(operator, one, other) => {
                Self::WrongType(format!("{operator} does not take {}", types(one, other)))
            }
            ExecutionError::UnsupportedKeyType(key) => {
                Self::WrongType(format!("{} is no key", key.type_of()))
            }
            ExecutionError::UnsupportedIndex(index, value) => {
                Self::WrongType(format!("{} is no index of {}", index.type_of(), value.type_of()))
            }
            ExecutionError::IndexOutOfBounds(Value::Int(index)) => Self::Other(format!("no element {index}")),
            ExecutionError::IndexOutOfBounds(_) => Self::Other("no such element".to_owned()),
            ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
                Self::Other("division by zero".to_owned())
            }
            ExecutionError::Overflow(operator, ..) => Self::Other(format!("overflow in {operator}")),
            ExecutionError::DuplicateKey(_) => Self::Other("a key twice in a map".to_owned()),
            ExecutionError::FunctionError { function, message } if function == VERDICT => {
                Self::NotBool(excerpt(message))
            }
            ExecutionError::FunctionError { function, message } => {
                Self::Other(format!("{function}: {}", excerpt(message)))
            }
            _ => Self::Other("it could not be evaluated".to_owned()),
        }
    }
}

/// Makes what a user writes of a function's inner name: `_>_` is `>`.
fn plain_name(function: &str) -> String {
    excerpt(function.trim_matches(['_', '@']))
}

/// Cuts a text to what is told, with control characters escaped.
pub(super) fn excerpt(text: &str) -> String {
    let mut kept = String::new();
    for character in text.chars() {
        let before = kept.len();
        // Writing to a string does not fail.
        let _ = match character {
            '"' | '\\' => write!(kept, "\\{character}"),
            _ if is_plain(character) => write!(kept, "{character}"),
            _ => write!(kept, "{}", character.escape_unicode()),
        };
        if kept.len() > CONTENT_MAX {
            kept.truncate(before);
            break;
        }
    }
    kept
}

/// Tells whether a character shows as itself: it neither controls a terminal nor turns the text around.
fn is_plain(character: char) -> bool {
    let shown = character.escape_debug();
    character == '\'' || shown.len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_an_event_is_bounded_and_printable() {
        let table = [
            ("amount", "amount", "as it is"),
            ("größe 金額", "größe 金額", "any script"),
            ("a\"b\\c", "a\\\"b\\\\c", "quotes"),
            ("\u{1b}[2J\0", "\\u{1b}[2J\\u{0}", "control characters"),
            ("\u{202e}x", "\\u{202e}x", "turned around"),
        ];
        for (text, told, why) in table {
            assert_eq!(excerpt(text), told, "{why}");
        }
        assert_eq!(excerpt(&"é".repeat(5000)), "é".repeat(100), "no half characters");
        assert!(excerpt(&"\n".repeat(5000)).len() <= CONTENT_MAX);
    }
}
