//! Records what came of notifications.

use std::collections::HashSet;

use sqlx::Sqlite;
use sqlx::sqlite::SqliteConnection;

use super::chunks::{Chunked, LARGEST, Rows};
use crate::domain::{Attempt, CredentialId, Customer, Reason, Stage, Timestamp};
use crate::store::changes::{Changes, death_kind};
use crate::store::lease::LeasedRow;
use crate::store::rows::{self, ATTEMPTS_KEPT};
use crate::store::{Settlement, StoreError};

/// The statements of this file.
pub(super) struct SettleStatements {
    notifications: Chunked,
    attempts: Chunked,
    undelivered: Chunked,
}

impl Default for SettleStatements {
    fn default() -> Self {
        Self {
            notifications: Chunked::new(&[Rows {
                head: "WITH settled (seq, state, due_at, stage, stage_since, resends, attempts, spent, ambiguous, \
                       doubt_since, doubt_until, message_id, reason, detail, status, settled_at, sent_at, sent_ms, replica, credential) AS (VALUES",
                row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                tail: ") UPDATE OR FAIL notifications SET state = s.state, due_at = s.due_at, stage = s.stage, \
                       stage_since = s.stage_since, resends = s.resends, attempts = s.attempts, \
                       spent = s.spent, ambiguous = s.ambiguous, \
                       doubt_since = s.doubt_since, doubt_until = s.doubt_until, message_id = s.message_id, \
                       reason = s.reason, detail = s.detail, status = s.status, \
                       settled_at = s.settled_at, sent_at = s.sent_at, sent_ms = s.sent_ms, \
                       replica = s.replica, credential = s.credential FROM settled AS s WHERE notifications.seq = s.seq AND notifications.state = 'queued'",
            }]),
            attempts: Chunked::new(&[Rows {
                head: "INSERT OR IGNORE INTO attempts \
                       (seq, number, step, due_at, started_at, duration_ms, answer, status, detail, replica) VALUES",
                row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                tail: "",
            }]),
            undelivered: Chunked::new(&[
                Rows {
                    head: "INSERT OR REPLACE INTO undelivered \
                           (seq, customer, event_type, state, reason, status, outcome, settled_at) VALUES",
                    row: "(?, ?, ?, ?, ?, ?, ?, ?)",
                    tail: "",
                },
                Rows {
                    head: "INSERT OR REPLACE INTO undelivered_words (rowid, words) VALUES",
                    row: "(?, ?)",
                    tail: "",
                },
            ]),
        }
    }
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

impl SettleStatements {
    /// Records outcomes. Returns whether all rows were there and queued; where not, and unless this
    /// goes row by row, nothing of it may stand.
    pub(super) async fn run(
        &self,
        connection: &mut SqliteConnection,
        settlements: &[(&LeasedRow, &Settlement)],
        row_by_row: bool,
        changes: &mut Changes,
    ) -> Result<bool, StoreError> {
        let largest = if row_by_row { 1 } else { LARGEST };
        let mut passed_over = HashSet::new();
        for (statement, chunk) in self.notifications.cut(settlements, largest) {
            let query = chunk.iter().fold(sqlx::query(statement), bind_settlement);
            let settled = query.execute(&mut *connection).await?.rows_affected();
            if settled == chunk.len() as u64 {
                chunk
                    .iter()
                    .for_each(|(_, settlement)| changes.settled(settlement));
            } else if row_by_row {
                passed_over.extend(chunk.iter().map(|(leased, _)| leased.row));
            } else {
                return Ok(false);
            }
        }
        let settled: Vec<_> = settlements
            .iter()
            .filter(|(leased, settlement)| {
                !settlement.is_first_try_success() && !passed_over.contains(&leased.row)
            })
            .collect();
        let attempts: Vec<(i64, &Attempt)> = settled
            .iter()
            .flat_map(|(leased, settlement)| settlement.attempts.iter().map(|attempt| (leased.row, attempt)))
            .filter(|(_, attempt)| attempt.number <= ATTEMPTS_KEPT)
            .collect();
        for (statement, chunk) in self.attempts.cut(&attempts, largest) {
            chunk
                .iter()
                .fold(sqlx::query(statement), bind_attempt)
                .execute(&mut *connection)
                .await?;
        }
        let undelivered: Vec<_> = settled
            .into_iter()
            .filter(|(_, settlement)| settlement.is_undelivered())
            .collect();
        for (statement, chunk) in self.undelivered.cut(&undelivered, largest) {
            let query = chunk.iter().fold(sqlx::query(statement), bind_undelivered);
            let query = chunk.iter().fold(query, bind_words);
            query.execute(&mut *connection).await?;
        }
        Ok(true)
    }
}

fn bind_settlement<'q>(query: Query<'q>, (leased, settlement): &(&LeasedRow, &Settlement)) -> Query<'q> {
    let progress = &settlement.progress;
    let (since, resends) = match progress.stage {
        Stage::Prove { since, resends } => (since, resends),
        _ => (Timestamp::default(), 0),
    };
    let last = settlement.attempts.last();
    query
        .bind(leased.row)
        .bind(settlement.state.as_str())
        .bind(settlement.due_at.as_millis())
        .bind(rows::stage_name(&progress.stage))
        .bind(since.as_millis())
        .bind(resends)
        .bind(progress.attempts)
        .bind(progress.spent)
        .bind(progress.ambiguous)
        .bind(progress.doubt.map(|doubt| doubt.since.as_millis()))
        .bind(progress.doubt.map(|doubt| doubt.until.as_millis()))
        .bind(progress.message_id.clone())
        .bind(settlement.reason.map(Reason::as_str))
        .bind(
            last.map(|attempt| attempt.detail.clone())
                .filter(|detail| !detail.is_empty()),
        )
        .bind(last.and_then(|attempt| attempt.status))
        .bind(
            settlement
                .state
                .is_final()
                .then(|| settlement.settled_at.as_millis()),
        )
        .bind(last.map(|attempt| attempt.started_at.as_millis()))
        .bind(last.map(|attempt| rows::millis(attempt.duration)))
        .bind(last.and_then(|attempt| attempt.replica.clone()))
        .bind(progress.credential.map(CredentialId::as_i64))
}

fn bind_undelivered<'q>(query: Query<'q>, (leased, settlement): &&(&LeasedRow, &Settlement)) -> Query<'q> {
    let kind = death_kind(settlement);
    query
        .bind(leased.row)
        .bind(kind.customer.as_str().to_owned())
        .bind(kind.event_type)
        .bind(settlement.state.as_str())
        .bind(kind.reason.into_owned())
        .bind(kind.status)
        .bind(kind.outcome.into_owned())
        .bind(settlement.settled_at.as_millis())
}

fn bind_words<'q>(query: Query<'q>, (leased, settlement): &&(&LeasedRow, &Settlement)) -> Query<'q> {
    query.bind(leased.row).bind(settlement.words())
}

fn bind_attempt<'q>(query: Query<'q>, (row, attempt): &(i64, &Attempt)) -> Query<'q> {
    query
        .bind(*row)
        .bind(attempt.number)
        .bind(attempt.step.clone())
        .bind(attempt.due_at.map(Timestamp::as_millis))
        .bind(attempt.started_at.as_millis())
        .bind(rows::millis(attempt.duration))
        .bind(attempt.answer.as_str())
        .bind(attempt.status)
        .bind(attempt.detail.clone())
        .bind(attempt.replica.clone())
}

/// Notes a row that was set aside because it cannot be read.
pub(super) async fn note_unreadable(
    connection: &mut SqliteConnection,
    customer: &Customer,
    row: i64,
    event_type: &str,
    why: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let reason = Reason::Unreadable.as_str();
    sqlx::query(
        "INSERT OR REPLACE INTO undelivered (seq, customer, event_type, state, reason, status, outcome, settled_at) \
         VALUES (?, ?, ?, 'dead', ?, 0, '', ?)",
    )
    .bind(row)
    .bind(customer.as_str())
    .bind(event_type)
    .bind(reason)
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await?;
    sqlx::query("INSERT OR REPLACE INTO undelivered_words (rowid, words) VALUES (?, ?)")
        .bind(row)
        .bind(format!("{reason} {why}"))
        .execute(connection)
        .await?;
    Ok(())
}
