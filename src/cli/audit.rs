//! `audit`: whether every accepted notification is accounted for.

use std::process::ExitCode;

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::client::Query;
use super::operator::{Ended, ServiceArgs, run as ask, show};
use super::table::{Column, Table, facts, maybe, shown};

/// The states that a notification can be in.
const STATES: [&str; 5] = ["delivered", "filtered", "dead", "expired", "queued"];

/// Say whether every accepted notification is accounted for.
///
/// Exits with 0 where it is, 1 where something is missing, and 2 where that could not be told.
#[derive(Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    service: ServiceArgs,
    /// Only of this customer.
    #[arg(long)]
    customer: Option<String>,
    /// Only accepted at this time or later, such as 2026-11-25T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only accepted before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

/// Numbers by their names.
type Numbers = Map<String, Value>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Audit {
    customer: Option<String>,
    from: Option<String>,
    to: Option<String>,
    ledger: Numbers,
    #[serde(default)]
    rows: Option<Numbers>,
    #[serde(default)]
    rows_difference: Option<Numbers>,
    counted: String,
    balanced: bool,
    #[serde(default)]
    check: Option<Check>,
}

/// What the check in the background has found.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    /// A key of one customer is not told this and the next three.
    #[serde(default)]
    minutes: Option<u64>,
    #[serde(default)]
    passed_over: u64,
    #[serde(default)]
    passes: u64,
    #[serde(default)]
    last_at: Option<String>,
    #[serde(default)]
    down_to: Option<String>,
    found: u64,
    differences: Vec<Found>,
}

/// One difference that it knows of.
#[derive(Deserialize)]
struct Found {
    customer: String,
    #[serde(default)]
    minute: Option<String>,
    detail: String,
}

/// Carries out the command; returns with what the process is to exit.
pub(super) fn run(args: AuditArgs) -> ExitCode {
    let AuditArgs {
        service,
        customer,
        from,
        to,
    } = args;
    let json = service.json;
    ask(&service, async |client| {
        let all = [("customer", &customer), ("from", &from), ("to", &to)];
        let query: Query = all
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect();
        let answer = client.get("/audit", &query).await?;
        let audit: Audit = answer.read()?;
        match json {
            true => show(&answer.text)?,
            false => show(&audit.told())?,
        }
        Ok(if audit.balanced { Ended::Well } else { Ended::Wrong })
    })
}

impl Audit {
    fn told(&self) -> String {
        let mut parts = vec![self.equation()];
        parts.push(self.table());
        let mut more = vec![
            ("counted", self.counted.clone()),
            ("duplicates", number(&self.ledger, "duplicates")),
            ("retries", number(&self.ledger, "retries")),
            ("failed attempts", number(&self.ledger, "failedAttempts")),
            ("redriven", number(&self.ledger, "redriven")),
        ];
        more.extend(
            self.check
                .as_ref()
                .and_then(|check| Some(("check", check.told()?))),
        );
        parts.push(facts(&more));
        parts.extend(self.check.as_ref().and_then(Check::differences));
        parts.push(if self.balanced {
            "balanced: every accepted notification is accounted for".to_owned()
        } else {
            "NOT balanced".to_owned()
        });
        let scope = facts(&[
            ("customer", maybe(self.customer.as_ref())),
            ("from", maybe(self.from.as_ref())),
            ("to", maybe(self.to.as_ref())),
        ]);
        if !scope.is_empty() {
            parts.insert(0, scope);
        }
        parts.join("\n\n")
    }

    fn equation(&self) -> String {
        let terms = STATES.map(|state| format!("{} {state}", number(&self.ledger, state)));
        let (accepted, difference) = (number(&self.ledger, "accepted"), number(&self.ledger, "difference"));
        format!("{accepted} accepted = {}; difference {difference}", terms.join(" + "))
    }

    /// Sets the ledger beside the rows, as far as they were counted.
    fn table(&self) -> String {
        let empty = Numbers::new();
        let pruned = self
            .ledger
            .get("pruned")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let mut columns = vec![
            Column::Whole("STATE"),
            Column::Number("LEDGER"),
            Column::Number("PRUNED"),
        ];
        let rows = self.rows.as_ref();
        let differences = self.rows_difference.as_ref();
        columns.extend(rows.map(|_| Column::Number("ROWS")));
        columns.extend(differences.map(|_| Column::Number("DIFFERENCE")));
        let lines = STATES.map(|state| {
            let mut line = vec![
                state.to_owned(),
                number(&self.ledger, state),
                number(pruned, state),
            ];
            line.extend(rows.map(|rows| number(rows, state)));
            line.extend(differences.map(|differences| number(differences, state)));
            line
        });
        Table::new(columns).lay(lines.into())
    }
}

impl Check {
    /// Says how far it has come, where that is told.
    fn told(&self) -> Option<String> {
        let mut told = format!("{} minutes compared", self.minutes?);
        let times = [("last at", &self.last_at), ("down to", &self.down_to)];
        told.extend(
            times
                .iter()
                .filter_map(|(what, time)| Some(format!(", {what} {}", time.as_ref()?))),
        );
        if self.passes > 0 {
            told.push_str(&format!(", all of them {} times", self.passes));
        }
        if self.passed_over > 0 {
            told.push_str(&format!(", {} passed over as too large", self.passed_over));
        }
        Some(told)
    }

    /// Lists what differs, and says how many more there are of others or of another time.
    fn differences(&self) -> Option<String> {
        if self.found == 0 {
            return None;
        }
        let mut lines = vec![format!("the check knows of {} differences", self.found)];
        lines.extend(self.differences.iter().map(|found| {
            let minute = found
                .minute
                .as_ref()
                .map(|minute| format!(", accepted in the minute of {minute}"));
            let line = format!("{}{}: {}", found.customer, minute.unwrap_or_default(), found.detail);
            format!("  {}", shown(&line))
        }));
        Some(lines.join("\n"))
    }
}

/// Shows one of several numbers; nothing where it is not among them.
fn number(numbers: &Numbers, name: &str) -> String {
    numbers
        .get(name)
        .map(|value| shown(&value.to_string()))
        .unwrap_or_default()
}
