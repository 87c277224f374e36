//! For whom applications are set, so that nobody else's own application is one of them.

use std::collections::HashMap;

use super::Directory;
use crate::domain::{AccountName, Customer};

/// The customers for whom each application is set, with the account that is set for them.
#[derive(Debug, Default)]
pub(super) struct Applications(HashMap<String, HashMap<Customer, Option<String>>>);

impl Applications {
    /// Notes that another application or account is set for a customer.
    pub(super) fn note(
        &mut self,
        customer: &Customer,
        before: Option<(String, Option<String>)>,
        now: Option<(String, Option<String>)>,
    ) {
        if let Some((application, _)) = before
            && let Some(customers) = self.0.get_mut(&application)
        {
            customers.remove(customer);
            if customers.is_empty() {
                self.0.remove(&application);
            }
        }
        if let Some((application, account)) = now {
            let customers = self.0.entry(application).or_default();
            customers.insert(customer.clone(), account);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Directory {
    /// Tells whether an application of an account is set for any customer but these. Where none is set, a customer's
    /// account is the `operators`.
    #[must_use]
    pub fn is_set_for_another(
        &self,
        application: &str,
        account: &AccountName,
        operators: &AccountName,
        but: &[&Customer],
    ) -> bool {
        let known = self.read();
        let mut all = known.applications.0.get(application).into_iter().flatten();
        all.any(|(customer, set)| {
            let own = set.as_deref().unwrap_or(operators.as_str());
            own == account.as_str() && !but.contains(&customer)
        })
    }
}
