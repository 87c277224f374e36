//! What changes with a customer's settings beside them: a pause, a rate of its own, whose an application is.

use std::collections::HashSet;
use std::time::Instant;

use super::{Directory, Known};
use crate::domain::Customer;
use crate::policy::{CustomerRate, CustomerSettings};

/// A rate that is in force.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateInForce {
    /// The rate.
    pub rate: CustomerRate,
    /// Since when. What went out before did not keep to it.
    pub since: Instant,
}

/// How a customer stands by what is set for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    paused: bool,
    rate: Option<CustomerRate>,
    /// The application and the account that are set for it.
    application: Option<(String, Option<String>)>,
}

impl Standing {
    fn of(settings: &CustomerSettings) -> Self {
        Self {
            paused: settings.paused,
            rate: settings.rate,
            application: settings
                .application
                .clone()
                .map(|application| (application, settings.account.clone())),
        }
    }
}

impl Directory {
    /// Returns the rate of a customer that has one of its own.
    #[must_use]
    pub fn rate(&self, customer: &Customer) -> Option<RateInForce> {
        self.read().rates.get(customer).copied()
    }

    /// Takes the customers that have another rate of their own since the last call, or none any more.
    #[must_use]
    pub fn take_repaced(&self) -> HashSet<Customer> {
        if self.has_news() {
            std::mem::take(&mut self.write().repaced)
        } else {
            HashSet::new()
        }
    }
}

impl Known {
    pub(super) fn standing(&self, customer: &Customer) -> Standing {
        let known = self.customer(customer);
        known
            .map(|known| Standing::of(&known.settings))
            .unwrap_or_default()
    }

    /// Notes that a customer was paused or resumed, or has another rate, where it stood otherwise before.
    pub(super) fn note_switch(&mut self, customer: Customer, before: Standing) {
        let standing = self.standing(&customer);
        if standing.paused != before.paused {
            self.switched.insert(customer.clone());
        }
        if standing.application != before.application {
            self.applications
                .note(&customer, before.application, standing.application);
        }
        if standing.rate != before.rate {
            let since = Instant::now();
            match standing.rate {
                Some(rate) => self.rates.insert(customer.clone(), RateInForce { rate, since }),
                None => self.rates.remove(&customer),
            };
            self.repaced.insert(customer);
        }
    }
}
