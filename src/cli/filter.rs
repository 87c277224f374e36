//! What the commands for operators narrow by; the service judges the values.

use clap::Args;
use serde_json::{Map, Value};

use super::client::Query;

/// Narrows what a command is about; what is not said does not count.
#[derive(Args)]
pub(super) struct FilterArgs {
    /// Only of this customer.
    #[arg(long)]
    customer: Option<String>,
    /// Only of this event type.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only with this reason, such as rejected or exhausted.
    #[arg(long)]
    reason: Option<String>,
    /// Only with this HTTP status of the last request; 0 where there was no answer.
    #[arg(long)]
    status: Option<String>,
    /// Only with this outcome of the last request, such as unavailable.
    #[arg(long)]
    outcome: Option<String>,
    /// Only where all of these words stand in why they were not delivered.
    #[arg(long = "q", value_name = "WORDS")]
    words: Option<String>,
    /// Only accepted at this time or later, such as 2026-11-25T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only accepted before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

impl FilterArgs {
    /// Returns it as parameters of a query.
    pub(super) fn query(&self) -> Query {
        let all = [
            ("customer", &self.customer),
            ("type", &self.event_type),
            ("reason", &self.reason),
            ("status", &self.status),
            ("outcome", &self.outcome),
            ("q", &self.words),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let said = all
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)));
        said.collect()
    }

    /// Returns it as an object.
    pub(super) fn members(&self) -> Map<String, Value> {
        let members = self.query().into_iter();
        members
            .map(|(name, value)| (name.to_owned(), Value::String(value)))
            .collect()
    }
}
