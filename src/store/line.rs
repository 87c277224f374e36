//! Accepts that wait for the writer, and what of them goes into one transaction.
//!
//! A transaction takes everything, as long as the events are small together. Of more it takes the oldest, so that
//! each has its turn, and then of the customer that has the least in it: one customer's large events do not hold
//! up the small ones of others.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use super::waiting::Request;

/// Bytes of events that one transaction takes, beside the oldest one: whoever comes next waits as long as that takes.
const BYTES: usize = 4 << 20;

/// Accepts that wait, in the order in which they came.
#[derive(Default)]
pub(super) struct Line {
    waiting: VecDeque<Request>,
    bytes: usize,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, request: Request) {
        self.bytes += request.new.event.len();
        self.waiting.push_back(request);
    }

    /// Takes what goes into the next transaction.
    pub(super) fn take(&mut self) -> Vec<Request> {
        if self.bytes <= BYTES {
            self.bytes = 0;
            return self.waiting.drain(..).collect();
        }
        let mut is_chosen = vec![false; self.waiting.len()];
        for place in self.choose() {
            if let Some(chosen) = is_chosen.get_mut(place) {
                *chosen = true;
            }
        }
        let (mut taken, mut left) = (Vec::new(), VecDeque::with_capacity(self.waiting.len()));
        for (request, chosen) in std::mem::take(&mut self.waiting).into_iter().zip(is_chosen) {
            if chosen {
                self.bytes -= request.new.event.len();
                taken.push(request);
            } else {
                left.push_back(request);
            }
        }
        self.waiting = left;
        taken
    }

    /// Returns the places of those that go into the next transaction.
    fn choose(&self) -> Vec<usize> {
        let mut by_customer: HashMap<&str, VecDeque<usize>> = HashMap::new();
        for (place, request) in self.waiting.iter().enumerate() {
            let places = by_customer.entry(request.new.customer.as_str()).or_default();
            places.push_back(place);
        }
        let size = |place: usize| {
            self.waiting
                .get(place)
                .map_or(0, |request| request.new.event.len())
        };
        let mut chosen = vec![0];
        // What a customer would have in it with its next one; of equals the oldest.
        let mut next = BinaryHeap::new();
        for mut places in by_customer.into_values() {
            let had = if places.front() == Some(&0) {
                places.pop_front();
                size(0)
            } else {
                0
            };
            if let Some(place) = places.front() {
                next.push(Reverse((had + size(*place), *place, places)));
            }
        }
        let mut bytes = 0;
        while let Some(Reverse((has, place, mut places))) = next.pop() {
            bytes += size(place);
            if bytes > BYTES {
                break;
            }
            chosen.push(place);
            places.pop_front();
            if let Some(following) = places.front() {
                next.push(Reverse((has + size(*following), *following, places)));
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::store::examples::{new, with_event};

    const KIB: usize = 1024;

    fn line(requests: &[(&str, usize)]) -> Line {
        let mut line = Line::default();
        for (number, (customer, kib)) in requests.iter().enumerate() {
            line.push(Request {
                new: with_event(new(customer, &number.to_string()), vec![b' '; kib * KIB]),
                lease: false,
                reply: oneshot::channel().0,
            });
        }
        line
    }

    /// Takes the next transaction, and returns the numbers of those in it.
    fn take(line: &mut Line) -> Vec<usize> {
        let taken = line.take().into_iter();
        taken
            .map(|request| request.new.event_key.as_str().parse().unwrap())
            .collect()
    }

    #[test]
    fn what_is_small_together_goes_together_as_it_came() {
        let mut line = line(&[("a", 1000), ("b", 1), ("a", 3), ("b", 3000)]);
        assert_eq!(take(&mut line), [0, 1, 2, 3]);
        assert!(line.is_empty() && line.bytes == 0);
    }

    #[test]
    fn small_events_of_others_go_with_the_next_transaction() {
        let mut requests = vec![("large", 1000); 40];
        requests.extend([("b", 1), ("c", 2), ("b", 1)]);
        let mut line = line(&requests);
        assert_eq!(take(&mut line), [0, 1, 2, 3, 4, 40, 41, 42]);
        assert_eq!(take(&mut line), [5, 6, 7, 8, 9], "and the large ones in their order");
        assert_eq!(line.len(), 30);
    }

    #[test]
    fn the_largest_event_is_taken_and_leaves_room_for_others() {
        let mut line = line(&[("a", 16 * KIB), ("a", 16 * KIB), ("b", 1)]);
        assert_eq!(take(&mut line), [0, 2]);
        assert_eq!(take(&mut line), [1]);
    }

    #[test]
    fn customers_with_large_events_share_and_none_waits_for_ever() {
        let mut line = line(&[("a", 3000), ("a", 3000), ("b", 2000), ("c", 2000), ("a", 1)]);
        assert_eq!(take(&mut line), [0, 2, 3]);
        let later = self::line(&[("d", 2000), ("e", 2000), ("d", 2000), ("e", 2000)]);
        later.waiting.into_iter().for_each(|request| line.push(request));
        assert_eq!(take(&mut line), [1, 4, 0, 1], "the oldest, and one of each other");
        assert_eq!(take(&mut line), [2, 3]);
    }
}
