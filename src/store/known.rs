//! What the store holds already of the events in a batch.

use std::collections::HashMap;

use super::fields::Fields;
use super::rows;
use super::{Existing, NewNotification, OtherEvent, StoreError};
use crate::domain::{EventId, State};

/// The columns that a row must have to be known by.
pub(super) const COLUMNS: &str = "seq, id, customer, event_key, event_id, application, state, digest";

/// The notifications with the keys of a batch, of whichever customer: those in the store, and with
/// time those of the batch before the one that is looked at.
pub(super) struct Known<'a, R> {
    by_event: HashMap<(&'a str, &'a str), Held<'a, R>>,
    /// The customer whose notification has a key as its id, by application and key.
    holders: HashMap<(&'a str, &'a str), &'a str>,
}

/// A notification that is known, where it is.
enum Held<'a, R> {
    InStore(&'a R),
    InBatch(&'a NewNotification, EventId),
}

impl<'a, R: Fields> Known<'a, R> {
    /// Reads the rows that were found with the keys of a batch, the oldest first: the one that was
    /// there first keeps the id at Svix.
    pub(super) fn read(found: &'a [R]) -> Self {
        let mut known = Self {
            by_event: HashMap::new(),
            holders: HashMap::new(),
        };
        for row in found {
            // A row that cannot be read is nothing that anybody could run into.
            if let (Ok(key), Ok(customer), Ok(application)) =
                (rows::text(row, "event_key"), rows::text(row, "customer"), rows::text(row, "application"))
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
    pub(super) fn find(&self, new: &NewNotification) -> Result<Option<Existing>, StoreError> {
        let key = (new.event_key.as_str(), new.customer.as_str());
        let Some(held) = self.by_event.get(&key) else {
            return Ok(None);
        };
        Ok(Some(match held {
            Held::InBatch(first, event_id) => Existing {
                id: first.id,
                event_id: event_id.clone(),
                state: State::Queued,
                other_event: (first.digest != new.digest).then(|| OtherEvent::Posted(first.event.clone())),
            },
            Held::InStore(row) => {
                let same = rows::bytes(*row, "digest")? == new.digest;
                Existing {
                    id: rows::id(*row)?,
                    event_id: EventId::from_stored(rows::text(*row, "event_id")?),
                    state: rows::named(*row, "state")?,
                    other_event: match same {
                        true => None,
                        false => Some(OtherEvent::Stored(rows::int(*row, "seq")?)),
                    },
                }
            }
        }))
    }
}
