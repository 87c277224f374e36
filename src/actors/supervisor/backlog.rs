//! Which customers have something due in the store, and whose turn it is to be claimed for.
//!
//! A customer without room leaves the round until it may have some, so that the others' turns come as
//! soon as if it were not there. One whose account is shut is parked until the account opens. One whose next
//! event is larger than what others leave free waits in a line of its own, for whose first room is kept.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::actors::messages::{Load, Places};
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
    /// Those that wait for room that others have. Some may have been parked meanwhile.
    large: VecDeque<Customer>,
    standing: HashMap<Customer, Standing>,
    /// How large the next event is, where a claim has found that it did not fit.
    sizes: HashMap<Customer, usize>,
    parked: HashMap<AccountName, Vec<Customer>>,
    claiming: HashSet<Customer>,
}

/// A customer to claim for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) customer: Customer,
    /// How large its next event is, where that is known.
    pub(super) size: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Turn,
    /// For room that it has itself, or for the end of a claim.
    Waiting,
    /// For room that others have.
    Large,
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
    /// worth its transaction. `places` tells what is free and taken for a customer and the size of its next event.
    pub(super) fn next(
        &mut self,
        most: Load,
        places: impl Fn(&Customer, Option<usize>) -> Places,
    ) -> Option<Turn> {
        if self.claiming.len() < CLAIMS
            && let Some((customer, size)) = self.first_large()
            && !self.claiming.contains(&customer)
            && places(&customer, Some(size)).fits
        {
            self.large.pop_front();
            return Some(self.begin(customer));
        }
        while self.claiming.len() < CLAIMS
            && let Some(customer) = self.turns.pop_front()
        {
            if self.standing.get(&customer) != Some(&Standing::Turn) {
                continue;
            }
            let size = self.sizes.get(&customer).copied();
            let places = places(&customer, size);
            if !places.fits && places.taken.count == 0 {
                if size.is_none() || places.free.count == 0 {
                    // The room is full for every customer.
                    self.turns.push_front(customer);
                    return None;
                }
                self.line_up(customer);
                continue;
            }
            if self.claiming.contains(&customer) || !places.fits || !is_worth_it(places, most) {
                self.set_aside(customer, Standing::Waiting);
                continue;
            }
            return Some(self.begin(customer));
        }
        None
    }

    /// Returns the customer that room is kept free for, and the size of its next event in bytes.
    pub(super) fn first_large(&mut self) -> Option<(Customer, usize)> {
        while let Some(customer) = self.large.front() {
            let stands = self.standing.get(customer) == Some(&Standing::Large);
            match self.sizes.get(customer) {
                Some(size) if stands => return Some((customer.clone(), *size)),
                _ => self.large.pop_front(),
            };
        }
        None
    }

    fn begin(&mut self, customer: Customer) -> Turn {
        self.standing.remove(&customer);
        self.claiming.insert(customer.clone());
        Turn {
            size: self.sizes.remove(&customer),
            customer,
        }
    }

    fn line_up(&mut self, customer: Customer) {
        if self.large.len() >= REMEMBERED {
            self.set_aside(customer, Standing::Waiting);
        } else if self.set_aside(customer.clone(), Standing::Large) {
            self.large.push_back(customer);
        }
    }

    /// Notes that a claim is over, and whether it may have left `more`, of which the next has the `size`
    /// where it did not fit.
    pub(super) fn claimed(&mut self, customer: Customer, more: bool, size: Option<usize>) {
        self.claiming.remove(&customer);
        // One whose size is not remembered would be claimed for in vain again and again.
        let is_known = size.is_none_or(|_| self.sizes.len() < REMEMBERED);
        if let Some(size) = size.filter(|_| is_known) {
            self.sizes.insert(customer.clone(), size);
        }
        if more && is_known {
            self.add(customer);
        } else {
            self.freed(&customer);
        }
    }

    /// Takes a customer out of the line of those that wait for much room.
    pub(super) fn step_back(&mut self, customer: &Customer) {
        if self.standing.get(customer) == Some(&Standing::Large) {
            self.set_aside(customer.clone(), Standing::Waiting);
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

/// Tells whether there is room for at least half of what a claim takes.
fn is_worth_it(Places { free, taken, .. }: Places, most: Load) -> bool {
    free.count >= taken.count.min(most.count) && free.bytes >= taken.bytes.min(most.bytes)
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

    const CLAIM: Load = Load {
        count: 512,
        bytes: usize::MAX,
    };

    /// Makes places by their number, which are of any size.
    fn places(free: usize, taken: usize) -> Places {
        let load = |count| Load { count, bytes: count };
        Places {
            free: load(free),
            taken: load(taken),
            fits: free > 0,
        }
    }

    /// Takes the next customer's name, where all have this much.
    fn next(backlog: &mut Backlog, free: usize, taken: usize) -> Option<String> {
        let turn = backlog.next(CLAIM, |_, _| places(free, taken))?;
        Some(turn.customer.to_string())
    }

    #[test]
    fn customers_are_claimed_for_in_turn_and_two_at_a_time() {
        let mut backlog = backlog(&["a", "b", "c", "a"]);
        let mut turns = || next(&mut backlog, 100, 0);
        assert_eq!((turns(), turns(), turns()), (Some("a".into()), Some("b".into()), None));
        backlog.claimed(customer("a"), true, None);
        assert_eq!(next(&mut backlog, 100, 0).unwrap(), "c");
        backlog.claimed(customer("b"), false, None);
        assert_eq!(next(&mut backlog, 100, 0).unwrap(), "a");
        backlog.claimed(customer("c"), false, None);
        assert_eq!(next(&mut backlog, 100, 0), None);
    }

    #[test]
    fn thousands_without_room_do_not_delay_one_that_has_some() {
        let mut backlog = Backlog::default();
        (0..9000).for_each(|number| backlog.add(customer(&format!("full {number}"))));
        backlog.add(customer("z"));
        let looks = std::cell::Cell::new(0);
        let of = |name: &Customer, _| {
            looks.set(looks.get() + 1);
            if *name == customer("z") {
                places(10, 0)
            } else {
                places(10, 90)
            }
        };
        assert_eq!(backlog.next(CLAIM, of).unwrap().customer, customer("z"));
        backlog.claimed(customer("z"), true, None);
        assert_eq!(backlog.next(CLAIM, of).unwrap().customer, customer("z"));
        assert_eq!(looks.get(), 9002, "those without room are not looked at again");
        backlog.freed(&customer("full 7"));
        assert_eq!(next(&mut backlog, 50, 40).unwrap(), "full 7");
    }

    #[test]
    fn what_is_due_is_remembered_while_nobody_has_room_and_while_it_is_claimed_for() {
        let mut backlog = backlog(&["a"]);
        assert_eq!(next(&mut backlog, 0, 0), None);
        assert_eq!(next(&mut backlog, 1, 0).unwrap(), "a");
        backlog.add(customer("a"));
        assert_eq!(next(&mut backlog, 1, 0), None, "one claim at a time");
        backlog.claimed(customer("a"), false, None);
        assert_eq!(next(&mut backlog, 1, 0).unwrap(), "a");
    }

    #[test]
    fn an_event_larger_than_what_others_leave_free_waits_beside_the_round() {
        let mut backlog = backlog(&["a", "b", "c"]);
        for name in ["a", "b"] {
            assert_eq!(next(&mut backlog, 10, 0).unwrap(), name);
            backlog.claimed(customer(name), true, Some(100));
        }
        let free = std::cell::Cell::new(10);
        let looks = std::cell::Cell::new(0);
        let of = |_: &Customer, size: Option<usize>| {
            looks.set(looks.get() + 1);
            let fits = free.get() >= size.unwrap_or(1);
            Places {
                fits,
                ..places(free.get(), 0)
            }
        };
        let turn = |name, size| {
            Some(Turn {
                customer: customer(name),
                size,
            })
        };
        assert_eq!(backlog.next(CLAIM, of), turn("c", None));
        backlog.claimed(customer("c"), true, None);
        assert_eq!(backlog.next(CLAIM, of), turn("c", None), "the others hold nothing up");
        assert_eq!(backlog.first_large(), Some((customer("a"), 100)));
        let before = looks.get();
        backlog.add(customer("a"));
        assert_eq!(backlog.next(CLAIM, of), None);
        assert_eq!(looks.get(), before + 1, "only the first of them is looked at");
        free.set(100);
        assert_eq!(backlog.next(CLAIM, of), turn("a", Some(100)));
        backlog.claimed(customer("a"), false, None);
        backlog.step_back(&customer("b"));
        assert_eq!(backlog.first_large(), None, "who is held back keeps no room from others");
        backlog.add(customer("b"));
        assert_eq!(backlog.next(CLAIM, of), turn("b", Some(100)));
    }

    #[test]
    fn who_is_parked_takes_no_turns_until_the_account_opens() {
        let account = AccountName::new("shut");
        let mut backlog = backlog(&["a", "b"]);
        backlog.park(&account, [customer("a"), customer("c"), customer("a")]);
        backlog.add(customer("a"));
        backlog.freed(&customer("c"));
        assert_eq!(next(&mut backlog, 9, 0).unwrap(), "b");
        assert_eq!(next(&mut backlog, 9, 0), None);
        backlog.unpark(&account, 1);
        assert_eq!(next(&mut backlog, 9, 0).unwrap(), "a");
        backlog.claimed(customer("b"), false, None);
        backlog.unpark(&account, usize::MAX);
        assert_eq!(next(&mut backlog, 9, 0).unwrap(), "c");
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
            let turn = backlog.next(CLAIM, |_, _| places(100, 0)).unwrap();
            backlog.claimed(turn.customer, false, None);
        };
        (0..REMEMBERED).for_each(|_| first());
        backlog.unpark(&account, usize::MAX);
        assert_eq!(backlog.turns.len(), 14, "the others come later");
        assert!(backlog.parked.is_empty());
    }
}
