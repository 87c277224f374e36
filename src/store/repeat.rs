//! Posts of what may be known, asked about without storing anything.

use super::{Existing, Filter, NewNotification, Store, StoreError};

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
        let other_event = if is_same { None } else { self.event(&record).await? };
        // One that has been deleted since is not known any more.
        let is_known = is_same || other_event.is_some();
        Ok(is_known.then_some(Existing {
            id: record.id,
            event_id: record.event_id,
            state: record.state,
            other_event,
        }))
    }
}
