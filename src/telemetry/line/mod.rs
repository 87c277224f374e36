//! Makes one line of a record: bounded, and without anything that could pass for another line. What the work under
//! way is about is said by each line that does not say it itself.

use std::error::Error as StdError;
use std::fmt::{self, Display, Write};

use jiff::Timestamp;
use log::Record;
use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use serde_json::{Number, Value as Json};

use super::Subject;
use super::fields::{self, FIELDS, Kind};
use super::subject::subject;

/// What a line may take, in bytes.
pub const LINE_MAX: usize = 8192;

/// What one text within a line may take, in bytes as written.
const TEXT: usize = 2048;

/// What the name of a record's target may take, in bytes.
const TARGET: usize = 256;

/// What stands around a field's name and value, with the mark of a cut, in bytes.
const AROUND: usize = 9;

/// Writes a record for machines, as one JSON object.
pub fn json_line(record: &Record<'_>) -> String {
    let mut line = format!(r#"{{"time":"{}","level":"{}""#, time(), record.level().as_str().to_lowercase());
    push_member(&mut line, "target", &short(record.target(), TARGET).into());
    push_member(&mut line, "message", &message(record).into());
    for (name, value) in Fields::of(record).fitting(line.len() + 1) {
        push_member(&mut line, name, &value);
    }
    line.push('}');
    line
}

/// Writes a record for people.
pub(super) fn text_line(record: &Record<'_>) -> String {
    let mut line = format!("{} {:5} ", time(), record.level());
    push_printable(&mut line, &message(record));
    for (name, value) in Fields::of(record).fitting(line.len()) {
        let value = match value {
            Json::String(text) => text,
            other => other.to_string(),
        };
        let plain = !value.is_empty()
            && value
                .chars()
                .all(|c| c.is_ascii_graphic() && c != '"' && c != '\\');
        // Writing to a text cannot fail.
        let _ = match plain {
            true => write!(line, " {name}={value}"),
            false => write!(line, " {name}={value:?}"),
        };
    }
    line
}

/// Returns what a record says, bounded.
pub(super) fn message(record: &Record<'_>) -> String {
    short(record.args(), TEXT)
}

fn push_member(line: &mut String, name: &str, value: &Json) {
    // Writing to a text cannot fail, and names of fields need no escape.
    let _ = write!(line, r#","{name}":{value}"#);
}

fn time() -> String {
    format!("{:.3}", Timestamp::now())
}

/// The fields of a line: the value of each that it has, by the field's place in the table.
struct Fields {
    values: [Option<Json>; FIELDS.len()],
    /// What has no place in the table.
    other: String,
}

impl Fields {
    fn of(record: &Record<'_>) -> Self {
        let mut fields = Self {
            values: [const { None }; FIELDS.len()],
            other: String::new(),
        };
        // Collecting never fails.
        let _ = record.key_values().visit(&mut fields);
        fields.add_subject(&subject());
        if !fields.other.is_empty() {
            let other = short(fields.other.trim_start(), TEXT);
            fields.add("other", other.into());
        }
        fields
    }

    /// Adds what the work under way is about. A line that names another notification is not about that.
    fn add_subject(&mut self, subject: &Subject) {
        let subject: Vec<_> = subject.fields().collect();
        let contradicts = |(name, value): &(&'static str, String)| {
            matches!(*name, "notification" | "customer" | "account")
                && self.get(name).is_some_and(|own| own.as_str() != Some(value))
        };
        if subject.iter().any(contradicts) {
            return;
        }
        for (name, value) in subject {
            self.add(name, value.into());
        }
    }

    fn get(&self, name: &str) -> Option<&Json> {
        let (place, _) = fields::find(name)?;
        self.values.get(place)?.as_ref()
    }

    /// Adds a field that is not there yet.
    fn add(&mut self, name: &str, value: Json) {
        let known = fields::find(name).and_then(|(place, field)| {
            let value = of_kind(field.kind, &value)?;
            Some((self.values.get_mut(place)?, value))
        });
        match known {
            Some((there @ None, value)) => *there = Some(value),
            Some(_) => {}
            None if self.other.len() < TEXT => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self.other.push_str(&format!(" {}={text}", short(name, TARGET)));
            }
            None => {}
        }
    }

    /// Returns those that fit into a line that has so many bytes already, in order, and cuts texts that do not.
    fn fitting(self, used: usize) -> impl Iterator<Item = (&'static str, Json)> {
        let mut left = LINE_MAX.saturating_sub(used);
        FIELDS.iter().zip(self.values).filter_map(move |(field, value)| {
            let room = left.checked_sub(field.name.len() + AROUND)?;
            let (value, taken) = match value? {
                Json::String(text) => {
                    let text = short(text, room);
                    let taken = text.chars().map(cost).sum();
                    (Json::String(text), taken)
                }
                other => {
                    let taken = other.to_string().len();
                    (other, taken)
                }
            };
            // The mark of a cut is part of what is around.
            left = room.checked_sub(taken.min(room))?;
            Some((field.name, value))
        })
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut read = Read(None);
        value.visit(&mut read)?;
        if let Some(value) = read.0 {
            self.add(key.as_str(), value);
        }
        Ok(())
    }
}

/// Makes a value of the kind that its field has.
fn of_kind(kind: Kind, value: &Json) -> Option<Json> {
    match (kind, value) {
        (Kind::Text, Json::String(_)) | (Kind::Number, Json::Number(_)) => Some(value.clone()),
        (Kind::Text, other) => Some(other.to_string().into()),
        (Kind::Number, Json::String(text)) => text.parse::<i64>().ok().map(Json::from),
        (Kind::Number, _) => None,
    }
}

/// A value as it is read; none where there is none.
struct Read(Option<Json>);

impl VisitValue<'_> for Read {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.0 = Some(short(value, TEXT).into());
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.0 = Some(value.into());
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.0 = Some(value.into());
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        let number = Number::from_f64(value).map(Json::Number);
        self.0 = Some(number.unwrap_or_else(|| value.to_string().into()));
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.0 = Some(value.into());
        Ok(())
    }

    fn visit_error(&mut self, error: &(dyn StdError + 'static)) -> Result<(), Error> {
        self.0 = Some(short(Chain(error), TEXT).into());
        Ok(())
    }

    fn visit_borrowed_error(&mut self, error: &(dyn StdError + 'static)) -> Result<(), Error> {
        self.visit_error(error)
    }
}

/// An error with its causes.
struct Chain<'a>(&'a (dyn StdError + 'static));

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Writes something as text of so many bytes at most, as it will stand in a line; stops there, however long it is.
fn short(value: impl Display, most: usize) -> String {
    let mut short = Short {
        text: String::new(),
        left: most,
    };
    if write!(short, "{value}").is_err() {
        short.text.push('…');
    }
    short.text
}

struct Short {
    text: String,
    left: usize,
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.left = self.left.checked_sub(cost(character)).ok_or(fmt::Error)?;
            self.text.push(character);
        }
        Ok(())
    }
}

/// Returns how many bytes a character takes in a line of either format, at most.
fn cost(character: char) -> usize {
    match character {
        ' '..='~' if !matches!(character, '"' | '\\' | '\'') => 1,
        character if character.is_control() => 8,
        character => character.escape_debug().map(char::len_utf8).sum(),
    }
}

/// Adds a text with blanks in place of what would move the cursor or turn the writing around.
fn push_printable(line: &mut String, text: &str) {
    let moves = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    line.extend(text.chars().map(|c| if moves(c) { ' ' } else { c }));
}

#[cfg(test)]
mod tests;
