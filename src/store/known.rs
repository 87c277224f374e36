//! What the store holds already of the events in a batch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::fields::Fields;
use super::port::Accept;
use super::rows;
use super::{Existing, NewNotification, OtherEvent, StoreError};
use crate::domain::{Customer, EventId};

/// The columns that a row must have to be known by.
pub(super) const COLUMNS: &str = "seq, id, customer, event_key, event_id, application, state, digest";

/// The notifications with the keys of a batch, of whichever customer: those in the store, and with
/// time those of the batch before the one that is looked at.
pub(super) struct Known<'a, R> {
    by_event: HashMap<(&'a str, &'a str), Held<'a, R>>,
    /// The keys of the batch, by application, each with the customer that comes first.
    batch: HashMap<(&'a str, &'a str), &'a Customer>,
    /// What is a key or an id at Svix already, by application.
    taken: HashSet<(Arc<str>, EventId)>,
    /// The digests of which that is known.
    looked_up: HashSet<EventId>,
}

/// A notification that is known, where it is.
enum Held<'a, R> {
    InStore(&'a R),
    InBatch(&'a NewNotification, EventId),
}

/// Returns the keys of a batch, and those of them under which a notification of another key may have gone out.
pub(super) fn keys<'a>(accepts: &[Accept<'a>]) -> (Vec<&'a str>, Vec<&'a str>) {
    let keys = accepts.iter().map(|accept| &accept.new.event_key);
    let digests = keys.clone().filter(|key| key.is_digest());
    (keys.map(EventId::as_str).collect(), digests.map(EventId::as_str).collect())
}

impl<'a, R: Fields> Known<'a, R> {
    /// Reads the rows that were found with the keys of a batch.
    pub(super) fn read(found: &'a [R], accepts: &[Accept<'a>]) -> Self {
        let mut known = Self {
            by_event: HashMap::new(),
            batch: HashMap::with_capacity(accepts.len()),
            taken: HashSet::with_capacity(accepts.len()),
            looked_up: HashSet::new(),
        };
        for row in found {
            // A row that cannot be read is nothing that anybody could run into.
            if let (Ok(key), Ok(customer)) = (rows::text(row, "event_key"), rows::text(row, "customer")) {
                known.by_event.insert((key, customer), Held::InStore(row));
            }
        }
        known.take(found);
        for Accept { new, .. } in accepts {
            let key = (&*new.application, new.event_key.as_str());
            known.batch.entry(key).or_insert(&new.customer);
        }
        known
    }

    /// Returns the digests that notifications of the batch may get in place of their keys. They are looked up like
    /// keys, and noted with [`Self::note`], until there are none.
    pub(super) fn digests(&self, accepts: &[Accept<'_>]) -> Vec<EventId> {
        let displaced = accepts.iter().map(|accept| accept.new).filter(|new| {
            let (application, key, customer) =
                (&*new.application, new.event_key.as_str(), new.customer.as_str());
            let is_first = self.batch.get(&(application, key)) == Some(&&new.customer);
            let is_new = !self.by_event.contains_key(&(key, customer));
            is_new && (!is_first || self.is_taken(new, &new.event_key))
        });
        let digests = displaced.map(|new| self.replacement(new));
        digests
            .filter(|digest| !self.looked_up.contains(digest))
            .collect()
    }

    /// Notes the rows that were found with digests.
    pub(super) fn note(&mut self, digests: Vec<EventId>, found: &[R]) {
        self.looked_up.extend(digests);
        self.take(found);
    }

    fn take(&mut self, found: &[R]) {
        for row in found {
            let Ok(application) = rows::text(row, "application") else {
                continue;
            };
            let application: Arc<str> = application.into();
            for column in ["event_key", "event_id"] {
                if let Ok(id) = rows::text(row, column) {
                    self.taken.insert((application.clone(), EventId::from_stored(id)));
                }
            }
        }
    }

    /// Notes that a notification of the batch will be stored. Returns the id it gets at Svix: its
    /// key, unless another's in the same application has that.
    pub(super) fn add(&mut self, new: &'a NewNotification) -> EventId {
        let event_id = if self.is_taken(new, &new.event_key) {
            self.replacement(new)
        } else {
            new.event_key.clone()
        };
        self.taken
            .insert((new.application.clone(), new.event_key.clone()));
        if event_id != new.event_key {
            self.taken.insert((new.application.clone(), event_id.clone()));
        }
        let key = (new.event_key.as_str(), new.customer.as_str());
        self.by_event.insert(key, Held::InBatch(new, event_id.clone()));
        event_id
    }

    fn is_taken(&self, new: &NewNotification, id: &EventId) -> bool {
        self.taken.contains(&(new.application.clone(), id.clone()))
    }

    /// Makes an id for what cannot have its key as one: the same whenever it comes, unless that is taken as well.
    fn replacement(&self, new: &NewNotification) -> EventId {
        let digest = |number| EventId::displaced(new.customer.as_str(), new.event_key.as_str(), number);
        let mut number = 0;
        loop {
            let id = digest(number);
            let is_of_batch = self.batch.contains_key(&(&*new.application, id.as_str()));
            if !is_of_batch && !self.is_taken(new, &id) {
                return id;
            }
            number += 1;
        }
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
                state: first.state(),
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
