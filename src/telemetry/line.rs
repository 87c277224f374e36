//! Makes one line of a record: bounded, and without anything that could pass for another line.

use std::fmt::Write;

use jiff::Timestamp;
use log::Record;
use log::kv::{Error, Key, Value, VisitSource};
use serde_json::{Map, Value as Json};

/// What one text within a line may take, in bytes.
const TEXT: usize = 2048;

/// The fields that one line may have.
const FIELDS: usize = 32;

/// Writes a record for people.
pub(super) fn text(record: &Record<'_>) -> String {
    let mut line = format!("{} {:5} ", time(), record.level());
    push_printable(&mut line, &bounded(record.args().to_string()));
    for (key, value) in fields(record) {
        let value = match value {
            Json::String(text) => text,
            other => other.to_string(),
        };
        let plain =
            !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
        if plain {
            let _ = write!(line, " {key}={value}");
        } else {
            let _ = write!(line, " {key}={value:?}");
        }
    }
    line
}

/// Writes a record for machines.
pub(super) fn json(record: &Record<'_>) -> String {
    let mut line = Map::new();
    line.insert("time".to_owned(), time().into());
    line.insert("level".to_owned(), record.level().as_str().to_lowercase().into());
    line.insert("target".to_owned(), record.target().into());
    line.insert("message".to_owned(), bounded(record.args().to_string()).into());
    for (key, value) in fields(record) {
        line.entry(key).or_insert(value);
    }
    Json::Object(line).to_string()
}

fn time() -> String {
    format!("{:.3}", Timestamp::now())
}

fn fields(record: &Record<'_>) -> Vec<(String, Json)> {
    let mut fields = Fields(Vec::new());
    // Collecting never fails.
    let _ = record.key_values().visit(&mut fields);
    fields.0
}

struct Fields(Vec<(String, Json)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        if self.0.len() < FIELDS {
            self.0.push((key.to_string(), read(&value)));
        }
        Ok(())
    }
}

fn read(value: &Value<'_>) -> Json {
    if let Some(error) = value.to_borrowed_error() {
        return bounded(chain(error)).into();
    }
    if let Some(number) = value.to_i64() {
        return number.into();
    }
    if let Some(flag) = value.to_bool() {
        return flag.into();
    }
    bounded(value.to_string()).into()
}

/// Writes an error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

fn bounded(mut text: String) -> String {
    if text.len() > TEXT {
        let end = (0..=TEXT)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

fn push_printable(line: &mut String, text: &str) {
    line.extend(
        text.chars()
            .map(|character| if character.is_control() { ' ' } else { character }),
    );
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    fn with_record<T>(message: &str, fields: &[(&str, &str)], check: impl Fn(&Record<'_>) -> T) -> T {
        let fields: &dyn log::kv::Source = &fields;
        let mut builder = Record::builder();
        builder.level(Level::Warn).target("svix_hooks").key_values(fields);
        check(&builder.args(format_args!("{message}")).build())
    }

    #[test]
    fn hostile_text_stays_within_its_line_and_its_bounds() {
        let forged = "x\n2026-01-01T00:00:00Z ERROR forged \u{1b}[31m";
        let huge = "y".repeat(100_000);
        for (key, value) in [("customer", forged), ("error", huge.as_str())] {
            let line = with_record(forged, &[(key, value)], text);
            assert!(!line.contains('\n') && !line.contains('\u{1b}') && line.len() < 8192, "{line}");
            let line = with_record(forged, &[(key, value)], json);
            assert!(!line.contains('\n') && line.len() < 8192);
            let parsed: Json = serde_json::from_str(&line).unwrap();
            assert_eq!(parsed["level"], "warn");
        }
    }

    #[test]
    fn fields_are_kept_by_name() {
        let line = with_record("tried again", &[("customer", "acme"), ("reason", "two words")], text);
        assert!(line.ends_with(r#"WARN  tried again customer=acme reason="two words""#), "{line}");
    }
}
