//! What every line of the log must be, whatever it says: one JSON object with the documented fields and no other.

use serde_json::{Map, Value};
use svix_hooks::telemetry::{FIELDS, FieldKind as Kind, HEAD, LINE_MAX};

/// The levels that there are.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// Whose fault an error may be beside the service's own.
const WHOSE: [&str; 3] = ["svix", "customer", "operator"];

/// Returns what is wrong with a line.
pub(crate) fn fault(line: &str) -> Option<String> {
    if line.len() > LINE_MAX {
        return Some(format!("a log line has {} bytes: {}", line.len(), line.get(..500).unwrap_or_default()));
    }
    let fault = match serde_json::from_str(line) {
        Ok(Value::Object(members)) => fault_of(&members, line),
        Ok(_) => Some("is no JSON object".to_owned()),
        Err(error) => Some(format!("cannot be read as JSON: {error}")),
    };
    fault.map(|fault| format!("a log line {fault}: {line}"))
}

fn fault_of(members: &Map<String, Value>, line: &str) -> Option<String> {
    if let Some(name) = HEAD.iter().find(|name| !members.contains_key(**name)) {
        return Some(format!("has no {name}"));
    }
    // A parser drops what stands there twice.
    if let Some(name) = members
        .keys()
        .find(|name| line.matches(&format!(r#","{name}":"#)).count() > 1)
        && !line.contains('\\')
    {
        return Some(format!("may have {name} twice"));
    }
    for (name, value) in members {
        let kind = match FIELDS.iter().find(|field| field.name == name) {
            Some(field) => field.kind,
            None if HEAD.contains(&name.as_str()) => Kind::Text,
            None => return Some(format!("has a field {name} that is not documented")),
        };
        let fits = match kind {
            Kind::Text => value.is_string(),
            Kind::Number => value.is_number(),
        };
        if !fits {
            return Some(format!("has a {name} that is no {kind:?}"));
        }
    }
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    if !LEVELS.contains(&text("level").unwrap_or_default()) {
        return Some("has no known level".to_owned());
    }
    if let Some(whose) = text("whose")
        && !(WHOSE.contains(&whose) && text("level") == Some("error"))
    {
        return Some("names someone whose fault it cannot be".to_owned());
    }
    let missing = ["customer", "account", "attempt"]
        .into_iter()
        .find(|name| members.contains_key("notification") && !members.contains_key(*name));
    missing.map(|name| format!("is about a notification and has no {name}"))
}
