//! Queues of which each customer has one; customers take turns, and one that may not send is passed over.

mod picks;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use crate::domain::Customer;

/// Whether a customer may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// It may.
    Go,
    /// Not before then, or before it is released.
    Later(Option<Instant>),
    /// The same, as its own rate goes.
    Paced(Option<Instant>),
}

/// Queues by customer. A turn costs the same however many customers there are, and so does one that is
/// passed over: it leaves the round until it may send.
#[derive(Debug)]
pub(super) struct FairQueues<T> {
    /// Under numbers that ascend by when a customer came.
    queues: BTreeMap<u64, Queue<T>>,
    numbers: HashMap<Customer, u64>,
    last_number: u64,
    /// The queues that take part, the next one first; each once.
    turns: VecDeque<u64>,
    /// When those that are held back may send, where a time is known.
    times: BTreeSet<(Instant, u64)>,
    /// How many are held back until a time by something else than their own rate, and by that.
    crowded: usize,
    paced: usize,
    len: usize,
    /// Where the next sweep goes on: in which queue, and where in it.
    swept_to: (u64, usize),
}

#[derive(Debug)]
struct Queue<T> {
    customer: Customer,
    items: VecDeque<T>,
    held: Option<Held>,
}

/// Left out of the round, until then or until it is released.
#[derive(Debug, Clone, Copy)]
struct Held {
    at: Option<Instant>,
    /// Whether its own rate does that.
    paced: bool,
}

impl<T> Default for FairQueues<T> {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            numbers: HashMap::new(),
            last_number: 0,
            turns: VecDeque::new(),
            times: BTreeSet::new(),
            crowded: 0,
            paced: 0,
            len: 0,
            swept_to: (0, 0),
        }
    }
}

impl<T> FairQueues<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push_back(&mut self, customer: &Customer, item: T) {
        self.items(customer).push_back(item);
        self.len += 1;
    }

    /// Puts back something that has had its turn before.
    pub(super) fn push_front(&mut self, customer: &Customer, item: T) {
        self.items(customer).push_front(item);
        self.len += 1;
    }

    /// Finds the customer whose turn it is and who `may` send. Returns whether there is one; the next
    /// `pop` takes its oldest.
    pub(super) fn turn(&mut self, now: Instant, mut may: impl FnMut(&Customer) -> May) -> bool {
        while let Some((at, number)) = self.times.first().copied()
            && at <= now
        {
            self.put_back(number);
        }
        while let Some(number) = self.turns.front() {
            let Some(queue) = self.queues.get_mut(number) else {
                self.turns.pop_front();
                continue;
            };
            let (at, paced) = match may(&queue.customer) {
                May::Go => return true,
                May::Later(at) => (at, false),
                May::Paced(at) => (at, true),
            };
            queue.held = Some(Held { at, paced });
            self.paced += usize::from(paced);
            self.crowded += usize::from(!paced && at.is_some());
            self.times.extend(at.map(|at| (at, *number)));
            self.turns.pop_front();
        }
        false
    }

    /// Returns whose turn it is, or who came first where nobody takes part.
    pub(super) fn first(&self) -> Option<&Customer> {
        let next = self.turns.iter().find_map(|number| self.queues.get(number));
        next.or_else(|| self.queues.values().next())
            .map(|queue| &queue.customer)
    }

    /// Returns when the first of those that are held back may send, where that is known.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.times.first().map(|(at, _)| *at)
    }

    /// Tells whether anybody is held back until a time by something else than its own rate.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded > 0
    }

    /// Tells whether anybody is held back by its own rate.
    pub(super) fn is_paced(&self) -> bool {
        self.paced > 0
    }

    /// Returns how much of those that take part could go out at once, up to `most`, where a customer `may_send` so
    /// many.
    pub(super) fn sendable(&self, most: usize, may_send: impl Fn(&Customer) -> usize) -> usize {
        let mut sendable = 0;
        for queue in self.turns.iter().filter_map(|number| self.queues.get(number)) {
            if sendable >= most {
                return most;
            }
            sendable += queue.items.len().min(may_send(&queue.customer));
        }
        sendable.min(most)
    }

    /// Tells whether there is anything that `is_so`.
    pub(super) fn any(&self, is_so: impl Fn(&T) -> bool) -> bool {
        self.queues.values().any(|queue| queue.items.iter().any(&is_so))
    }

    /// Returns how much a customer has.
    pub(super) fn len_of(&self, customer: &Customer) -> usize {
        let queue = self
            .numbers
            .get(customer)
            .and_then(|number| self.queues.get(number));
        queue.map_or(0, |queue| queue.items.len())
    }

    /// Lets a customer that was held back take part again. Returns whether it was.
    pub(super) fn release(&mut self, customer: &Customer) -> bool {
        match self.numbers.get(customer) {
            Some(number) => self.put_back(*number),
            None => false,
        }
    }

    /// Takes the oldest of the customer whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.take(0)
    }

    /// Takes what stands at a place of the queue whose turn it is.
    fn take(&mut self, place: usize) -> Option<T> {
        let number = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&number)?;
        let item = queue.items.remove(place)?;
        if queue.items.is_empty() {
            self.forget(number);
        } else {
            self.turns.push_back(number);
        }
        self.len -= 1;
        Some(item)
    }

    /// Takes out all that a customer has.
    pub(super) fn take_all(&mut self, customer: &Customer) -> VecDeque<T> {
        let Some(number) = self.numbers.get(customer).copied() else {
            return VecDeque::new();
        };
        let items = self
            .queues
            .get_mut(&number)
            .map(|queue| std::mem::take(&mut queue.items));
        let items = items.unwrap_or_default();
        self.len -= items.len();
        self.forget(number);
        self.turns.retain(|turn| *turn != number);
        items
    }

    /// Takes out what `is_over`, looking at `most` items at most and at none twice; the next call goes
    /// on behind them. It looks at customers that are held back, too. Where something was taken or put
    /// back meanwhile it may pass over some, which the next time around finds.
    pub(super) fn sweep(&mut self, most: usize, is_over: impl Fn(&T) -> bool, over: &mut Vec<T>) {
        let mut left = most.min(self.len);
        let before = over.len();
        let mut emptied = Vec::new();
        let (mut number, mut place) = self.swept_to;
        // The queue in whose middle it starts comes first and last.
        for _ in 0..=self.queues.len() {
            if left == 0 {
                break;
            }
            let at = self.queues.range(number..).next().map(|(found, _)| *found);
            let Some(found) = at.or_else(|| self.queues.first_key_value().map(|(first, _)| *first)) else {
                break;
            };
            if found != number {
                (number, place) = (found, 0);
            }
            let Some(Queue { items, .. }) = self.queues.get_mut(&number) else {
                break;
            };
            let start = place.min(items.len());
            let end = start.saturating_add(left).min(items.len());
            left -= end - start;
            let mut kept = start;
            for at in start..end {
                if !items.get(at).is_some_and(&is_over) {
                    items.swap(kept, at);
                    kept += 1;
                }
            }
            over.extend(items.drain(kept..end));
            if items.is_empty() {
                emptied.push(number);
            }
            (number, place) = if kept < items.len() {
                (number, kept)
            } else {
                (number + 1, 0)
            };
        }
        self.len -= over.len() - before;
        self.swept_to = (number, place);
        if !emptied.is_empty() {
            emptied.into_iter().for_each(|number| self.forget(number));
            self.turns.retain(|number| self.queues.contains_key(number));
        }
    }

    /// Takes out what `is_over`, looking at everything, at each customer's oldest first.
    pub(super) fn sweep_from_start(&mut self, is_over: impl Fn(&T) -> bool, over: &mut Vec<T>) {
        self.swept_to = (0, 0);
        self.sweep(usize::MAX, is_over, over);
    }

    fn items(&mut self, customer: &Customer) -> &mut VecDeque<T> {
        let number = match self.numbers.get(customer) {
            Some(number) => *number,
            None => {
                self.last_number += 1;
                self.numbers.insert(customer.clone(), self.last_number);
                self.turns.push_back(self.last_number);
                self.last_number
            }
        };
        let queue = self.queues.entry(number).or_insert_with(|| Queue {
            customer: customer.clone(),
            items: VecDeque::new(),
            held: None,
        });
        &mut queue.items
    }

    /// Puts a queue that was held back at the end of the round. Returns whether it was.
    fn put_back(&mut self, number: u64) -> bool {
        let held = self.queues.get_mut(&number).and_then(|queue| queue.held.take());
        let Some(held) = held else { return false };
        self.let_go(number, held);
        self.turns.push_back(number);
        true
    }

    fn let_go(&mut self, number: u64, Held { at, paced }: Held) {
        self.paced -= usize::from(paced);
        self.crowded -= usize::from(!paced && at.is_some());
        if let Some(at) = at {
            self.times.remove(&(at, number));
        }
    }

    fn forget(&mut self, number: u64) {
        if let Some(queue) = self.queues.remove(&number) {
            self.numbers.remove(&queue.customer);
            if let Some(held) = queue.held {
                self.let_go(number, held);
            }
        }
    }
}

#[cfg(test)]
mod tests;
