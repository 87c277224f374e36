//! What is known of accounts, and whose they are.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Directory, KnownAccount, KnownCustomer};
use crate::domain::{AccountName, Customer};
use crate::policy::Own;

impl Directory {
    /// Returns what is set for an account beside the operator's own.
    #[must_use]
    pub fn account(&self, name: &AccountName) -> Option<Arc<KnownAccount>> {
        self.read().accounts.get(name).cloned()
    }

    /// Takes the accounts that were written or deleted since the last call.
    #[must_use]
    pub fn take_changed_accounts(&self) -> HashSet<AccountName> {
        if self.has_news() {
            std::mem::take(&mut self.write().changed_accounts)
        } else {
            HashSet::new()
        }
    }

    /// Returns a customer whose notifications go through an account, where there is one; or of whom that is not known.
    #[must_use]
    pub fn customer_of(&self, account: &AccountName) -> Option<Customer> {
        let known = self.read();
        if let Some(unknown) = known.unreadable.iter().next() {
            return Some(unknown.clone());
        }
        let mut all = known.of_files.iter().chain(&known.customers);
        let found = all.find(|(_, set)| set.settings.account.as_deref() == Some(account.as_str()));
        found.map(|(customer, _)| customer.clone())
    }

    /// Tells whether an account is set for a customer and for no other, and the customer may change it itself. Of whom
    /// nothing can be read may have any.
    #[must_use]
    pub fn is_own(&self, account: &AccountName, customer: &Customer) -> bool {
        let known = self.read();
        if !known.unreadable.is_empty() {
            return false;
        }
        let names = |set: &KnownCustomer| set.settings.account.as_deref() == Some(account.as_str());
        let mut all = known.of_files.iter().chain(&known.customers);
        let is_anothers = all.any(|(other, set)| other != customer && names(set));
        let own = known.customer(customer).filter(|_| !is_anothers);
        own.is_some_and(|set| names(set) && set.settings.self_service.contains(&Own::Account))
    }
}
