//! Filters against events.

mod hostile;
mod language;
mod limits;
mod refusals;

use super::{Filter, FilterError, FilterInput, FilterSettings, Verdict};

/// Compiles a filter that is an expression and nothing else.
fn expression(text: &str) -> Result<Filter, Vec<FilterError>> {
    Filter::compile(&FilterSettings {
        expression: Some(text.to_owned()),
        ..FilterSettings::default()
    })
}

/// Asks a filter about an event with that payload.
fn ask(filter: &Filter, data: &str) -> Verdict {
    let event = format!(
        r#"{{"type":"invoice.paid","id":"e1","data":{data},"tags":["a","b"],"größe":1,"data_note":null}}"#
    );
    filter.decide(&FilterInput {
        event_type: "invoice.paid",
        customer: "acme",
        event: event.as_bytes(),
        data: data.as_bytes(),
    })
}

/// Returns the decision and its explanation in one text.
fn told(verdict: &Verdict) -> String {
    format!("{} {}", if verdict.passes { "passes:" } else { "held back:" }, verdict.clause)
}
