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
    check: Option<Value>,
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
        more.extend(self.check.as_ref().map(|check| ("check", check.to_string())));
        parts.push(facts(&more));
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

/// Shows one of several numbers; nothing where it is not among them.
fn number(numbers: &Numbers, name: &str) -> String {
    numbers
        .get(name)
        .map(|value| shown(&value.to_string()))
        .unwrap_or_default()
}
