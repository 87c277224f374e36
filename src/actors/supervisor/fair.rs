//! Queues of which each customer has one; customers take turns, and one that may not send is passed over.

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
struct Held(Option<Instant>);

impl<T> Default for FairQueues<T> {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            numbers: HashMap::new(),
            last_number: 0,
            turns: VecDeque::new(),
            times: BTreeSet::new(),
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
    pub(super) fn turn(&mut self, now: Instant, may: impl Fn(&Customer) -> May) -> bool {
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
            let May::Later(at) = may(&queue.customer) else {
                return true;
            };
            queue.held = Some(Held(at));
            self.times.extend(at.map(|at| (at, *number)));
            self.turns.pop_front();
        }
        false
    }

    /// Returns when the first of those that are held back may send, where that is known.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.times.first().map(|(at, _)| *at)
    }

    /// Lets a customer that was held back take part again.
    pub(super) fn release(&mut self, customer: &Customer) {
        if let Some(number) = self.numbers.get(customer) {
            self.put_back(*number);
        }
    }

    /// Lets all that were held back take part again.
    pub(super) fn release_all(&mut self) {
        let held = self.queues.iter().filter(|(_, queue)| queue.held.is_some());
        let held: Vec<u64> = held.map(|(number, _)| *number).collect();
        held.into_iter().for_each(|number| self.put_back(number));
    }

    /// Takes the oldest of the customer whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let number = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&number)?;
        let item = queue.items.pop_front()?;
        if queue.items.is_empty() {
            self.forget(number);
        } else {
            self.turns.push_back(number);
        }
        self.len -= 1;
        Some(item)
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

    /// Puts a queue that was held back at the end of the round.
    fn put_back(&mut self, number: u64) {
        let held = self.queues.get_mut(&number).and_then(|queue| queue.held.take());
        let Some(Held(at)) = held else { return };
        if let Some(at) = at {
            self.times.remove(&(at, number));
        }
        self.turns.push_back(number);
    }

    fn forget(&mut self, number: u64) {
        if let Some(queue) = self.queues.remove(&number) {
            self.numbers.remove(&queue.customer);
            if let Some(Held(Some(at))) = queue.held {
                self.times.remove(&(at, number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn customers_take_turns_however_much_each_has() {
        let mut queues = FairQueues::default();
        let customer = |name: &str| Customer::parse(name).unwrap();
        for number in 0..4 {
            queues.push_back(&customer("a"), format!("a{number}"));
        }
        queues.push_back(&customer("b"), "b0".to_owned());
        queues.push_front(&customer("a"), "again".to_owned());
        assert_eq!(queues.len(), 6);
        let order: Vec<String> = std::iter::from_fn(|| queues.pop()).collect();
        assert_eq!(order, ["again", "b0", "a0", "a1", "a2", "a3"]);
        assert_eq!(queues.len(), 0);
    }

    fn filled(lengths: &[usize]) -> FairQueues<(usize, usize)> {
        let mut queues = FairQueues::default();
        for (owner, length) in lengths.iter().enumerate() {
            let customer = Customer::parse(&owner.to_string()).unwrap();
            (0..*length).for_each(|number| queues.push_back(&customer, (owner, number)));
        }
        queues
    }

    #[test]
    fn a_sweep_looks_at_so_many_and_the_next_goes_on_behind_them() {
        let mut queues = filled(&[5, 0, 3]);
        let mut rounds = Vec::new();
        for _ in 0..4 {
            let seen = std::cell::RefCell::new(Vec::new());
            let look = |item: &(usize, usize)| {
                seen.borrow_mut().push(*item);
                false
            };
            queues.sweep(3, look, &mut Vec::new());
            rounds.push(seen.into_inner());
        }
        assert_eq!(
            rounds,
            [
                [(0, 0), (0, 1), (0, 2)],
                [(0, 3), (0, 4), (2, 0)],
                [(2, 1), (2, 2), (0, 0)],
                [(0, 1), (0, 2), (0, 3)],
            ]
        );
    }

    #[test]
    fn whoever_may_not_send_is_passed_over_until_it_may() {
        let mut queues = filled(&[2, 2, 1]);
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(60));
        let held = |at| {
            move |customer: &Customer| {
                if customer.as_str() == "1" {
                    May::Go
                } else {
                    May::Later(at)
                }
            }
        };
        assert!(queues.turn(now, held(Some(later))));
        assert_eq!(queues.pop(), Some((1, 0)));
        assert!(queues.turn(now, held(None)));
        assert_eq!(queues.pop(), Some((1, 1)));
        assert!(!queues.turn(now, |_| May::Go), "nobody is left in the round");
        assert_eq!((queues.wake_at(), queues.len()), (Some(later), 3));
        queues.release(&Customer::parse("2").unwrap());
        assert!(queues.turn(now, |_| May::Go));
        assert_eq!(queues.pop(), Some((2, 0)), "it was released");
        assert!(!queues.turn(now, |_| May::Go));
        assert!(queues.turn(later, |_| May::Go));
        assert_eq!((queues.pop(), queues.wake_at()), (Some((0, 0)), None), "its time has come");
        queues.release(&Customer::parse("0").unwrap());
        assert_eq!((queues.pop(), queues.pop()), (Some((0, 1)), None), "it takes part once");
    }

    #[test]
    fn passing_over_is_paid_for_once() {
        let mut queues = filled(&[1; 100]);
        let asked = Cell::new(0);
        for _ in 0..50 {
            let may = |customer: &Customer| {
                asked.set(asked.get() + 1);
                if customer.as_str() == "99" {
                    May::Go
                } else {
                    May::Later(None)
                }
            };
            assert!(queues.turn(Instant::now(), may));
        }
        assert_eq!(asked.get(), 100 + 49);
    }

    proptest! {
        /// Whatever is swept out, the others keep their order and their turns; and nothing that is
        /// over stays longer than one time around takes.
        #[test]
        fn a_sweep_takes_what_is_over_and_nothing_else(
            lengths in prop::collection::vec(0usize..12, 0..6), most in 1usize..20,
            chosen in prop::collection::vec(any::<bool>(), 72), pops in 0usize..6,
        ) {
            let is_over = |(owner, number): &(usize, usize)| chosen[owner * 12 + number];
            let mut queues = filled(&lengths);
            let mut popped: Vec<_> = std::iter::from_fn(|| queues.pop()).take(pops).collect();
            let started = queues.len();
            let mut over = Vec::new();
            for _ in 0..=started.div_ceil(most) {
                queues.sweep(most, is_over, &mut over);
            }
            prop_assert!(over.iter().all(is_over));
            prop_assert_eq!(queues.len() + over.len(), started);
            let rest: Vec<_> = std::iter::from_fn(|| queues.pop()).collect();
            prop_assert!(!rest.iter().any(is_over));
            let numbers = |of: usize| rest.iter().filter(move |(owner, _)| *owner == of).map(|(_, number)| *number);
            prop_assert!((0..lengths.len()).all(|owner| numbers(owner).is_sorted()));
            popped.extend(rest);
            popped.extend(over);
            popped.sort_unstable();
            let all = lengths.iter().enumerate();
            let all: Vec<_> = all.flat_map(|(owner, length)| (0..*length).map(move |number| (owner, number))).collect();
            prop_assert_eq!(popped, all);
        }

        /// Whoever is held back and released, each customer's own keep their order and none is lost.
        #[test]
        fn holding_back_keeps_order_and_loses_nothing(
            lengths in prop::collection::vec(0usize..6, 1..6),
            moves in prop::collection::vec((0usize..3, 0usize..6, prop::option::of(0u64..20)), 0..120),
        ) {
            let start = Instant::now();
            let at = |seconds| start + Duration::from_secs(seconds);
            let mut queues = filled(&lengths);
            let mut popped = Vec::new();
            for (step, (kind, who, time)) in moves.into_iter().enumerate() {
                let now = at(step as u64 / 8);
                let who = who.to_string();
                match kind {
                    0 => queues.release(&Customer::parse(&who).unwrap()),
                    1 => {
                        let may = |customer: &Customer| match customer.as_str() == who {
                            true => May::Later(time.map(at)),
                            false => May::Go,
                        };
                        if queues.turn(now, may) {
                            popped.extend(queues.pop());
                        }
                    }
                    _ => queues.sweep(3, |_| false, &mut Vec::new()),
                }
            }
            (0..6).for_each(|who| queues.release(&Customer::parse(&who.to_string()).unwrap()));
            while queues.turn(at(1000), |_| May::Go) {
                popped.extend(queues.pop());
            }
            prop_assert_eq!((queues.len(), popped.len()), (0, lengths.iter().sum()));
            for (owner, length) in lengths.into_iter().enumerate() {
                let own: Vec<usize> = popped.iter().filter(|(of, _)| *of == owner).map(|(_, number)| *number).collect();
                prop_assert_eq!(own, (0..length).collect::<Vec<_>>());
            }
        }
    }
}
