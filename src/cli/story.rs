//! All that happened to a notification, for people.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::table::{Column, Table, facts, maybe, shown};

/// A notification with its history, as the service tells it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Story {
    id: String,
    event_id: String,
    customer: String,
    account: String,
    application: String,
    event_type: String,
    state: String,
    reason: Option<String>,
    detail: Option<String>,
    occurred_at: Option<String>,
    svix_message_id: Option<String>,
    ambiguous: bool,
    attempts_made: u64,
    attempts_spent: u64,
    redrives: u64,
    digest: String,
    history: Vec<Happened>,
    next: Next,
    payload: Option<Box<RawValue>>,
}

/// One thing that happened; what it was says which members it has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Happened {
    at: String,
    what: String,
    by: Option<String>,
    customer: Option<String>,
    customer_from: Option<String>,
    application: Option<String>,
    application_from: Option<String>,
    number: Option<u64>,
    step: Option<String>,
    waited_ms: Option<u64>,
    duration_ms: Option<u64>,
    outcome: Option<String>,
    status: Option<u16>,
    detail: Option<String>,
    replica: Option<String>,
    state: Option<String>,
    reason: Option<String>,
    redrive: Option<String>,
}

#[derive(Deserialize)]
struct Next {
    at: Option<String>,
    what: String,
    held: Option<String>,
}

impl Story {
    /// Tells it.
    pub(super) fn told(&self) -> String {
        let mut table = Table::new([
            Column::Whole("AT"),
            Column::Whole("WHAT"),
            Column::Whole("RESULT"),
            Column::Number("STATUS"),
            Column::Number("WAITED"),
            Column::Number("TOOK"),
            Column::Text("BY"),
            Column::Text("DETAIL"),
        ]);
        let history = table.lay(self.history.iter().map(Happened::row).collect());
        let mut parts = vec![self.facts(), history, self.next.told()];
        parts.extend(self.payload.as_ref().map(|payload| {
            let lines = payload.get().lines().map(shown);
            lines.collect::<Vec<_>>().join("\n")
        }));
        parts.join("\n\n")
    }

    fn facts(&self) -> String {
        let state = match &self.reason {
            Some(reason) => format!("{}, {reason}", self.state),
            None => self.state.clone(),
        };
        let mut attempts = format!("{} made, {} spent", self.attempts_made, self.attempts_spent);
        if self.ambiguous {
            attempts += ", one of them ambiguous";
        }
        facts(&[
            ("notification", self.id.clone()),
            ("event", self.event_id.clone()),
            ("type", self.event_type.clone()),
            ("customer", self.customer.clone()),
            ("application", format!("{} of the account {}", self.application, self.account)),
            ("occurred", maybe(self.occurred_at.as_ref())),
            ("state", state),
            ("detail", maybe(self.detail.as_ref())),
            ("attempts", attempts),
            ("redrives", self.redrives.to_string()),
            ("message", maybe(self.svix_message_id.as_ref())),
            ("digest", self.digest.clone()),
        ])
    }
}

impl Happened {
    fn row(&self) -> Vec<String> {
        let millis = |millis: Option<u64>| millis.map(|millis| format!("{millis} ms")).unwrap_or_default();
        let (what, result, by, detail) = match self.what.as_str() {
            "accepted" => ("accepted".to_owned(), None, &self.by, Some(self.routed())),
            "attempt" => {
                let (number, step) = (self.number.unwrap_or(0), maybe(self.step.as_ref()));
                let what = format!("request {number}: {step}");
                (what, self.outcome.clone(), &self.replica, self.detail.clone())
            }
            "ended" => (maybe(self.state.as_ref()), self.reason.clone(), &self.by, self.detail.clone()),
            "redriven" => {
                let detail = self.redrive.as_ref().map(|id| format!("redrive {id}"));
                ("sent again".to_owned(), None, &self.by, detail)
            }
            other => (other.to_owned(), self.outcome.clone(), &self.by, self.detail.clone()),
        };
        vec![
            self.at.clone(),
            what,
            maybe(result.as_ref()),
            maybe(self.status.as_ref()),
            millis(self.waited_ms),
            millis(self.duration_ms),
            maybe(by.as_ref()),
            maybe(detail.as_ref()),
        ]
    }

    /// Says how its customer and its application were found.
    fn routed(&self) -> String {
        let from = |what: &str, value: &Option<String>, from: &Option<String>| {
            let value = value.as_ref()?;
            let from = from.as_ref().map(|from| format!(" by {from}"));
            Some(format!("{what} {value}{}", from.unwrap_or_default()))
        };
        let customer = from("customer", &self.customer, &self.customer_from);
        let application = from("application", &self.application, &self.application_from);
        let both = customer.into_iter().chain(application);
        both.collect::<Vec<_>>().join(", ")
    }
}

impl Next {
    fn told(&self) -> String {
        let mut told = format!("next: {}", shown(&self.what));
        if let Some(at) = &self.at {
            told += &format!(", at {}", shown(at));
        }
        if let Some(held) = &self.held {
            told += &format!("; held up: {}", shown(held));
        }
        told
    }
}
