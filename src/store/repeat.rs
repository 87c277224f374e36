//! Posts of what is known already, or may be.

use bytes::Bytes;

use super::{Existing, Filter, NewNotification, OtherEvent, Store, StoreError};
use crate::domain::Customer;

impl Store {
    /// Finds the notification that a post would run into, where there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn find_known(&self, new: &NewNotification) -> Result<Option<Existing>, StoreError> {
        let mut filter = Filter {
            event_ids: vec![new.event_key.as_str().to_owned()],
            limit: 2,
            ..Filter::default()
        };
        filter.narrowing.customer = Some(new.customer.clone());
        // Another of the customer's may go out under what is this one's key.
        let found = self.list(filter).await?.records;
        let Some(record) = found.into_iter().find(|record| record.event_key == new.event_key) else {
            return Ok(None);
        };
        let is_same = record.digest == new.digest;
        Ok(Some(Existing {
            id: record.id,
            event_id: record.event_id,
            state: record.state,
            other_event: (!is_same).then_some(OtherEvent::Stored(record.row)),
        }))
    }

    /// Reads the event of a customer's notification that a post ran into. One that is gone is empty: it is other than
    /// whatever is posted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn other_event(&self, customer: Customer, other: OtherEvent) -> Result<Bytes, StoreError> {
        Ok(match other {
            OtherEvent::Posted(event) => event,
            OtherEvent::Stored(row) => self.reader.event(customer, row).await?.unwrap_or_default().into(),
        })
    }
}
