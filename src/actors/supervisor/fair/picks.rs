//! Picks something else than the oldest, for the rare time when it matters which one goes out.

use std::collections::VecDeque;
use std::time::Instant;

use super::{FairQueues, May};
use crate::domain::Customer;

impl<T> FairQueues<T> {
    /// Takes one that `is_so` of the first customer in turn that may send and has one: the oldest, or as `chance` in
    /// 0..1 has it. Looks at everything.
    pub(in crate::actors::supervisor) fn pop_where(
        &mut self,
        now: Instant,
        mut may: impl FnMut(&Customer) -> May,
        is_so: impl Fn(&T) -> bool,
        chance: f64,
    ) -> Option<T> {
        for _ in 0..self.turns.len() {
            if !self.turn(now, &mut may) {
                return None;
            }
            let items = self.next_items()?;
            let count = items.iter().filter(|item| is_so(item)).count();
            let mut places = (0..items.len()).filter(|place| items.get(*place).is_some_and(&is_so));
            match places.nth(nth_of(count, chance)) {
                Some(place) => return self.take(place),
                None => self.turns.rotate_left(1),
            }
        }
        None
    }

    /// Takes one of the customer whose turn it is, as `chance` in 0..1 has it.
    pub(in crate::actors::supervisor) fn pop_any(&mut self, chance: f64) -> Option<T> {
        let count = self.next_items()?.len();
        self.take(nth_of(count, chance))
    }

    fn next_items(&self) -> Option<&VecDeque<T>> {
        let number = self.turns.front()?;
        self.queues.get(number).map(|queue| &queue.items)
    }
}

/// Picks one of so many, by its place.
fn nth_of(count: usize, chance: f64) -> usize {
    ((chance * count as f64) as usize).min(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(lengths: &[usize]) -> FairQueues<(usize, usize)> {
        let mut queues = FairQueues::default();
        for (owner, length) in lengths.iter().enumerate() {
            let customer = Customer::parse(&owner.to_string()).unwrap();
            (0..*length).for_each(|number| queues.push_back(&customer, (owner, number)));
        }
        queues
    }

    #[test]
    fn what_is_wanted_comes_of_one_customer_after_the_other() {
        let mut queues = filled(&[2, 4, 4]);
        let wanted = |item: &(usize, usize)| item.1 >= 2;
        let mut next = || queues.pop_where(Instant::now(), |_| May::Go, wanted, 0.0);
        assert_eq!(
            [next(), next(), next(), next(), next()],
            [Some((1, 2)), Some((2, 2)), Some((1, 3)), Some((2, 3)), None]
        );
        let rest: Vec<_> = std::iter::from_fn(|| queues.pop()).collect();
        assert_eq!(rest, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)], "nothing else has moved");
    }

    #[test]
    fn who_may_not_send_is_passed_over() {
        let mut queues = filled(&[1, 1]);
        let may = |customer: &Customer| match customer.as_str() {
            "0" => May::Later(None),
            _ => May::Go,
        };
        assert_eq!(queues.pop_where(Instant::now(), may, |_| true, 0.0), Some((1, 0)));
        assert_eq!(queues.pop_where(Instant::now(), may, |_| true, 0.0), None);
        assert!(queues.release(&Customer::parse("0").unwrap()), "it is held back");
    }

    #[test]
    fn chance_picks_any_and_always_one() {
        for (chance, place) in [(0.0, 0), (0.5, 2), (0.99, 3), (1.0, 3)] {
            let mut queues = filled(&[4]);
            assert!(queues.turn(Instant::now(), |_| May::Go));
            assert_eq!(queues.pop_any(chance), Some((0, place)), "{chance}");
            assert_eq!(queues.len(), 3);
            let mut queues = filled(&[6]);
            let late = queues.pop_where(Instant::now(), |_| May::Go, |item| item.1 > 1, chance);
            assert_eq!(late, Some((0, place + 2)), "{chance}");
        }
        assert_eq!(filled(&[]).pop_any(0.5), None);
    }
}
