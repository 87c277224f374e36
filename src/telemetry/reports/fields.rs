//! The fields of a log line that a report looks at, by name, as bounded texts.

use std::error::Error as StdError;
use std::fmt::{self, Write};

use log::Record;
use log::kv::{Error, Key, Value, VisitSource};

/// The longest text of a field, in bytes.
const TEXT: usize = 2048;

/// Fields that reports can be searched by.
pub(super) const TAGS: [&str; 7] = [
    "notification",
    "customer",
    "account",
    "request",
    "attempt",
    "actor",
    "thread",
];

/// Fields that are told beside them. What is not named here stays in the log: it may quote what was posted.
pub(super) const EXTRAS: [&str; 12] = [
    "alive",
    "configured",
    "count",
    "differences",
    "error",
    "found",
    "key",
    "location",
    "panic",
    "revision",
    "row",
    "version",
];

/// Fields by which a log line says that it is no fault of the service: a failure of somebody else's, or the sum of
/// lines that were told of before.
const NOT_REPORTED: [&str; 2] = ["whose", "left_out"];

/// What a line says, as far as a report may tell it.
#[derive(Default)]
pub(super) struct Fields {
    told: Vec<(&'static str, String)>,
    is_no_fault: bool,
}

impl Fields {
    pub(super) fn of(record: &Record<'_>) -> Self {
        let mut fields = Self::default();
        // Collecting never fails.
        let _ = record.key_values().visit(&mut fields);
        fields
    }

    /// Tells whether the line is about something that is no fault of the service.
    pub(super) fn is_no_fault(&self) -> bool {
        self.is_no_fault
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let field = self.told.iter().find(|(known, _)| *known == name);
        field.map(|(_, text)| text.as_str())
    }

    /// Returns those with one of these names.
    pub(super) fn among<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = (&'static str, &'a str)> {
        let named = self.told.iter().filter(|(name, _)| names.contains(name));
        named.map(|(name, text)| (*name, text.as_str()))
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let key = key.as_str();
        self.is_no_fault |= NOT_REPORTED.contains(&key);
        if let Some(name) = TAGS.iter().chain(&EXTRAS).find(|name| **name == key)
            && self.get(name).is_none()
        {
            self.told.push((*name, read(&value)));
        }
        Ok(())
    }
}

fn read(value: &Value<'_>) -> String {
    let mut text = Bounded(String::new());
    // It fails where it is full, and what is beyond is not needed.
    let _ = match value.to_borrowed_error() {
        Some(error) => write_chain(&mut text, error),
        None => write!(text, "{value}"),
    };
    text.0
}

/// Writes an error with its causes.
fn write_chain(text: &mut Bounded, error: &dyn StdError) -> fmt::Result {
    write!(text, "{error}")?;
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}

/// A text that takes no more than it may hold.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            if self.0.len() + character.len_utf8() > TEXT {
                return Err(fmt::Error);
            }
            self.0.push(if character.is_control() { ' ' } else { character });
        }
        Ok(())
    }
}
