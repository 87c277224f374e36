//! The room for notifications in memory: bounded by count and bytes, shared fairly.
//!
//! A customer may take as much as is still free. So one alone gets half, two get a third each, and
//! whoever comes next finds room, however many have a backlog. (Known for switch buffers as
//! dynamic thresholds: Choudhury and Hahne, "Dynamic queue length thresholds", 1998.)

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::Customer;

/// The room that notifications in memory share; copies share it.
#[derive(Debug, Clone)]
pub struct Room(Arc<Mutex<Occupancy>>);

#[derive(Debug)]
struct Occupancy {
    max_count: usize,
    max_bytes: usize,
    total: Load,
    customers: HashMap<Customer, Share>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Load {
    count: usize,
    bytes: usize,
}

#[derive(Debug, Default, Clone, Copy)]
struct Share {
    load: Load,
    /// Whether older notifications wait in the store, which new ones must not overtake for ever.
    backlogged: bool,
    /// Whether some of them were stored since the last claim began, which the supervisor knows.
    announced: bool,
}

impl Share {
    fn is_idle(self) -> bool {
        self.load.count == 0 && !self.backlogged
    }
}

/// A place in the room; dropping it frees the place.
#[derive(Debug)]
pub struct Reservation {
    room: Room,
    customer: Customer,
    bytes: usize,
}

impl Room {
    /// Makes room for so many notifications of so many bytes together.
    pub fn new(max_count: usize, max_bytes: usize) -> Self {
        let total = Load::default();
        Self(Arc::new(Mutex::new(Occupancy {
            max_count,
            max_bytes,
            total,
            customers: HashMap::new(),
        })))
    }

    /// Takes a place for a notification that has just been posted. Where the customer has none
    /// left, or older ones wait in the store, it is to wait there too.
    pub fn admit(&self, customer: &Customer, bytes: usize) -> Option<Reservation> {
        let mut occupancy = self.lock();
        let share = occupancy.share(customer);
        if share.backlogged || !occupancy.has_place(share, bytes) {
            occupancy.note_backlog(customer);
            return None;
        }
        Some(occupancy.take(self, customer, bytes))
    }

    /// Takes a place for a notification that comes from the store.
    pub fn reserve(&self, customer: &Customer, bytes: usize) -> Option<Reservation> {
        let mut occupancy = self.lock();
        let share = occupancy.share(customer);
        occupancy
            .has_place(share, bytes)
            .then(|| occupancy.take(self, customer, bytes))
    }

    /// Returns how many more notifications of a customer have a place, and how many have one.
    pub fn places(&self, customer: &Customer) -> (usize, usize) {
        let occupancy = self.lock();
        let share = occupancy.share(customer);
        if !occupancy.has_place(share, 0) {
            return (0, share.load.count);
        }
        let free = occupancy.max_count - occupancy.total.count;
        // Each place that is taken makes the bound smaller by one.
        ((free - share.load.count).div_ceil(2), share.load.count)
    }

    /// Notes that a notification which was not admitted is stored. Returns whether the supervisor is
    /// to be told: once for all that is stored until it claims for the customer.
    pub fn announce(&self, customer: &Customer) -> bool {
        let mut occupancy = self.lock();
        occupancy.note_backlog(customer);
        match occupancy.customers.get_mut(customer) {
            Some(share) => !std::mem::replace(&mut share.announced, true),
            None => true,
        }
    }

    /// Notes that a claim for a customer begins, which finds what was stored before.
    pub fn claiming(&self, customer: &Customer) {
        if let Some(share) = self.lock().customers.get_mut(customer) {
            share.announced = false;
        }
    }

    /// Notes that a claim left nothing of a customer in the store.
    pub fn caught_up(&self, customer: &Customer) {
        let mut occupancy = self.lock();
        if let Some(share) = occupancy.customers.get_mut(customer)
            && !share.announced
        {
            share.backlogged = false;
            if share.is_idle() {
                occupancy.customers.remove(customer);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Occupancy> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Occupancy {
    fn share(&self, customer: &Customer) -> Share {
        self.customers.get(customer).copied().unwrap_or_default()
    }

    /// Beyond the bound a flood of customers is not remembered; their order then is only as good as
    /// the regular look at the store makes it.
    fn note_backlog(&mut self, customer: &Customer) {
        if self.customers.len() < self.max_count.saturating_mul(2) || self.customers.contains_key(customer) {
            self.customers.entry(customer.clone()).or_default().backlogged = true;
        }
    }

    fn has_place(&self, share: Share, bytes: usize) -> bool {
        let free_count = self.max_count.saturating_sub(self.total.count);
        let free_bytes = self.max_bytes.saturating_sub(self.total.bytes);
        share.load.count < free_count && share.load.bytes <= free_bytes && bytes <= free_bytes
    }

    fn take(&mut self, room: &Room, customer: &Customer, bytes: usize) -> Reservation {
        let share = self.customers.entry(customer.clone()).or_default();
        for load in [&mut share.load, &mut self.total] {
            load.count += 1;
            load.bytes += bytes;
        }
        Reservation {
            room: room.clone(),
            customer: customer.clone(),
            bytes,
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut occupancy = self.room.lock();
        occupancy.total.count -= 1;
        occupancy.total.bytes -= self.bytes;
        if let Some(share) = occupancy.customers.get_mut(&self.customer) {
            share.load.count -= 1;
            share.load.bytes -= self.bytes;
            if share.is_idle() {
                occupancy.customers.remove(&self.customer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn customer(name: &str) -> Customer {
        Customer::parse(name).unwrap()
    }

    fn fill(room: &Room, name: &str) -> Vec<Reservation> {
        std::iter::from_fn(|| room.reserve(&customer(name), 1)).collect()
    }

    #[test]
    fn one_customer_gets_half_and_the_next_still_finds_room() {
        let room = Room::new(100, usize::MAX);
        let a = fill(&room, "a");
        let b = fill(&room, "b");
        let c = fill(&room, "c");
        assert_eq!((a.len(), b.len(), c.len()), (50, 25, 13));
        drop((a, b, c));
        assert_eq!(room.places(&customer("a")), (50, 0));
        assert!(room.lock().customers.is_empty(), "nothing is remembered of idle customers");
    }

    #[test]
    fn new_notifications_do_not_overtake_those_that_wait_in_the_store() {
        let room = Room::new(2, usize::MAX);
        let first = room.admit(&customer("a"), 1);
        assert!(first.is_some());
        assert!(room.admit(&customer("a"), 1).is_none());
        drop(first);
        assert!(room.admit(&customer("a"), 1).is_none(), "older ones wait");
        assert!(room.admit(&customer("b"), 1).is_some(), "which is nothing to others");
        room.caught_up(&customer("a"));
        assert!(room.admit(&customer("a"), 1).is_some());
    }

    #[test]
    fn what_is_stored_is_announced_once_until_a_claim_begins() {
        let (room, a) = (Room::new(1, usize::MAX), customer("a"));
        let _taken = room.admit(&a, 1);
        assert!(room.admit(&a, 1).is_none());
        assert!(room.announce(&a));
        assert!(!room.announce(&a), "the supervisor knows");
        room.claiming(&a);
        assert!(room.announce(&a), "the claim that is under way may have missed it");
        room.caught_up(&a);
        assert!(room.admit(&a, 1).is_none(), "one that it may have missed waits");
        room.claiming(&a);
        room.caught_up(&a);
        assert!(!room.lock().share(&a).backlogged);
        assert!(room.announce(&a), "a commit that ends after the claim is news again");
    }

    proptest! {
        #[test]
        fn the_bounds_hold_whatever_comes_and_goes(moves in prop::collection::vec((0usize..4, 0usize..40, any::<bool>()), 0..300)) {
            let room = Room::new(20, 200);
            let mut held: Vec<Reservation> = Vec::new();
            for (who, bytes, leave) in moves {
                if leave && !held.is_empty() {
                    held.remove(who % held.len());
                } else {
                    held.extend(room.reserve(&customer(&who.to_string()), bytes));
                }
                let bytes: usize = held.iter().map(|reservation| reservation.bytes).sum();
                prop_assert!(held.len() <= 20 && bytes <= 200);
                prop_assert_eq!(room.lock().total.bytes, bytes);
            }
        }
    }
}
