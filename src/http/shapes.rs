//! A notification and its requests as look-ups show them.

use std::time::Duration;

use serde::Serialize;

use super::auth::Caller;
use crate::domain::{Attempt, Customer, EventId, NotificationId, Reason, Stage, State, Timestamp};
use crate::store::Record;

/// A notification.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NotificationOut {
    id: NotificationId,
    event_id: EventId,
    customer: Customer,
    account: String,
    application: String,
    event_type: String,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    /// What Svix said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<Timestamp>,
    accepted_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    svix_message_id: Option<String>,
    stage: &'static str,
    ambiguous: bool,
    attempts_made: u32,
    attempts_spent: u32,
    redrives: u32,
    digest: String,
}

impl NotificationOut {
    /// Shows what the caller may know. The id at Svix would tell one of one customer whether another has posted the
    /// same.
    pub(super) fn new(record: Record, caller: &Caller) -> Self {
        Self {
            id: record.id,
            event_id: if caller.customer.is_some() {
                record.event_key
            } else {
                record.event_id
            },
            customer: record.customer,
            account: record.account.as_str().to_owned(),
            application: record.application,
            event_type: record.event_type,
            state: record.state,
            reason: record.reason,
            detail: record.detail,
            status: record.status,
            occurred_at: record.occurred_at,
            accepted_at: record.accepted_at,
            expires_at: record.expires_at,
            due_at: (record.state == State::Queued).then_some(record.due_at),
            settled_at: record.settled_at,
            svix_message_id: record.progress.message_id,
            stage: match record.progress.stage {
                Stage::Send => "send",
                Stage::Confirm => "confirm",
                Stage::Prove { .. } => "prove",
            },
            ambiguous: record.progress.ambiguous,
            attempts_made: record.progress.attempts,
            attempts_spent: record.progress.spent,
            redrives: record.redrives,
            digest: format!(
                "sha256:{}",
                record
                    .digest
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>()
            ),
        }
    }
}

/// One request to Svix.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttemptOut {
    number: u32,
    step: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    /// How long it waited from then on: for a place, the pace and a thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    waited_ms: Option<u64>,
    started_at: Timestamp,
    duration_ms: u64,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// The process that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<String>,
}

impl AttemptOut {
    /// Shows what the caller may know: which processes there are is nothing for one of one customer.
    pub(super) fn new(attempt: Attempt, caller: &Caller) -> Self {
        Self {
            number: attempt.number,
            step: attempt.step,
            due_at: attempt.due_at,
            waited_ms: attempt
                .due_at
                .map(|due_at| millis(attempt.started_at.since(due_at))),
            started_at: attempt.started_at,
            duration_ms: millis(attempt.duration),
            outcome: attempt.answer.as_str(),
            status: attempt.status,
            detail: attempt.detail,
            replica: attempt.replica.filter(|_| caller.customer.is_none()),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
