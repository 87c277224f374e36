//! What happened to a notification, in order, and what happens next.

use serde::Serialize;

use super::auth::Caller;
use super::shapes::AttemptOut;
use crate::actors::messages::AccountStatus;
use crate::domain::{ApplicationRule, Attempt, Customer, Reason, RedriveId, Stage, State, Timestamp};
use crate::policy::GateState;
use crate::store::{Record, SentAgain};

/// One thing that happened.
#[derive(Serialize)]
pub(super) struct Happened {
    at: Timestamp,
    #[serde(flatten)]
    what: What,
}

/// What it was.
#[derive(Serialize)]
#[serde(tag = "what", rename_all = "snake_case", rename_all_fields = "camelCase")]
enum What {
    Accepted {
        /// What the request is called by which it came in.
        #[serde(skip_serializing_if = "Option::is_none")]
        request: Option<String>,
        /// The name of the caller's key.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        customer: Customer,
        /// The pointer to the customer in the event, or `key` or `default`.
        customer_from: String,
        application: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        application_from: Option<ApplicationRule>,
        /// Which version of the customer's settings it was judged by.
        #[serde(skip_serializing_if = "Option::is_none")]
        settings_version: Option<i64>,
        /// What the customer's filter said.
        #[serde(skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
    },
    Attempt(AttemptOut),
    Ended {
        state: State,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        #[serde(skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    Redriven {
        /// The job; none where it was asked for by itself.
        #[serde(skip_serializing_if = "Option::is_none")]
        redrive: Option<RedriveId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
}

/// What happens next, or why nothing does.
#[derive(Serialize)]
pub(super) struct Next {
    /// When, where anything does.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
    what: &'static str,
    /// What holds it up beyond that.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<String>,
}

/// Tells everything in order.
pub(super) fn tell(
    record: &Record,
    attempts: &[Attempt],
    sent_again: &[SentAgain],
    caller: &Caller,
) -> Vec<Happened> {
    let mut history = vec![accepted(record, caller)];
    history.extend(attempts.iter().map(|attempt| Happened {
        at: attempt.started_at,
        what: What::Attempt(AttemptOut::new(attempt.clone(), caller)),
    }));
    for again in sent_again {
        history.extend(again.died_at.map(|at| Happened {
            at,
            what: What::Ended {
                state: State::Dead,
                reason: again.reason.clone(),
                status: again.status,
                detail: again.detail.clone(),
            },
        }));
        history.push(Happened {
            at: again.at,
            what: What::Redriven {
                // The job may have been about others too.
                redrive: again.redrive.filter(|_| caller.customer.is_none()),
                by: caller.shown(again.key.clone()),
            },
        });
    }
    history.extend(record.settled_at.map(|at| Happened {
        at,
        what: What::Ended {
            state: record.state,
            reason: record.reason.map(|reason| reason.as_str().to_owned()),
            status: record.status,
            detail: record.detail.clone(),
        },
    }));
    // Those of the same millisecond stay in this order.
    history.sort_by_key(|happened| happened.at);
    history
}

fn accepted(record: &Record, caller: &Caller) -> Happened {
    let origin = &record.origin;
    Happened {
        at: record.accepted_at,
        what: What::Accepted {
            // What callers call their requests is between them and the operator.
            request: origin
                .call
                .as_ref()
                .filter(|_| caller.customer.is_none())
                .map(|call| call.request.to_string()),
            by: caller.shown(origin.key.clone()),
            customer: record.customer.clone(),
            customer_from: origin
                .customer_rule
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
            application: record.application.clone(),
            application_from: origin.application_rule,
            settings_version: origin.settings_version,
            filter: origin.filter.clone(),
        },
    }
}

/// Tells what happens next. `account` is how its account stands, where it is queued, and `paused` whether its
/// customer is.
pub(super) fn next(record: &Record, account: Option<&AccountStatus>, paused: bool) -> Next {
    let what = match (record.state, record.reason) {
        (State::Queued, _) => match record.progress.stage {
            Stage::Send => "it is sent to Svix",
            Stage::Confirm => "what Svix holds under its id is fetched and compared",
            Stage::Prove { .. } => "it is looked up whether Svix has dispatched it",
        },
        (State::Delivered, _) => "nothing: Svix has it",
        (State::Filtered, _) => "nothing: a filter decided that it is not sent",
        (State::Expired, _) => "nothing: its time was over before Svix had it",
        (State::Dead, Some(Reason::Unreadable)) => "nothing: its row in the store cannot be read",
        (State::Dead, Some(Reason::EventIdTaken)) => {
            "nothing by itself: Svix holds another message under its id; sent again, it comes to the same"
        }
        (State::Dead, _) => "nothing by itself; it can be sent again",
    };
    let queued = record.state == State::Queued;
    Next {
        at: queued.then_some(record.due_at),
        what,
        held: match queued && paused {
            true => Some("its customer is paused".to_owned()),
            false => account.and_then(|account| held(account.gate)),
        },
    }
}

fn held(gate: GateState) -> Option<String> {
    match gate {
        GateState::Open => None,
        GateState::Limited { until } => Some(format!("Svix limits the account until {until}")),
        GateState::Circuit { next_probe, .. } => {
            Some(format!("Svix is unavailable; the next probe goes out at {next_probe}"))
        }
        GateState::Refused { next_probe, .. } => Some(format!(
            "Svix refuses the account's token or knows none of its applications; the next probe goes out at {next_probe}"
        )),
    }
}
