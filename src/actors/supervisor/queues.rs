//! Ready notifications: what is fresh, and behind it what is sent again.

use std::time::Instant;

use super::fair::{FairQueues, May};
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

    /// Takes out what `may_leave`, of each customer its oldest first.
    pub(super) fn cut(&mut self, may_leave: impl Fn(&T) -> bool) -> Vec<T> {
        let mut out = Vec::new();
        for queues in [&mut self.fresh, &mut self.again] {
            queues.sweep_from_start(&may_leave, &mut out);
        }
        out
    }

    /// Takes out all that a customer has.
    pub(super) fn take_all(&mut self, customer: &Customer) -> impl Iterator<Item = T> {
        let (fresh, again) = (self.fresh.take_all(customer), self.again.take_all(customer));
        fresh.into_iter().chain(again)
    }

    /// Finds the next that `may` go: something that is sent again only where nothing fresh may. Without,
    /// returns when it is worth looking again, where a time is known.
    pub(super) fn find(
        &mut self,
        now: Instant,
        mut may: impl FnMut(&Customer) -> May,
    ) -> Result<Found<'_, T>, Option<Instant>> {
        if self.fresh.turn(now, &mut may) {
            return Ok(Found(&mut self.fresh));
        }
        if self.again.turn(now, &mut may) {
            return Ok(Found(&mut self.again));
        }
        Err([self.fresh.wake_at(), self.again.wake_at()]
            .into_iter()
            .flatten()
            .min())
    }

    /// Takes one of those that `may` go, preferably one that `is_new`: of the customer whose turn it is the oldest, or
    /// as `chance` in 0..1 has it.
    pub(super) fn pick(
        &mut self,
        now: Instant,
        mut may: impl FnMut(&Customer) -> May,
        is_new: impl Fn(&T) -> bool,
        chance: f64,
    ) -> Option<T> {
        for queues in [&mut self.fresh, &mut self.again] {
            let new = queues.pop_where(now, &mut may, &is_new, chance);
            if new.is_some() {
                return new;
            }
        }
        // Neither kind is to stand behind the other for ever: what is fresh fails by itself, perhaps.
        let (fresh, all) = (self.fresh.len() as f64, self.len() as f64);
        let place = chance * all;
        let both = if place < fresh {
            [(&mut self.fresh, place / fresh), (&mut self.again, chance)]
        } else {
            [
                (&mut self.again, (place - fresh) / (all - fresh)),
                (&mut self.fresh, chance),
            ]
        };
        let pick = |(queues, chance): (&mut FairQueues<T>, f64)| {
            let is_there = queues.turn(now, &mut may);
            is_there.then(|| queues.pop_any(chance)).flatten()
        };
        both.into_iter().find_map(pick)
    }

    /// Tells whether there is anything that `is_so`.
    pub(super) fn any(&self, is_so: impl Fn(&T) -> bool) -> bool {
        self.fresh.any(&is_so) || self.again.any(&is_so)
    }

    /// Gives a customer that was held back its turns again. Returns whether it was.
    pub(super) fn release(&mut self, customer: &Customer) -> bool {
        self.fresh.release(customer) | self.again.release(customer)
    }

    /// Tells whether anybody is held back until a time by something else than its own rate.
    pub(super) fn is_crowded(&self) -> bool {
        self.fresh.is_crowded() || self.again.is_crowded()
    }

    /// Tells whether anybody is held back by its own rate.
    pub(super) fn is_paced(&self) -> bool {
        self.fresh.is_paced() || self.again.is_paced()
    }

    /// Returns how much could go out at once, up to `most`, where a customer `may_send` so many.
    pub(super) fn sendable(&self, most: usize, may_send: impl Fn(&Customer) -> usize) -> usize {
        let fresh = self.fresh.sendable(most, &may_send);
        fresh + self.again.sendable(most - fresh, may_send)
    }

    /// Returns whose turn it is, or who came first where nobody may send.
    pub(super) fn first(&self) -> Option<&Customer> {
        self.fresh.first().or_else(|| self.again.first())
    }

    /// Returns how much a customer has.
    pub(super) fn len_of(&self, customer: &Customer) -> usize {
        self.fresh.len_of(customer) + self.again.len_of(customer)
    }
}

/// One that may go out now.
pub(super) struct Found<'a, T>(&'a mut FairQueues<T>);

impl<T> Found<'_, T> {
    /// Takes it; its customer's next turn is behind all others'.
    pub(super) fn take(self) -> Option<T> {
        self.0.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(name: &str) -> Customer {
        Customer::parse(name).unwrap()
    }

    fn next(queues: &mut ReadyQueues<&'static str>, may: impl Fn(&Customer) -> May) -> Option<&'static str> {
        queues.find(Instant::now(), may).ok()?.take()
    }

    #[test]
    fn what_is_sent_again_waits_for_all_that_is_fresh() {
        let mut queues = ReadyQueues::default();
        queues.of(false).push_back(&customer("a"), "again");
        queues.of(true).push_back(&customer("a"), "fresh 1");
        queues.of(true).push_back(&customer("b"), "fresh 2");
        assert_eq!(queues.len(), 3);
        let order: Vec<&str> = std::iter::from_fn(|| next(&mut queues, |_| May::Go)).collect();
        assert_eq!(order, ["fresh 1", "fresh 2", "again"]);
    }

    #[test]
    fn a_cut_begins_at_each_customers_oldest_and_leaves_what_may_not_leave() {
        let mut queues = ReadyQueues::default();
        for item in ["a!", "a1", "a2", "a3"] {
            queues.of(true).push_back(&customer("a"), item);
        }
        queues.of(true).push_back(&customer("b"), "b1");
        queues.of(false).push_back(&customer("a"), "again");
        // The sweep is in the middle of something.
        queues.sweep(4, |_| false, &mut Vec::new());
        assert_eq!(queues.cut(|item| !item.ends_with('!')), ["a1", "a2", "a3", "b1", "again"]);
        let rest: Vec<&str> = std::iter::from_fn(|| next(&mut queues, |_| May::Go)).collect();
        assert_eq!(rest, ["a!"]);
    }

    #[test]
    fn what_is_new_is_picked_before_what_chance_picks() {
        let mut queues = ReadyQueues::default();
        for (name, fresh, item) in [
            ("a", true, "a1"),
            ("a", true, "a2"),
            ("b", true, "b new"),
            ("b", false, "b again"),
        ] {
            queues.of(fresh).push_back(&customer(name), item);
        }
        let is_new = |item: &&str| item.ends_with("new");
        let mut pick = |chance| queues.pick(Instant::now(), |_| May::Go, is_new, chance);
        assert_eq!(pick(0.0), Some("b new"));
        assert_eq!(pick(0.7), Some("b again"));
        assert_eq!(pick(0.5), Some("a2"));
        assert_eq!((pick(0.9), pick(0.9)), (Some("a1"), None));
    }

    #[test]
    fn a_customer_that_is_held_back_is_held_back_in_both() {
        let mut queues = ReadyQueues::default();
        for (name, fresh, item) in [
            ("a", true, "a fresh"),
            ("a", false, "a again"),
            ("b", false, "b again"),
        ] {
            queues.of(fresh).push_back(&customer(name), item);
        }
        let only_b = |name: &Customer| {
            if *name == customer("b") {
                May::Go
            } else {
                May::Later(None)
            }
        };
        assert_eq!(next(&mut queues, only_b), Some("b again"), "it does not wait for what cannot go");
        assert_eq!(queues.find(Instant::now(), |_| May::Go).err(), Some(None), "nothing is worth looking");
        queues.release(&customer("a"));
        assert_eq!(next(&mut queues, |_| May::Go), Some("a fresh"));
        assert_eq!(next(&mut queues, |_| May::Go), Some("a again"));
    }
}
