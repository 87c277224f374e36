//! Which customers have something due in the store, and whose turn it is to be claimed for.
//!
//! A customer without room leaves the round until it may have some, so that the others' turns come as
//! soon as if it were not there. One whose account is shut is parked until the account opens.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::domain::{AccountName, Customer};

/// Claims that may be under way together.
const CLAIMS: usize = 2;

/// The most customers that take turns, and that wait beside them; the regular look finds the others.
const REMEMBERED: usize = 10_000;

/// The customers that have something due in the store.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// The next one first. Some may have been parked meanwhile.
    turns: VecDeque<Customer>,
    standing: HashMap<Customer, Standing>,
    parked: HashMap<AccountName, Vec<Customer>>,
    claiming: HashSet<Customer>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Turn,
    /// For room, or for the end of a claim.
    Waiting,
    Parked,
}

impl Backlog {
    /// Remembers that a customer has something due in the store.
    pub(super) fn add(&mut self, customer: Customer) {
        let waits = matches!(self.standing.get(&customer), None | Some(Standing::Waiting));
        if waits && self.turns.len() < REMEMBERED {
            self.standing.insert(customer.clone(), Standing::Turn);
            self.turns.push_back(customer);
        }
    }

    /// Tells whether a customer is known to have more in the store than there is in memory.
    pub(super) fn waits(&self, customer: &Customer) -> bool {
        self.standing.contains_key(customer)
    }

    /// Notes that a customer may have room again.
    pub(super) fn freed(&mut self, customer: &Customer) {
        if self.standing.get(customer) == Some(&Standing::Waiting) {
            self.add(customer.clone());
        }
    }

    /// Takes the next customer that has room for at least half of what a claim takes, so that it is
    /// worth its transaction. `places` tells how many are free and taken.
    pub(super) fn next(
        &mut self,
        most: usize,
        places: impl Fn(&Customer) -> (usize, usize),
    ) -> Option<Customer> {
        while self.claiming.len() < CLAIMS
            && let Some(customer) = self.turns.pop_front()
        {
            if self.standing.get(&customer) != Some(&Standing::Turn) {
                continue;
            }
            let (free, taken) = places(&customer);
            if (free, taken) == (0, 0) {
                // Nobody has room then.
                self.turns.push_front(customer);
                return None;
            }
            if self.claiming.contains(&customer) || free == 0 || free < taken.min(most) {
                self.set_aside(customer, Standing::Waiting);
                continue;
            }
            self.standing.remove(&customer);
            self.claiming.insert(customer.clone());
            return Some(customer);
        }
        None
    }

    /// Notes that a claim is over, and whether it may have left `more`.
    pub(super) fn claimed(&mut self, customer: Customer, more: bool) {
        self.claiming.remove(&customer);
        if more {
            self.add(customer);
        } else {
            self.freed(&customer);
        }
    }

    /// Leaves customers alone until their account opens.
    pub(super) fn park(&mut self, account: &AccountName, customers: impl IntoIterator<Item = Customer>) {
        for customer in customers {
            if self.standing.get(&customer) != Some(&Standing::Parked)
                && self.set_aside(customer.clone(), Standing::Parked)
            {
                self.parked.entry(account.clone()).or_default().push(customer);
            }
        }
    }

    /// Lets all take part again whose account is so, as far as they are remembered.
    pub(super) fn unpark_where(&mut self, is_so: impl Fn(&AccountName) -> bool) {
        let accounts: Vec<AccountName> = self.parked.keys().filter(|name| is_so(name)).cloned().collect();
        for account in accounts {
            self.unpark(&account, usize::MAX);
        }
    }

    /// Lets up to `most` of an account's customers take part again, as far as they are remembered.
    pub(super) fn unpark(&mut self, account: &AccountName, most: usize) {
        let Some(customers) = self.parked.get_mut(account) else {
            return;
        };
        let room = REMEMBERED.saturating_sub(self.turns.len());
        for customer in customers.drain(..most.min(room).min(customers.len())) {
            self.standing.insert(customer.clone(), Standing::Turn);
            self.turns.push_back(customer);
        }
        if customers.is_empty() {
            self.parked.remove(account);
        }
    }

    /// Remembers that a customer takes no turns. Returns whether there was room for that.
    fn set_aside(&mut self, customer: Customer, standing: Standing) -> bool {
        let fits = self.standing.len() < 2 * REMEMBERED || self.standing.contains_key(&customer);
        if fits {
            self.standing.insert(customer, standing);
        } else {
            self.standing.remove(&customer);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(name: &str) -> Customer {
        Customer::parse(name).unwrap()
    }

    fn backlog(names: &[&str]) -> Backlog {
        let mut backlog = Backlog::default();
        names.iter().for_each(|name| backlog.add(customer(name)));
        backlog
    }

    #[test]
    fn customers_are_claimed_for_in_turn_and_two_at_a_time() {
        let mut backlog = backlog(&["a", "b", "c", "a"]);
        let mut next = || backlog.next(512, |_| (100, 0));
        assert_eq!((next(), next(), next()), (Some(customer("a")), Some(customer("b")), None));
        backlog.claimed(customer("a"), true);
        assert_eq!(backlog.next(512, |_| (100, 0)), Some(customer("c")));
        backlog.claimed(customer("b"), false);
        assert_eq!(backlog.next(512, |_| (100, 0)), Some(customer("a")));
        backlog.claimed(customer("c"), false);
        assert_eq!(backlog.next(512, |_| (100, 0)), None);
    }

    #[test]
    fn thousands_without_room_do_not_delay_one_that_has_some() {
        let mut backlog = Backlog::default();
        (0..9000).for_each(|number| backlog.add(customer(&format!("full {number}"))));
        backlog.add(customer("z"));
        let looks = std::cell::Cell::new(0);
        let places = |name: &Customer| {
            looks.set(looks.get() + 1);
            if *name == customer("z") { (10, 0) } else { (10, 90) }
        };
        assert_eq!(backlog.next(512, places), Some(customer("z")));
        backlog.claimed(customer("z"), true);
        assert_eq!(backlog.next(512, places), Some(customer("z")));
        assert_eq!(looks.get(), 9002, "those without room are not looked at again");
        backlog.freed(&customer("full 7"));
        assert_eq!(backlog.next(512, |_| (50, 40)), Some(customer("full 7")));
    }

    #[test]
    fn what_is_due_is_remembered_while_nobody_has_room_and_while_it_is_claimed_for() {
        let mut backlog = backlog(&["a"]);
        assert_eq!(backlog.next(512, |_| (0, 0)), None);
        assert_eq!(backlog.next(512, |_| (1, 0)), Some(customer("a")));
        backlog.add(customer("a"));
        assert_eq!(backlog.next(512, |_| (1, 0)), None, "one claim at a time");
        backlog.claimed(customer("a"), false);
        assert_eq!(backlog.next(512, |_| (1, 0)), Some(customer("a")));
    }

    #[test]
    fn who_is_parked_takes_no_turns_until_the_account_opens() {
        let account = AccountName::new("shut");
        let mut backlog = backlog(&["a", "b"]);
        backlog.park(&account, [customer("a"), customer("c"), customer("a")]);
        backlog.add(customer("a"));
        backlog.freed(&customer("c"));
        assert_eq!(backlog.next(512, |_| (9, 0)), Some(customer("b")));
        assert_eq!(backlog.next(512, |_| (9, 0)), None);
        backlog.unpark(&account, 1);
        assert_eq!(backlog.next(512, |_| (9, 0)), Some(customer("a")));
        backlog.claimed(customer("b"), false);
        backlog.unpark(&account, usize::MAX);
        assert_eq!(backlog.next(512, |_| (9, 0)), Some(customer("c")));
        assert!(backlog.parked.is_empty());
    }
    #[test]
    fn no_more_take_turns_than_are_remembered_when_an_account_opens() {
        let account = AccountName::new("shut");
        let mut backlog = Backlog::default();
        let some = |name: &'static str| {
            (0..REMEMBERED / 2 + 7).map(move |number| customer(&format!("{name} {number}")))
        };
        backlog.park(&account, some("parked"));
        some("other").for_each(|customer| backlog.add(customer));
        backlog.unpark(&account, usize::MAX);
        assert_eq!(backlog.turns.len(), REMEMBERED);
        let mut first = || {
            let customer = backlog.next(512, |_| (100, 0)).unwrap();
            backlog.claimed(customer, false);
        };
        (0..REMEMBERED).for_each(|_| first());
        backlog.unpark(&account, usize::MAX);
        assert_eq!(backlog.turns.len(), 14, "the others come later");
        assert!(backlog.parked.is_empty());
    }
}
