//! Between rows and domain words.

use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use crate::domain::{
    AccountName, Attempt, Customer, EventId, Notification, NotificationId, Progress, Stage, Timestamp,
};
use crate::store::Record;

/// The names of the stages, as stored.
const SEND: &str = "send";
const CONFIRM: &str = "confirm";
const PROVE: &str = "prove";

pub(super) fn stage_name(stage: &Stage) -> &'static str {
    match stage {
        Stage::Send => SEND,
        Stage::Confirm => CONFIRM,
        Stage::Prove { .. } => PROVE,
    }
}

/// Makes a number that SQLite can hold of a length; beyond its range, the largest.
pub(super) fn index(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Makes an error of a value that is not what the column should hold.
fn unreadable(column: &str, source: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(source),
    }
}

pub(super) fn id(row: &SqliteRow) -> Result<NotificationId, sqlx::Error> {
    NotificationId::from_bytes(row.try_get("id")?).map_err(|error| unreadable("id", error))
}

pub(super) fn named<T>(row: &SqliteRow, column: &str) -> Result<T, sqlx::Error>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.try_get::<&str, _>(column)?
        .parse()
        .map_err(|error| unreadable(column, error))
}

fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, sqlx::Error> {
    row.try_get(column).map(Timestamp::from_millis)
}

fn customer(row: &SqliteRow) -> Result<Customer, sqlx::Error> {
    Customer::parse(row.try_get("customer")?).map_err(|error| unreadable("customer", error))
}

fn progress(row: &SqliteRow) -> Result<Progress, sqlx::Error> {
    let stage = match row.try_get::<&str, _>("stage")? {
        SEND => Stage::Send,
        CONFIRM => Stage::Confirm,
        PROVE => Stage::Prove {
            since: time(row, "stage_since")?,
            resends: row.try_get("resends")?,
        },
        other => return Err(unreadable("stage", std::io::Error::other(format!("{other:?} is no stage")))),
    };
    Ok(Progress {
        stage,
        attempts: row.try_get("attempts")?,
        spent: row.try_get("spent")?,
        ambiguous: row.try_get("ambiguous")?,
        message_id: row.try_get("message_id")?,
    })
}

/// Reads what a delivery needs.
pub(super) fn notification(
    row: &SqliteRow,
    suspect_until: Option<Timestamp>,
) -> Result<Notification, sqlx::Error> {
    let event = Bytes::from(row.try_get::<Vec<u8>, _>("body")?);
    let position = |column| {
        let position = row.try_get::<i64, _>(column)?;
        usize::try_from(position).map_err(|error| unreadable(column, error))
    };
    let payload = position("payload_start")?..position("payload_end")?;
    if event.get(payload.clone()).is_none_or(<[u8]>::is_empty) {
        return Err(unreadable("payload_end", std::io::Error::other("lies outside the event")));
    }
    let accepted_at = time(row, "accepted_at")?;
    Ok(Notification {
        id: id(row)?,
        customer: customer(row)?,
        account: AccountName::new(row.try_get("account")?),
        application: row.try_get::<&str, _>("application")?.into(),
        create_application: row.try_get("create_application")?,
        event_id: EventId::from_stored(row.try_get("event_id")?),
        event_type: row.try_get("event_type")?,
        event,
        payload,
        accepted_at,
        suspect_until: suspect_until.filter(|until| accepted_at <= *until),
        progress: progress(row)?,
    })
}

/// The columns of a [`Record`].
pub(super) const RECORD_COLUMNS: &str = "seq, id, event_id, customer, account, application, event_type, state, \
    reason, detail, status, occurred_at, accepted_at, due_at, settled_at, stage, stage_since, resends, attempts, \
    spent, ambiguous, message_id, sent_at, sent_ms, digest";

/// Reads what a look-up shows.
pub(super) fn record(row: &SqliteRow) -> Result<Record, sqlx::Error> {
    let reason: Option<&str> = row.try_get("reason")?;
    let moment = |column| {
        row.try_get::<Option<i64>, _>(column)
            .map(|at| at.map(Timestamp::from_millis))
    };
    let sent_ms: Option<i64> = row.try_get("sent_ms")?;
    let duration = Duration::from_millis(u64::try_from(sent_ms.unwrap_or(0)).unwrap_or(0));
    Ok(Record {
        row: row.try_get("seq")?,
        id: id(row)?,
        event_id: EventId::from_stored(row.try_get("event_id")?),
        customer: customer(row)?,
        account: AccountName::new(row.try_get("account")?),
        application: row.try_get("application")?,
        event_type: row.try_get("event_type")?,
        state: named(row, "state")?,
        reason: reason
            .map(str::parse)
            .transpose()
            .map_err(|error| unreadable("reason", error))?,
        detail: row.try_get("detail")?,
        status: row.try_get("status")?,
        occurred_at: moment("occurred_at")?,
        accepted_at: time(row, "accepted_at")?,
        due_at: time(row, "due_at")?,
        settled_at: moment("settled_at")?,
        progress: progress(row)?,
        last_sent: moment("sent_at")?.map(|at| (at, duration)),
        digest: row.try_get("digest")?,
    })
}

/// Reads one recorded request.
pub(super) fn attempt(row: &SqliteRow) -> Result<Attempt, sqlx::Error> {
    let duration: i64 = row.try_get("duration_ms")?;
    Ok(Attempt {
        number: row.try_get("number")?,
        step: row.try_get("step")?,
        started_at: time(row, "started_at")?,
        duration: Duration::from_millis(u64::try_from(duration).unwrap_or(0)),
        answer: named(row, "answer")?,
        status: row.try_get("status")?,
        detail: row.try_get("detail")?,
    })
}
