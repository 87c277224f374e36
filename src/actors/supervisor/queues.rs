//! Ready notifications by customer, taken in turns.

use std::collections::{HashMap, VecDeque};

use crate::domain::Customer;

/// What is ready: fresh notifications, and behind all of them those that are sent again.
#[derive(Debug)]
pub(super) struct ReadyQueues<T> {
    fresh: FairQueues<T>,
    again: FairQueues<T>,
}

impl<T> Default for ReadyQueues<T> {
    fn default() -> Self {
        Self {
            fresh: FairQueues::default(),
            again: FairQueues::default(),
        }
    }
}

impl<T> ReadyQueues<T> {
    pub(super) fn len(&self) -> usize {
        self.fresh.len() + self.again.len()
    }

    /// Returns the queues for what is fresh, or for what is sent again.
    pub(super) fn of(&mut self, fresh: bool) -> &mut FairQueues<T> {
        if fresh { &mut self.fresh } else { &mut self.again }
    }

    /// Takes out what `is_over`, looking at `most` items at most; the next call goes on behind them.
    pub(super) fn sweep(&mut self, most: usize, is_over: impl Fn(&T) -> bool, over: &mut Vec<T>) {
        let most_each = most.div_ceil(2);
        self.fresh.sweep(most_each, &is_over, over);
        self.again.sweep(most_each, &is_over, over);
    }

    /// Takes the next: something that is sent again only where nothing fresh waits.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.fresh.pop().or_else(|| self.again.pop())
    }
}

/// Queues of which each customer has one; customers take turns.
#[derive(Debug)]
pub(super) struct FairQueues<T> {
    queues: HashMap<Customer, VecDeque<T>>,
    /// Customers with something in their queue, the next one first; each once.
    turns: VecDeque<Customer>,
    len: usize,
    /// Where the next sweep goes on: at which turn, and where in that customer's queue.
    swept_to: (usize, usize),
}

impl<T> Default for FairQueues<T> {
    fn default() -> Self {
        Self {
            queues: HashMap::new(),
            turns: VecDeque::new(),
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
        self.queue(customer).push_back(item);
        self.len += 1;
    }

    /// Puts back something that has had its turn before.
    pub(super) fn push_front(&mut self, customer: &Customer, item: T) {
        self.queue(customer).push_front(item);
        self.len += 1;
    }

    /// Takes the oldest of the customer whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let customer = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&customer)?;
        let item = queue.pop_front()?;
        if queue.is_empty() {
            self.queues.remove(&customer);
        } else {
            self.turns.push_back(customer);
        }
        self.len -= 1;
        Some(item)
    }

    /// Takes out what `is_over`, looking at `most` items at most and at none twice; the next call goes
    /// on behind them. Where something was taken or put back meanwhile it may pass over some, which the
    /// next time around finds.
    pub(super) fn sweep(&mut self, most: usize, is_over: impl Fn(&T) -> bool, over: &mut Vec<T>) {
        let mut left = most.min(self.len);
        let before = over.len();
        let mut emptied = false;
        let (mut turn, mut place) = self.swept_to;
        // The queue in whose middle it starts comes first and last.
        for _ in 0..=self.turns.len() {
            if left == 0 {
                break;
            }
            if turn >= self.turns.len() {
                (turn, place) = (0, 0);
            }
            let customer = self.turns.get(turn);
            let Some(queue) = customer.and_then(|customer| self.queues.get_mut(customer)) else {
                break;
            };
            let start = place.min(queue.len());
            let end = start.saturating_add(left).min(queue.len());
            left -= end - start;
            let mut kept = start;
            for at in start..end {
                if !queue.get(at).is_some_and(&is_over) {
                    queue.swap(kept, at);
                    kept += 1;
                }
            }
            over.extend(queue.drain(kept..end));
            emptied |= queue.is_empty();
            (turn, place) = if kept < queue.len() {
                (turn, kept)
            } else {
                (turn + 1, 0)
            };
        }
        self.len -= over.len() - before;
        if emptied {
            self.queues.retain(|_, queue| !queue.is_empty());
            let stays = |customer: &&Customer| self.queues.contains_key(*customer);
            turn = self.turns.iter().take(turn).filter(stays).count();
            self.turns.retain(|customer| self.queues.contains_key(customer));
        }
        self.swept_to = (turn, place);
    }

    fn queue(&mut self, customer: &Customer) -> &mut VecDeque<T> {
        if !self.queues.contains_key(customer) {
            self.turns.push_back(customer.clone());
        }
        self.queues.entry(customer.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_sent_again_waits_for_all_that_is_fresh() {
        let mut queues = ReadyQueues::default();
        let customer = |name: &str| Customer::parse(name).unwrap();
        queues.of(false).push_back(&customer("a"), "again");
        queues.of(true).push_back(&customer("a"), "fresh 1");
        queues.of(true).push_back(&customer("b"), "fresh 2");
        assert_eq!(queues.len(), 3);
        let order: Vec<&str> = std::iter::from_fn(|| queues.pop()).collect();
        assert_eq!(order, ["fresh 1", "fresh 2", "again"]);
    }

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
    }
}
