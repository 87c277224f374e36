//! `GET /audit`: what the ledger counts beside the rows that there are, so that an operator can see that
//! nothing was lost.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::auth::{self, Caller, Scope};
use super::gateway::Gateway;
use super::health;
use super::problem::Problem;
use super::span::Asked;
use crate::actors::messages::LedgerCheck;
use crate::domain::{Customer, State, Timestamp};
use crate::store::{Audit, AuditScope, Counted, Difference, MOST_ROWS, RowCounts, Totals};

/// Differences of the check that an answer names.
const NAMED: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Customer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Timestamp>,
    ledger: Ledger,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Rows>,
    /// By state, how many more rows there are than the ledger says that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_difference: Option<States>,
    counted: String,
    balanced: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<Check>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ledger {
    accepted: i64,
    delivered: i64,
    filtered: i64,
    dead: i64,
    expired: i64,
    queued: i64,
    difference: i64,
    pruned: Pruned,
    duplicates: i64,
    retries: i64,
    failed_attempts: i64,
    redriven: i64,
}

#[derive(Serialize)]
struct Pruned {
    delivered: i64,
    filtered: i64,
    dead: i64,
    expired: i64,
}

#[derive(Serialize)]
struct States {
    delivered: i64,
    filtered: i64,
    dead: i64,
    expired: i64,
    queued: i64,
}

#[derive(Serialize)]
struct Rows {
    #[serde(flatten)]
    states: States,
    total: i64,
}

/// What the check in the background has found.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    #[serde(flatten)]
    progress: Option<Progress>,
    /// All differences that are known.
    found: usize,
    /// Those that are about what was asked.
    differences: Vec<DifferenceOut>,
}

/// How far it has come.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    minutes: u64,
    passed_over: u64,
    passes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    down_to: Option<Timestamp>,
}

#[derive(Serialize)]
struct DifferenceOut {
    customer: Customer,
    #[serde(skip_serializing_if = "Option::is_none")]
    minute: Option<Timestamp>,
    detail: String,
}

pub(super) async fn audit(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Read)?;
    let mut asked = Asked::read(&query, "customer, from and to", |_, _| None);
    let minutes = asked.minutes(gateway.store.now(), None);
    let mut scope = AuditScope {
        customer: asked.refuse()?.customer,
        minutes,
    };
    caller.narrow(&mut scope.customer)?;
    let audit = gateway.store.audit(scope.clone()).await?;
    let pipeline = health::pipeline(&gateway).await;
    let check = pipeline.map(|pipeline| Check::new(&pipeline.ledger, &scope, &caller));
    Ok(HttpResponse::Ok().json(AuditOut {
        from: scope
            .minutes
            .as_ref()
            .map(|minutes| Timestamp::of_minute(minutes.start)),
        to: scope
            .minutes
            .as_ref()
            .map(|minutes| Timestamp::of_minute(minutes.end)),
        ledger: Ledger::new(&audit.ledger),
        rows: audit.rows.as_ref().map(|rows| Rows {
            states: States::of(|state| rows.in_state(state)),
            total: rows.total,
        }),
        rows_difference: audit
            .rows
            .as_ref()
            .map(|rows: &RowCounts| States::of(|state| rows.beyond(&audit.ledger, state))),
        counted: counted(&scope, audit.counted, &caller),
        balanced: is_balanced(&audit, check.as_ref()),
        check,
        customer: scope.customer,
    }))
}

/// What the check found counts as well: it looks at each customer and minute by itself.
fn is_balanced(audit: &Audit, check: Option<&Check>) -> bool {
    audit.is_balanced() && check.is_none_or(|check| check.differences.is_empty())
}

/// Says what was counted, and how.
fn counted(scope: &AuditScope, counted: Counted, caller: &Caller) -> String {
    let ledger = match scope.minutes {
        None => "the ledger: counts of all time, from the table ledger",
        Some(_) => "the ledger: by the minute of acceptance, from the table ledger_minutes",
    };
    let left_out = match scope.minutes {
        None => "",
        Some(_) => ", but for minutes of customers that the ledger has no counts of any more",
    };
    let rows = match (counted, &scope.customer) {
        // The rows of a time are those of all customers.
        (Counted::TooMany(_), _) if caller.customer.is_some() => {
            "not counted, because too many would have to be gone through; ask for a shorter time".to_owned()
        }
        (Counted::TooMany(count), _) => format!(
            "not counted, because {count} or more would have to be gone through, and at most {MOST_ROWS} are; \
             ask for a shorter time"
        ),
        (Counted::All, None) => "all of the table notifications".to_owned(),
        (Counted::All, Some(_)) => format!("the customer's in the table notifications{left_out}"),
        (Counted::ByTime, _) => format!("those of the table notifications with ids of that time{left_out}"),
    };
    format!("{ledger}; the rows: {rows}; both as of the same moment")
}

impl Ledger {
    fn new(totals: &Totals) -> Self {
        Self {
            accepted: totals.accepted,
            delivered: totals.delivered,
            filtered: totals.filtered,
            dead: totals.dead,
            expired: totals.expired,
            queued: totals.queued,
            difference: totals.difference(),
            pruned: Pruned {
                delivered: totals.pruned_delivered,
                filtered: totals.pruned_filtered,
                dead: totals.pruned_dead,
                expired: totals.pruned_expired,
            },
            duplicates: totals.duplicates,
            retries: totals.retries,
            failed_attempts: totals.failed_attempts,
            redriven: totals.redriven,
        }
    }
}

impl States {
    fn of(count: impl Fn(State) -> i64) -> Self {
        Self {
            delivered: count(State::Delivered),
            filtered: count(State::Filtered),
            dead: count(State::Dead),
            expired: count(State::Expired),
            queued: count(State::Queued),
        }
    }
}

impl Check {
    /// Shows what the caller may know: how far the check has come over all customers, one of one customer may not.
    fn new(check: &LedgerCheck, scope: &AuditScope, caller: &Caller) -> Self {
        let of_customer = |difference: &&Difference| {
            let customer = scope.customer.as_ref();
            customer.is_none_or(|customer| difference.customer == *customer)
        };
        let of_time = |difference: &&Difference| {
            let minutes = scope.minutes.as_ref();
            minutes.is_none_or(|minutes| difference.minute.is_some_and(|minute| minutes.contains(&minute)))
        };
        let seen = check
            .differences
            .iter()
            .filter(|difference| caller.sees(&difference.customer));
        let found = seen.clone().count();
        let differences = seen.filter(of_customer).filter(of_time);
        let differences = differences.take(NAMED).map(|difference| DifferenceOut {
            customer: difference.customer.clone(),
            minute: difference.minute.map(Timestamp::of_minute),
            detail: difference.what(),
        });
        let progress = Progress {
            minutes: check.minutes,
            passed_over: check.passed_over,
            passes: check.passes,
            last_at: check.last_at,
            down_to: check.down_to,
        };
        Self {
            progress: caller.customer.is_none().then_some(progress),
            found,
            differences: differences.collect(),
        }
    }
}
