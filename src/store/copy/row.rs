//! A notification with all that belongs to it, column by column, as either database holds it.

use crate::store::fields::Fields;
use crate::store::rows::{bytes, int, text};

/// A row of `notifications`, with its event and its attempts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moved {
    pub(super) seq: i64,
    pub(super) id: Vec<u8>,
    pub(super) customer: String,
    pub(super) event_key: String,
    pub(super) event_id: String,
    pub(super) account: String,
    pub(super) application: String,
    pub(super) create_application: bool,
    pub(super) event_type: String,
    pub(super) occurred_at: Option<i64>,
    pub(super) payload_start: i64,
    pub(super) payload_end: i64,
    pub(super) digest: Vec<u8>,
    pub(super) accepted_at: i64,
    pub(super) state: String,
    pub(super) due_at: i64,
    pub(super) stage: String,
    pub(super) stage_since: i64,
    pub(super) resends: i64,
    pub(super) attempts: i64,
    pub(super) spent: i64,
    pub(super) ambiguous: bool,
    pub(super) message_id: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) status: Option<i64>,
    pub(super) settled_at: Option<i64>,
    pub(super) sent_at: Option<i64>,
    pub(super) sent_ms: Option<i64>,
    /// Until when a holder may have sent it without recording that.
    pub(super) suspect_at: Option<i64>,
    /// None where it has been lost.
    pub(super) event: Option<Vec<u8>>,
    pub(super) made: Vec<MovedAttempt>,
}

/// A row of `attempts`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MovedAttempt {
    pub(super) number: i64,
    pub(super) step: String,
    pub(super) started_at: i64,
    pub(super) duration_ms: i64,
    pub(super) answer: String,
    pub(super) status: Option<i64>,
    pub(super) detail: String,
}

/// The columns that are read alike from either database.
pub(super) const COLUMNS: &str = "seq, id, customer, event_key, event_id, account, application, \
    create_application, event_type, occurred_at, payload_start, payload_end, digest, accepted_at, state, \
    due_at, stage, stage_since, resends, attempts, spent, ambiguous, message_id, reason, detail, status, \
    settled_at, sent_at, sent_ms";

/// Reads a row of a notification; event and attempts follow.
pub(super) fn moved(row: &impl Fields) -> Result<Moved, sqlx::Error> {
    let owned = |column| text(row, column).map(str::to_owned);
    let optional = |column| row.text(column).map(|text| text.map(str::to_owned));
    Ok(Moved {
        seq: int(row, "seq")?,
        id: bytes(row, "id")?.to_vec(),
        customer: owned("customer")?,
        event_key: owned("event_key")?,
        event_id: owned("event_id")?,
        account: owned("account")?,
        application: owned("application")?,
        create_application: row.flag("create_application")?,
        event_type: owned("event_type")?,
        occurred_at: row.int("occurred_at")?,
        payload_start: int(row, "payload_start")?,
        payload_end: int(row, "payload_end")?,
        digest: bytes(row, "digest")?.to_vec(),
        accepted_at: int(row, "accepted_at")?,
        state: owned("state")?,
        due_at: int(row, "due_at")?,
        stage: owned("stage")?,
        stage_since: int(row, "stage_since")?,
        resends: int(row, "resends")?,
        attempts: int(row, "attempts")?,
        spent: int(row, "spent")?,
        ambiguous: row.flag("ambiguous")?,
        message_id: optional("message_id")?,
        reason: optional("reason")?,
        detail: optional("detail")?,
        status: row.int("status")?,
        settled_at: row.int("settled_at")?,
        sent_at: row.int("sent_at")?,
        sent_ms: row.int("sent_ms")?,
        suspect_at: row.int("suspect_at")?,
        event: None,
        made: Vec::new(),
    })
}

/// Reads a row of `attempts`.
pub(super) fn attempt(row: &impl Fields) -> Result<MovedAttempt, sqlx::Error> {
    Ok(MovedAttempt {
        number: int(row, "number")?,
        step: text(row, "step")?.to_owned(),
        started_at: int(row, "started_at")?,
        duration_ms: int(row, "duration_ms")?,
        answer: text(row, "answer")?.to_owned(),
        status: row.int("status")?,
        detail: text(row, "detail")?.to_owned(),
    })
}
