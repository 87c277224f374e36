//! Whether more than one customer has notifications here, which decides what has to be looked up.

use crate::domain::Customer;

/// The customers that a store knows of, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Population {
    /// Nobody has posted anything.
    Nobody,
    /// This one only.
    Only(Customer),
    /// Two or more.
    Many,
}

impl Population {
    pub(super) fn add(&mut self, customer: &Customer) {
        match self {
            Self::Nobody => *self = Self::Only(customer.clone()),
            Self::Only(only) if only != customer => *self = Self::Many,
            _ => {}
        }
    }

    /// Tells whether there are several, counting these in.
    pub(super) fn is_several_with<'a>(&self, customers: impl Iterator<Item = &'a Customer>) -> bool {
        let mut with = self.clone();
        customers.for_each(|customer| with.add(customer));
        with == Self::Many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_customer_makes_several() {
        let customer = |name: &str| Customer::parse(name).unwrap();
        let (acme, globex) = (customer("acme"), customer("globex"));
        let mut population = Population::Nobody;
        assert!(population.is_several_with([&acme, &globex].into_iter()));
        population.add(&acme);
        assert!(!population.is_several_with([&acme, &acme].into_iter()));
        assert!(population.is_several_with([&globex].into_iter()));
    }
}
