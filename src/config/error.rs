//! What is wrong with a configuration: where it was said, which key, and what would be right.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde_json::Value;

/// The longest value that is repeated in a message, in characters.
const SHOWN_MAX: usize = 80;

/// Where a value was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File(PathBuf),
    /// In an environment variable of this name.
    Variable(String),
    /// Nowhere that has a name: a default, or a value set in code.
    Unnamed,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Unnamed => f.write_str("configuration"),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file is missing or cannot be read.
    #[error("{}: cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file is not TOML.
    #[error("{}{}: {detail}", path.display(), position(*place))]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line and the column, from 1 on, where known.
        place: Option<(usize, usize)>,
        /// What the parser expected; never the text of the line, which may hold a secret.
        detail: String,
    },
    /// A key is not known.
    #[error("{origin}: unknown key {key}; the nearest known one is {nearest}")]
    UnknownKey {
        /// Where it was said.
        origin: Origin,
        /// The key, with its section.
        key: String,
        /// The known key that is most like it; for a variable, the variable that sets it.
        nearest: String,
    },
    /// Something that is set for a customer cannot be.
    #[error("{origin}: {key} {detail}")]
    Setting {
        /// Where it was said.
        origin: Origin,
        /// The key, with its section.
        key: String,
        /// What is wrong with it, and what would be right.
        detail: String,
    },
    /// A value is not one that the key may have.
    #[error("{origin}: {key} {}; it must be {right}", is(given.as_deref()))]
    Wrong {
        /// Where it was said.
        origin: Origin,
        /// The key, with its section.
        key: String,
        /// What was given; nothing where it may be a secret.
        given: Option<String>,
        /// What would be right.
        right: String,
    },
}

/// Everything that is wrong with a configuration, one problem per line.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    /// Makes an error of the problems, or nothing where there are none.
    pub(super) fn of(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self { problems })
        }
    }

    /// Returns the problems in the order in which they were found; at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            let break_before = if place == 0 { "" } else { "\n" };
            write!(f, "{break_before}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Returns a value as a message may show it, or nothing where it may hold a secret.
pub(super) fn shown(key: &str, value: &Value) -> Option<String> {
    let secret = key == "svix.token" || key.starts_with("auth.keys") || key.starts_with("secrets.");
    let text = match value {
        Value::Null => "not a number".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        other => other.to_string(),
    };
    // A URL may carry a password before its @.
    (!secret && !text.contains('@')).then(|| match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    })
}

fn is(given: Option<&str>) -> String {
    given.map_or_else(|| "has a wrong value (not shown)".to_owned(), |given| format!("is {given}"))
}

fn position(place: Option<(usize, usize)>) -> String {
    place.map_or_else(String::new, |(line, column)| format!(", line {line}, column {column}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_shown_unless_it_may_be_a_secret() {
        let long = "x".repeat(SHOWN_MAX + 1);
        let table = [
            ("delivery.actors", json!(0), Some("0".to_owned()), "a number"),
            ("log.level", json!("a\nb"), Some(r#""a\nb""#.to_owned()), "a line break would forge a line"),
            ("log.level", json!(long), Some(format!("\"{}…", &long[2..])), "a long text is cut"),
            ("svix.token", json!(7), None, "a token"),
            ("auth.keys[0]", json!("ops:read:plain"), None, "a key in clear by mistake"),
            ("store.url", json!("postgres://u:p@db/x"), None, "a password in a URL"),
        ];
        for (key, value, text, why) in table {
            assert_eq!(shown(key, &value), text, "{why}");
        }
    }
}
