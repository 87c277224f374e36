//! Stores new notifications, and finds out which of them are known already.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Row, Sqlite};

use super::chunks::{Chunked, LARGEST};
use super::population::Population;
use super::rows;
use crate::domain::{Customer, EventId, State};
use crate::store::ledger::Changes;
use crate::store::port::AcceptReceipt;
use crate::store::{Existing, NewNotification, StoreError};

/// The statements of this file.
pub(super) struct AcceptStatements {
    notifications: Chunked,
    events: Chunked,
}

impl Default for AcceptStatements {
    fn default() -> Self {
        Self {
            notifications: Chunked::new(
                "INSERT INTO notifications (seq, id, customer, event_key, event_id, account, application, \
                 create_application, event_type, occurred_at, payload_start, payload_end, digest, accepted_at, \
                 due_at, state) VALUES",
                16,
                "ON CONFLICT (event_key, customer) DO NOTHING",
            ),
            events: Chunked::new("INSERT INTO events (seq, body) VALUES", 2, ""),
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
    /// Stores what is new, numbered after `last_row`. Answers in the order of `news`.
    pub(super) async fn run(
        &self,
        connection: &mut SqliteConnection,
        news: &[NewNotification],
        population: &Population,
        last_row: i64,
        changes: &mut Changes,
    ) -> Result<Vec<AcceptReceipt>, StoreError> {
        if news.is_empty() {
            return Ok(Vec::new());
        }
        let taken = Taken::find(connection, news, population).await?;
        let candidates: Vec<Candidate<'_>> = news
            .iter()
            .zip(last_row + 1..)
            .map(|(new, row)| Candidate {
                row,
                event_id: taken.event_id(new),
                new,
            })
            .collect();
        let mut known = HashMap::new();
        for (statement, chunk) in self.notifications.cut(&candidates, LARGEST) {
            let query = chunk.iter().fold(sqlx::query(statement), bind_notification);
            let stored = query.execute(&mut *connection).await?.rows_affected();
            if stored != chunk.len() as u64 {
                find_known(connection, &candidates, chunk, &mut known).await?;
            }
        }
        let stored: Vec<&Candidate<'_>> = candidates
            .iter()
            .filter(|candidate| !known.contains_key(&candidate.row))
            .collect();
        for (statement, chunk) in self.events.cut(&stored, LARGEST) {
            let query = chunk.iter().fold(sqlx::query(statement), |query, candidate| {
                query.bind(candidate.row).bind(candidate.new.event.to_vec())
            });
            query.execute(&mut *connection).await?;
        }
        let receipts = candidates
            .into_iter()
            .map(|candidate| match known.remove(&candidate.row) {
                Some(existing) => {
                    if existing.other_event.is_none() {
                        changes.duplicate(&candidate.new.customer);
                    }
                    AcceptReceipt::Known(existing)
                }
                None => {
                    changes.accepted(&candidate.new.customer, State::Queued);
                    AcceptReceipt::Stored {
                        row: candidate.row,
                        event_id: candidate.event_id,
                    }
                }
            });
        Ok(receipts.collect())
    }
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind_notification<'q>(query: Query<'q>, candidate: &Candidate<'_>) -> Query<'q> {
    let new = candidate.new;
    let accepted_at = new.accepted_at.as_millis();
    query
        .bind(candidate.row)
        .bind(new.id.as_bytes().to_vec())
        .bind(new.customer.as_str().to_owned())
        .bind(new.event_key.as_str().to_owned())
        .bind(candidate.event_id.as_str().to_owned())
        .bind(new.account.as_str().to_owned())
        .bind(new.application.to_string())
        .bind(new.create_application)
        .bind(new.event_type.clone())
        .bind(new.occurred_at.map(crate::domain::Timestamp::as_millis))
        .bind(rows::index(new.payload.start))
        .bind(rows::index(new.payload.end))
        .bind(new.digest.to_vec())
        .bind(accepted_at)
        .bind(accepted_at)
        .bind(State::Queued.as_str())
}

/// Reads what stands where some of a chunk should have gone.
async fn find_known(
    connection: &mut SqliteConnection,
    candidates: &[Candidate<'_>],
    chunk: &[Candidate<'_>],
    known: &mut HashMap<i64, Existing>,
) -> Result<(), StoreError> {
    for candidate in chunk {
        let row = sqlx::query(
            "SELECT seq, id, event_id, state, digest FROM notifications WHERE event_key = ? AND customer = ?",
        )
        .bind(candidate.new.event_key.as_str().to_owned())
        .bind(candidate.new.customer.as_str().to_owned())
        .fetch_one(&mut *connection)
        .await?;
        let seq: i64 = row.try_get("seq")?;
        if seq == candidate.row {
            continue;
        }
        let same_bytes = row.try_get::<Vec<u8>, _>("digest")? == candidate.new.digest;
        let other_event = if same_bytes {
            None
        } else {
            let body = sqlx::query_scalar("SELECT body FROM events WHERE seq = ?");
            // One in the same transaction has no event yet.
            let stored: Option<Vec<u8>> = body.bind(seq).fetch_optional(&mut *connection).await?;
            let here = || {
                candidates
                    .iter()
                    .find(|other| other.row == seq)
                    .map(|other| other.new.event.to_vec())
            };
            Some(stored.or_else(here).unwrap_or_default())
        };
        let existing = Existing {
            id: rows::id(&row)?,
            event_id: EventId::from_stored(row.try_get("event_id")?),
            state: rows::named(&row, "state")?,
            other_event,
        };
        known.insert(candidate.row, existing);
    }
    Ok(())
}

/// The ids that Svix already has, or will have, from other customers in the same application.
#[derive(Default)]
struct Taken(HashMap<(String, String), Customer>);

impl Taken {
    async fn find(
        connection: &mut SqliteConnection,
        news: &[NewNotification],
        population: &Population,
    ) -> Result<Self, StoreError> {
        let mut taken = Self::default();
        if !population.is_several_with(news.iter().map(|new| &new.customer)) {
            return Ok(taken);
        }
        let shared: Vec<&NewNotification> = news.iter().filter(|new| new.shared_application).collect();
        if shared.is_empty() {
            return Ok(taken);
        }
        for new in &shared {
            taken.note(new.application.to_string(), new.event_key.as_str().to_owned(), &new.customer);
        }
        let keys: Vec<&str> = shared.iter().map(|new| new.event_key.as_str()).collect();
        let keys = serde_json::to_string(&keys).unwrap_or_default();
        // The one that was there first keeps the id; `seq` tells which that was.
        let rows = sqlx::query(
            "SELECT event_key, application, customer FROM notifications \
             WHERE event_key IN (SELECT value FROM json_each(?)) ORDER BY seq DESC",
        )
        .bind(keys)
        .fetch_all(connection)
        .await?;
        for row in rows {
            let customer: String = row.try_get("customer")?;
            if let Ok(customer) = Customer::parse(&customer) {
                taken
                    .0
                    .insert((row.try_get("application")?, row.try_get("event_key")?), customer);
            }
        }
        Ok(taken)
    }

    fn note(&mut self, application: String, event_key: String, customer: &Customer) {
        self.0
            .entry((application, event_key))
            .or_insert_with(|| customer.clone());
    }

    /// Returns the id that a notification gets at Svix: its key, unless another customer's has that.
    fn event_id(&self, new: &NewNotification) -> EventId {
        let place = (new.application.to_string(), new.event_key.as_str().to_owned());
        match self.0.get(&place) {
            Some(holder) if *holder != new.customer => {
                EventId::of_parts(&[new.customer.as_str(), new.event_key.as_str()])
            }
            _ => new.event_key.clone(),
        }
    }
}
