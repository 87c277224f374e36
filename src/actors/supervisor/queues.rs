//! Ready notifications by customer, taken in turns.

use std::collections::{HashMap, VecDeque};

use crate::domain::Customer;

/// Queues of which each customer has one; customers take turns.
#[derive(Debug)]
pub(super) struct FairQueues<T> {
    queues: HashMap<Customer, VecDeque<T>>,
    /// Customers with something in their queue, the next one first; each once.
    turns: VecDeque<Customer>,
    len: usize,
}

impl<T> Default for FairQueues<T> {
    fn default() -> Self {
        Self {
            queues: HashMap::new(),
            turns: VecDeque::new(),
            len: 0,
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

    fn queue(&mut self, customer: &Customer) -> &mut VecDeque<T> {
        if !self.queues.contains_key(customer) {
            self.turns.push_back(customer.clone());
        }
        self.queues.entry(customer.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
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
}
