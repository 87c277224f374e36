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
    max: Load,
    total: Load,
    customers: HashMap<Customer, Share>,
    /// Bytes that are kept free for a customer whose next event is larger than what is free.
    kept: Option<(Customer, usize)>,
}

/// So many notifications, with so many bytes together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

/// How a customer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    /// What it may take more.
    pub(super) free: Load,
    pub(super) taken: Load,
    /// Whether its next event fits, or anything where that is not known.
    pub(super) fits: bool,
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

impl Places {
    /// Makes the places of a customer of which nothing is to come.
    pub(super) fn closed() -> Self {
        Self {
            free: Load::default(),
            taken: Load { count: 1, bytes: 0 },
            fits: false,
        }
    }
}

/// Room for what a claim is about to read; what is not used of it is free again when it is dropped.
#[derive(Debug)]
pub(super) struct Grant {
    room: Room,
    customer: Customer,
    left: Load,
}

impl Grant {
    /// Returns how much it is for.
    pub(super) fn size(&self) -> Load {
        self.left
    }

    /// Turns a part of it into a place; where it is not enough, takes what more is free.
    pub(super) fn place(&mut self, bytes: usize) -> Option<Reservation> {
        let bytes = bytes.min(self.room.lock().max.bytes);
        if self.left.count == 0 || bytes > self.left.bytes {
            return self.room.reserve(&self.customer, bytes);
        }
        self.left.count -= 1;
        self.left.bytes -= bytes;
        Some(Reservation {
            room: self.room.clone(),
            customer: self.customer.clone(),
            bytes,
        })
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.room.lock().give_back(&self.customer, self.left);
    }
}

impl Room {
    /// Makes room for so many notifications of so many bytes together.
    pub fn new(max_count: usize, max_bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(Occupancy {
            max: Load {
                count: max_count,
                bytes: max_bytes,
            },
            total: Load::default(),
            customers: HashMap::new(),
            kept: None,
        })))
    }

    /// Takes a place for a notification that has just been posted. Where the customer has none
    /// left, or older ones wait in the store, it is to wait there too.
    pub fn admit(&self, customer: &Customer, bytes: usize) -> Option<Reservation> {
        let mut occupancy = self.lock();
        let share = occupancy.share(customer);
        if share.backlogged || !occupancy.has_place(customer, share, bytes) {
            occupancy.note_backlog(customer);
            return None;
        }
        Some(occupancy.place(self, customer, bytes))
    }

    /// Takes a place for a notification that comes from the store.
    pub(super) fn reserve(&self, customer: &Customer, bytes: usize) -> Option<Reservation> {
        let mut occupancy = self.lock();
        let share = occupancy.share(customer);
        occupancy
            .has_place(customer, share, bytes)
            .then(|| occupancy.place(self, customer, bytes))
    }

    /// Returns how much more of a customer has a place, and how much has one. `next` is the size of
    /// the next event to come from the store, where it is known: it may take all that is free.
    pub(super) fn offer(&self, customer: &Customer, next: Option<usize>) -> Places {
        let occupancy = self.lock();
        let free = occupancy.offer(customer, next);
        Places {
            free,
            taken: occupancy.share(customer).load,
            fits: free.bytes >= next.map_or(1, |next| next.clamp(1, occupancy.max.bytes)),
        }
    }

    /// Returns how many more notifications of a customer have a place, and how many have one.
    #[cfg(test)]
    pub(super) fn places(&self, customer: &Customer) -> (usize, usize) {
        let Places { free, taken, .. } = self.offer(customer, None);
        (free.count, taken.count)
    }

    /// Keeps bytes free for one customer's next event, in place of any that were kept before. What is
    /// larger than the room gets all of it.
    pub(super) fn keep(&self, wanted: Option<(Customer, usize)>) {
        self.lock().kept = wanted;
    }

    /// Takes room for a claim, which finds what was stored before: as much as is free, up to `most`, and
    /// in any case the next event where it fits.
    pub(super) fn claiming(&self, customer: &Customer, most: Load, next: Option<usize>) -> Grant {
        let mut occupancy = self.lock();
        let offer = occupancy.offer(customer, next);
        let next = next.map_or(0, |next| next.min(occupancy.max.bytes));
        let left = Load {
            count: offer.count.min(most.count),
            bytes: offer.bytes.min(most.bytes.max(next)),
        };
        occupancy.take(customer, left);
        if let Some(share) = occupancy.customers.get_mut(customer) {
            share.announced = false;
        }
        Grant {
            room: self.clone(),
            customer: customer.clone(),
            left,
        }
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
        if self.customers.len() < self.max.count.saturating_mul(2) || self.customers.contains_key(customer) {
            self.customers.entry(customer.clone()).or_default().backlogged = true;
        }
    }

    /// Returns what is free, but for what is kept for another.
    fn free(&self, customer: &Customer) -> Load {
        let kept = match &self.kept {
            Some((other, bytes)) if other != customer => *bytes,
            _ => 0,
        };
        Load {
            count: self.max.count.saturating_sub(self.total.count),
            bytes: self
                .max
                .bytes
                .saturating_sub(self.total.bytes)
                .saturating_sub(kept),
        }
    }

    fn has_place(&self, customer: &Customer, share: Share, bytes: usize) -> bool {
        let free = self.free(customer);
        share.load.count < free.count && share.load.bytes <= free.bytes && bytes <= free.bytes
    }

    /// Returns how much a customer may take. Each place that is taken makes the bound smaller by one, and
    /// so does each byte; but one event may take all that is free.
    fn offer(&self, customer: &Customer, next: Option<usize>) -> Load {
        let (load, free) = (self.share(customer).load, self.free(customer));
        if load.count >= free.count || load.bytes > free.bytes || free.bytes == 0 {
            return Load::default();
        }
        let half = (free.bytes - load.bytes).div_ceil(2);
        let next = next.map(|next| next.min(self.max.bytes));
        Load {
            count: (free.count - load.count).div_ceil(2),
            bytes: next
                .filter(|next| *next <= free.bytes)
                .map_or(half, |next| half.max(next)),
        }
    }

    fn place(&mut self, room: &Room, customer: &Customer, bytes: usize) -> Reservation {
        self.take(customer, Load { count: 1, bytes });
        Reservation {
            room: room.clone(),
            customer: customer.clone(),
            bytes,
        }
    }

    fn take(&mut self, customer: &Customer, more: Load) {
        let share = self.customers.entry(customer.clone()).or_default();
        for load in [&mut share.load, &mut self.total] {
            load.count += more.count;
            load.bytes += more.bytes;
        }
    }

    fn give_back(&mut self, customer: &Customer, less: Load) {
        self.total.count -= less.count;
        self.total.bytes -= less.bytes;
        if let Some(share) = self.customers.get_mut(customer) {
            share.load.count -= less.count;
            share.load.bytes -= less.bytes;
            if share.is_idle() {
                self.customers.remove(customer);
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let bytes = self.bytes;
        self.room
            .lock()
            .give_back(&self.customer, Load { count: 1, bytes });
    }
}

#[cfg(test)]
mod tests;
