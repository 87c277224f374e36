//! Between rows and domain words.

use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;

use super::Record;
use super::fields::Fields;
use crate::domain::{
    AccountName, Attempt, Call, CredentialId, Customer, Doubt, EventId, Notification, NotificationId, Origin,
    Progress, RedriveId, Stage, Timestamp,
};

/// The names of the stages, as stored.
const SEND: &str = "send";
const CONFIRM: &str = "confirm";
const PROVE: &str = "prove";

/// The most requests that are recorded for one notification; the count goes on beyond it.
pub const ATTEMPTS_KEPT: u32 = 100;

pub(super) fn stage_name(stage: &Stage) -> &'static str {
    match stage {
        Stage::Send => SEND,
        Stage::Confirm => CONFIRM,
        Stage::Prove { .. } => PROVE,
    }
}

/// Makes a number that a database can hold of a length; beyond its range, the largest.
pub(super) fn index(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Makes an error of a value that is not what the column should hold.
pub(super) fn unreadable(
    column: &str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(source),
    }
}

/// Insists on a value.
fn given<T>(column: &str, value: Option<T>) -> Result<T, sqlx::Error> {
    value.ok_or_else(|| unreadable(column, std::io::Error::other("is null")))
}

pub(super) fn int(row: &impl Fields, column: &str) -> Result<i64, sqlx::Error> {
    given(column, row.int(column)?)
}

pub(super) fn text<'r>(row: &'r impl Fields, column: &str) -> Result<&'r str, sqlx::Error> {
    given(column, row.text(column)?)
}

pub(super) fn bytes<'r>(row: &'r impl Fields, column: &str) -> Result<&'r [u8], sqlx::Error> {
    given(column, row.bytes(column)?)
}

pub(super) fn id(row: &impl Fields) -> Result<NotificationId, sqlx::Error> {
    NotificationId::from_bytes(bytes(row, "id")?).map_err(|error| unreadable("id", error))
}

pub(super) fn named<T>(row: &impl Fields, column: &str) -> Result<T, sqlx::Error>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text(row, column)?
        .parse()
        .map_err(|error| unreadable(column, error))
}

/// Reads a name that need not be there.
fn optional<T>(row: &impl Fields, column: &str) -> Result<Option<T>, sqlx::Error>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let name = row.text(column)?.map(str::parse).transpose();
    name.map_err(|error| unreadable(column, error))
}

/// Reads a number that must fit a narrower type.
fn narrow<T>(row: &impl Fields, column: &str) -> Result<T, sqlx::Error>
where
    T: TryFrom<i64>,
    T::Error: std::error::Error + Send + Sync + 'static,
{
    T::try_from(int(row, column)?).map_err(|error| unreadable(column, error))
}

fn status(row: &impl Fields) -> Result<Option<u16>, sqlx::Error> {
    row.int("status")?
        .map(u16::try_from)
        .transpose()
        .map_err(|error| unreadable("status", error))
}

pub(super) fn time(row: &impl Fields, column: &str) -> Result<Timestamp, sqlx::Error> {
    int(row, column).map(Timestamp::from_millis)
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

pub(super) fn customer(row: &impl Fields) -> Result<Customer, sqlx::Error> {
    Customer::parse(text(row, "customer")?).map_err(|error| unreadable("customer", error))
}

fn progress(row: &impl Fields) -> Result<Progress, sqlx::Error> {
    let moment = |column| row.int(column).map(|at| at.map(Timestamp::from_millis));
    let stage = match text(row, "stage")? {
        SEND => Stage::Send,
        CONFIRM => Stage::Confirm,
        PROVE => Stage::Prove {
            since: time(row, "stage_since")?,
            resends: narrow(row, "resends")?,
        },
        other => return Err(unreadable("stage", std::io::Error::other(format!("{other:?} is no stage")))),
    };
    Ok(Progress {
        stage,
        attempts: narrow(row, "attempts")?,
        spent: narrow(row, "spent")?,
        ambiguous: row.flag("ambiguous")?,
        doubt: match (moment("doubt_since")?, moment("doubt_until")?) {
            (Some(since), Some(until)) => Some(Doubt { since, until }),
            _ => None,
        },
        message_id: row.text("message_id")?.map(str::to_owned),
        credential: row.int("credential")?.map(CredentialId::from_i64),
    })
}

/// Reads what a delivery needs, from a row of a notification with the body of its event.
pub(super) fn notification(
    row: &impl Fields,
    suspect_until: Option<Timestamp>,
) -> Result<Notification, sqlx::Error> {
    let event = Bytes::copy_from_slice(bytes(row, "body")?);
    let payload = narrow(row, "payload_start")?..narrow(row, "payload_end")?;
    if event.get(payload.clone()).is_none_or(<[u8]>::is_empty) {
        return Err(unreadable("payload_end", std::io::Error::other("lies outside the event")));
    }
    let accepted_at = time(row, "accepted_at")?;
    Ok(Notification {
        id: id(row)?,
        customer: customer(row)?,
        account: AccountName::new(text(row, "account")?),
        application: text(row, "application")?.into(),
        create_application: match row.flag("create_application")? {
            true => Some(
                row.text("application_name")?
                    .unwrap_or(text(row, "customer")?)
                    .into(),
            ),
            false => None,
        },
        event_id: EventId::from_stored(text(row, "event_id")?),
        event_type: text(row, "event_type")?.to_owned(),
        event,
        payload,
        accepted_at,
        due_at: time(row, "due_at")?,
        expires_at: row.int("expires_at")?.map(Timestamp::from_millis),
        redrive: row
            .bytes("redrive")?
            .map(RedriveId::from_bytes)
            .transpose()
            .map_err(|error| unreadable("redrive", error))?,
        redrives: narrow(row, "redrives")?,
        suspect_until,
        call: call(row)?,
        progress: progress(row)?,
    })
}

/// Reads the request by which a notification came in.
fn call(row: &impl Fields) -> Result<Option<Call>, sqlx::Error> {
    // What cannot be read of it holds up nothing.
    let request = row.text("request")?.and_then(|text| text.parse().ok());
    let trace = row.text("trace")?.and_then(|text| text.parse().ok());
    Ok(request.map(|request| Call { request, trace }))
}

/// The columns of a [`Record`].
pub(super) const RECORD_COLUMNS: &str = "seq, id, event_key, event_id, customer, account, application, event_type, \
    state, reason, detail, status, occurred_at, accepted_at, due_at, settled_at, stage, stage_since, resends, attempts, \
    spent, ambiguous, doubt_since, doubt_until, message_id, sent_at, sent_ms, digest, expires_at, accepted_by, customer_rule, \
    application_rule, settings_version, filter, replica, credential, redrives, payload_start, payload_end, request, trace";

/// Names the columns of a [`Record`] as those of `n`.
pub(super) fn record_columns() -> String {
    let columns: Vec<String> = RECORD_COLUMNS
        .split(", ")
        .map(|column| format!("n.{column}"))
        .collect();
    columns.join(", ")
}

/// Reads what a look-up shows.
pub(super) fn record(row: &impl Fields) -> Result<Record, sqlx::Error> {
    let moment = |column| row.int(column).map(|at| at.map(Timestamp::from_millis));
    let sent_for = duration(row.int("sent_ms")?.unwrap_or(0));
    Ok(Record {
        row: int(row, "seq")?,
        id: id(row)?,
        event_key: EventId::from_stored(text(row, "event_key")?),
        event_id: EventId::from_stored(text(row, "event_id")?),
        customer: customer(row)?,
        account: AccountName::new(text(row, "account")?),
        application: text(row, "application")?.to_owned(),
        event_type: text(row, "event_type")?.to_owned(),
        state: named(row, "state")?,
        reason: optional(row, "reason")?,
        detail: row.text("detail")?.map(str::to_owned),
        status: status(row)?,
        occurred_at: moment("occurred_at")?,
        accepted_at: time(row, "accepted_at")?,
        due_at: time(row, "due_at")?,
        settled_at: moment("settled_at")?,
        progress: progress(row)?,
        last_sent: moment("sent_at")?.map(|at| (at, sent_for)),
        digest: bytes(row, "digest")?.to_vec(),
        expires_at: moment("expires_at")?,
        origin: Origin {
            call: call(row)?,
            key: row.text("accepted_by")?.map(str::to_owned),
            customer_rule: row.text("customer_rule")?.map(str::to_owned),
            application_rule: optional(row, "application_rule")?,
            settings_version: row.int("settings_version")?,
            filter: row.text("filter")?.map(str::to_owned),
        },
        replica: row.text("replica")?.map(str::to_owned),
        redrives: narrow(row, "redrives")?,
        payload: narrow(row, "payload_start")?..narrow(row, "payload_end")?,
    })
}

/// Reads one recorded request.
pub(super) fn attempt(row: &impl Fields) -> Result<Attempt, sqlx::Error> {
    Ok(Attempt {
        number: narrow(row, "number")?,
        step: text(row, "step")?.to_owned(),
        due_at: row.int("due_at")?.map(Timestamp::from_millis),
        started_at: time(row, "started_at")?,
        duration: duration(int(row, "duration_ms")?),
        answer: named(row, "answer")?,
        status: status(row)?,
        detail: text(row, "detail")?.to_owned(),
        replica: row.text("replica")?.map(str::to_owned),
    })
}
