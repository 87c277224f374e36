//! Stores new notifications, and tells which of them are known already.

use sqlx::Sqlite;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::begin;
use super::chunks::{Chunked, LARGEST, Rows};
use super::leases::Leases;
use crate::domain::{ApplicationRule, EventId, Timestamp};
use crate::store::changes::Changes;
use crate::store::known::Known;
use crate::store::port::{Accept, AcceptReceipt};
use crate::store::{Existing, NewNotification, StoreError, rows};

/// The statement of this file.
pub(super) struct AcceptStatements(Chunked);

impl Default for AcceptStatements {
    fn default() -> Self {
        Self(Chunked::new(&[
            Rows {
                head: "INSERT OR FAIL INTO notifications (seq, id, customer, event_key, event_id, account, application, \
                       create_application, event_type, occurred_at, payload_start, payload_end, digest, \
                       accepted_at, due_at, expires_at, accepted_by, customer_rule, application_rule, \
                       application_name, settings_version, filter, settled_at, state, request, trace) VALUES",
                row: "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                tail: "",
            },
            Rows {
                head: "INSERT OR FAIL INTO events (seq, body) VALUES",
                row: "(?, ?)",
                tail: "",
            },
        ]))
    }
}

/// What became of one accept.
pub(super) enum Stored {
    /// It is in this row, with this id at Svix.
    New(i64, EventId),
    Known(Existing),
}

impl Stored {
    /// Tells the caller, once the transaction has come to its end.
    pub(super) fn receipt(self, accept: &Accept<'_>, leases: &mut Leases) -> AcceptReceipt {
        match self {
            Self::Known(existing) => AcceptReceipt::Known(existing),
            Self::New(row, event_id) => AcceptReceipt::Stored {
                event_id,
                lease: accept.leases().then(|| leases.take(&accept.new.customer, row)),
            },
        }
    }
}

/// A new notification with the row and the id at Svix that it will have.
struct Candidate<'a> {
    row: i64,
    event_id: EventId,
    new: &'a NewNotification,
}

impl AcceptStatements {
    /// Stores what is new, numbered after `last_row`; `found` are the rows with the same keys.
    /// Answers in the order of `accepts`, with the row of what is new.
    pub(super) async fn run(
        &self,
        connection: &mut SqliteConnection,
        accepts: &[Accept<'_>],
        found: &[SqliteRow],
        last_row: i64,
        changes: &mut Changes,
    ) -> Result<Vec<Stored>, StoreError> {
        let mut known = Known::read(found, accepts);
        loop {
            let digests = known.digests(accepts);
            if digests.is_empty() {
                break;
            }
            let found = begin::look_up(connection, &digests).await?;
            known.note(digests, &found);
        }
        let mut candidates = Vec::with_capacity(accepts.len());
        let mut stored = Vec::with_capacity(accepts.len());
        for (Accept { new, .. }, row) in accepts.iter().zip(last_row + 1..) {
            if let Some(existing) = known.find(new)? {
                if existing.other_event.is_none() {
                    changes.duplicate(&new.customer, new.accepted_at);
                }
                stored.push(Stored::Known(existing));
                continue;
            }
            let event_id = known.add(new);
            changes.accepted(&new.customer, new.accepted_at, new.state());
            stored.push(Stored::New(row, event_id.clone()));
            candidates.push(Candidate { row, event_id, new });
        }
        for (statement, chunk) in self.0.cut(&candidates, LARGEST) {
            let query = chunk.iter().fold(sqlx::query(statement), bind_notification);
            let query = chunk.iter().fold(query, bind_event);
            query.execute(&mut *connection).await?;
        }
        Ok(stored)
    }
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind_notification<'q>(query: Query<'q>, candidate: &Candidate<'_>) -> Query<'q> {
    let new = candidate.new;
    let accepted_at = new.accepted_at.as_millis();
    let call = new.origin.call.as_ref();
    query
        .bind(candidate.row)
        .bind(new.id.as_bytes().to_vec())
        .bind(new.customer.as_str().to_owned())
        .bind(new.event_key.as_str().to_owned())
        .bind(candidate.event_id.as_str().to_owned())
        .bind(new.account.as_str().to_owned())
        .bind(new.application.to_string())
        .bind(new.create_application.is_some())
        .bind(new.event_type.clone())
        .bind(new.occurred_at.map(Timestamp::as_millis))
        .bind(rows::index(new.payload.start))
        .bind(rows::index(new.payload.end))
        .bind(new.digest.to_vec())
        .bind(accepted_at)
        .bind(accepted_at)
        .bind(new.expires_at.map(Timestamp::as_millis))
        .bind(new.origin.key.clone())
        .bind(new.origin.customer_rule.clone())
        .bind(new.origin.application_rule.map(ApplicationRule::as_str))
        .bind(new.create_application.as_ref().map(ToString::to_string))
        .bind(new.origin.settings_version)
        .bind(new.origin.filter.clone())
        .bind(new.settled_at().map(Timestamp::as_millis))
        .bind(new.state().as_str())
        .bind(call.map(|call| call.request.as_str().to_owned()))
        .bind(call.and_then(|call| call.trace).map(|trace| trace.to_string()))
}

fn bind_event<'q>(query: Query<'q>, candidate: &Candidate<'_>) -> Query<'q> {
    query.bind(candidate.row).bind(candidate.new.event.to_vec())
}
