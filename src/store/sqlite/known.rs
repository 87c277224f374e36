//! What the store holds already of the events in a batch.

use std::collections::HashMap;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::rows;
use crate::domain::EventId;
use crate::store::port::Accept;
use crate::store::{Existing, NewNotification, StoreError};

/// The notifications with the keys of a batch, of whichever customer: those in the store, and with
/// time those of the batch before the one that is looked at.
#[derive(Default)]
pub(super) struct Known<'a> {
    by_event: HashMap<(&'a str, &'a str), Held<'a>>,
    /// The customer whose notification has a key as its id, by application and key.
    holders: HashMap<(&'a str, &'a str), &'a str>,
}

/// A notification that is known, where it is.
enum Held<'a> {
    InStore(&'a SqliteRow),
    InBatch(&'a NewNotification, EventId),
}

/// Begins a transaction that writes, and finds the rows with the keys of a batch. They are the
/// first trip of a transaction, so that there are as few as possible.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    accepts: &[Accept<'_>],
) -> Result<Vec<SqliteRow>, StoreError> {
    if accepts.is_empty() {
        sqlx::query("BEGIN IMMEDIATE").execute(connection).await?;
        return Ok(Vec::new());
    }
    let keys: Vec<&str> = accepts
        .iter()
        .map(|accept| accept.new.event_key.as_str())
        .collect();
    // The one that was there first keeps the id at Svix; `seq` tells which that was.
    let query = sqlx::query(
        "BEGIN IMMEDIATE; SELECT seq, id, customer, event_key, event_id, application, state, digest \
         FROM notifications WHERE event_key IN (SELECT value FROM json_each(?)) ORDER BY seq",
    )
    .bind(serde_json::to_string(&keys).unwrap_or_default());
    Ok(query.fetch_all(connection).await?)
}

impl<'a> Known<'a> {
    /// Reads the rows that were found.
    pub(super) fn read(found: &'a [SqliteRow]) -> Self {
        let mut known = Self::default();
        for row in found {
            let text = |column| row.try_get::<&str, _>(column);
            // A row that cannot be read is nothing that anybody could run into.
            if let (Ok(key), Ok(customer), Ok(application)) =
                (text("event_key"), text("customer"), text("application"))
            {
                known.holders.entry((application, key)).or_insert(customer);
                known.by_event.insert((key, customer), Held::InStore(row));
            }
        }
        known
    }

    /// Notes that a notification of the batch will be stored. Returns the id it gets at Svix: its
    /// key, unless another customer's in the same application has that.
    pub(super) fn add(&mut self, new: &'a NewNotification) -> EventId {
        let (key, customer) = (new.event_key.as_str(), new.customer.as_str());
        let holder = self.holders.entry((&new.application, key)).or_insert(customer);
        let event_id = if *holder == customer {
            new.event_key.clone()
        } else {
            EventId::of_parts(&[customer, key])
        };
        self.by_event
            .insert((key, customer), Held::InBatch(new, event_id.clone()));
        event_id
    }

    /// Returns what a notification runs into, if it does.
    pub(super) async fn find(
        &self,
        connection: &mut SqliteConnection,
        new: &NewNotification,
    ) -> Result<Option<Existing>, StoreError> {
        let Some(held) = self
            .by_event
            .get(&(new.event_key.as_str(), new.customer.as_str()))
        else {
            return Ok(None);
        };
        Ok(Some(match held {
            Held::InBatch(first, event_id) => Existing {
                id: first.id,
                event_id: event_id.clone(),
                state: crate::domain::State::Queued,
                other_event: (first.digest != new.digest).then(|| first.event.to_vec()),
            },
            Held::InStore(row) => Existing {
                id: rows::id(row)?,
                event_id: EventId::from_stored(row.try_get("event_id")?),
                state: rows::named(row, "state")?,
                other_event: if row.try_get::<&[u8], _>("digest")? == new.digest {
                    None
                } else {
                    Some(event(connection, row.try_get("seq")?).await?)
                },
            },
        }))
    }
}

async fn event(connection: &mut SqliteConnection, seq: i64) -> Result<Vec<u8>, StoreError> {
    let body = sqlx::query_scalar("SELECT body FROM events WHERE seq = ?");
    // One that has lost its event is other than whatever is posted.
    let event: Option<Vec<u8>> = body.bind(seq).fetch_optional(connection).await?;
    Ok(event.unwrap_or_default())
}
