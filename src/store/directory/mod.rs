//! What is set, in memory: asked for by each accept and each dispatch, so never a way to the database.

mod accounts;
mod applications;
mod standing;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use log::{error, info};
use serde_json::{Map, Value};

use super::known_account::KnownAccount;
use super::known_customer::KnownCustomer;
use super::known_keys::{KnownKey, KnownKeys};
use super::known_portals::KnownPortals;
use super::settings::{Setting, SettingChanges, SettingKind};
use crate::domain::{AccountName, Customer, KeyDigest};
use crate::policy::{CustomerSettings, Rules, SettingFault};
use applications::Applications;
pub use standing::RateInForce;

/// Everything that is set.
#[derive(Debug, Default)]
pub struct Directory(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Up to where the changes have been taken in.
    revision: i64,
    customers: HashMap<Customer, Arc<KnownCustomer>>,
    /// What files say, which holds whatever else does.
    of_files: HashMap<Customer, Arc<KnownCustomer>>,
    /// Those of whom the store says something now that cannot be read.
    unreadable: HashSet<Customer>,
    /// For whom applications are set, whatever says so.
    applications: Applications,
    /// The rates of those that have one of their own, whatever says so.
    rates: HashMap<Customer, RateInForce>,
    keys: KnownKeys,
    portals: KnownPortals,
    accounts: HashMap<AccountName, Arc<KnownAccount>>,
    /// Those that were changed since somebody last asked for that.
    changed_accounts: HashSet<AccountName>,
    /// Who was paused or resumed since somebody last asked for that.
    switched: HashSet<Customer>,
    /// Who has another rate since somebody last asked for that.
    repaced: HashSet<Customer>,
}

impl Directory {
    /// Returns what is set for a customer.
    #[must_use]
    pub fn customer(&self, customer: &Customer) -> Option<Arc<KnownCustomer>> {
        self.read().customer(customer).cloned()
    }

    /// Returns the key that has this digest, where the store keeps one.
    #[must_use]
    pub fn key(&self, digest: &KeyDigest) -> Option<Arc<KnownKey>> {
        self.read().keys.find(digest)
    }

    /// Returns the token for a customer's page that has this digest.
    #[must_use]
    pub fn portal(&self, digest: &KeyDigest) -> Option<Arc<KnownKey>> {
        self.read().portals.find(digest)
    }

    /// Tells whether the store keeps any key. Tokens for pages are none.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.read().keys.is_empty()
    }

    /// Returns the rules of a customer's retries, where `all` are everybody's.
    #[must_use]
    pub fn rules(&self, customer: &Customer, all: &Rules) -> Rules {
        self.customer(customer)
            .map_or(*all, |known| known.settings.rules(all))
    }

    /// Returns how long a request for a customer may take, where it is `usual` for all.
    #[must_use]
    pub fn request_timeout(&self, customer: &Customer, usual: Duration) -> Duration {
        let known = self.customer(customer);
        let own = known.and_then(|known| known.settings.retry.request_timeout_ms);
        own.map_or(usual, Duration::from_millis)
    }

    /// Tells whether nothing of a customer goes out for now.
    #[must_use]
    pub fn is_paused(&self, customer: &Customer) -> bool {
        self.read().is_paused(customer)
    }

    /// Tells whether there is anything to take with [`Self::take_switched`], [`Self::take_repaced`] or
    /// [`Self::take_changed_accounts`].
    #[must_use]
    pub fn has_news(&self) -> bool {
        let known = self.read();
        !(known.switched.is_empty() && known.repaced.is_empty() && known.changed_accounts.is_empty())
    }

    /// Takes the customers who were paused or resumed since the last call. Some may have been both, so how each
    /// stands now is to be asked.
    #[must_use]
    pub fn take_switched(&self) -> HashSet<Customer> {
        if self.has_news() {
            std::mem::take(&mut self.write().switched)
        } else {
            HashSet::new()
        }
    }

    /// Tells whether a file says what is set for a customer.
    #[must_use]
    pub fn is_of_file(&self, customer: &Customer) -> bool {
        self.read().of_files.contains_key(customer)
    }

    /// Returns what files say, in the order of the names.
    #[must_use]
    pub fn of_files(&self) -> Vec<(Customer, Arc<KnownCustomer>)> {
        let mut all: Vec<_> = self.read().of_files.clone().into_iter().collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Takes over what files say, in place of what they said before.
    pub fn lay_over(&self, customers: impl IntoIterator<Item = (Customer, CustomerSettings)>) {
        let mut known = self.write();
        let before = known.of_files.clone();
        // What stays as it is keeps its filter, and how often that could not decide.
        let keep = |(customer, settings)| {
            let same = before
                .get(&customer)
                .filter(|before| before.settings == settings)
                .cloned();
            (customer, same.unwrap_or_else(|| KnownCustomer::new(settings, 0)))
        };
        known.lay_over(customers.into_iter().map(keep).collect());
    }

    /// Returns up to which revision it knows all changes.
    pub(super) fn revision(&self) -> i64 {
        self.read().revision
    }

    /// Takes in changes, and passes over what cannot be read of them.
    pub(super) fn take_in(&self, changes: &SettingChanges) {
        let mut known = self.write();
        let before = known.revision;
        // Two may read at once, and the slower one's are not news any more.
        for (revision, why) in changes
            .unreadable
            .iter()
            .filter(|(revision, _)| *revision > before)
        {
            error!(revision, error:% = why; "a row of settings cannot be read and is passed over");
        }
        for change in changes.settings.iter().filter(|change| change.revision > before) {
            known.apply(change);
        }
        known.revision = before.max(changes.revision);
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn customer(&self, customer: &Customer) -> Option<&Arc<KnownCustomer>> {
        self.of_files
            .get(customer)
            .or_else(|| self.customers.get(customer))
    }

    fn is_paused(&self, customer: &Customer) -> bool {
        self.customer(customer).is_some_and(|known| known.settings.paused)
    }

    fn lay_over(&mut self, of_files: HashMap<Customer, Arc<KnownCustomer>>) {
        let concerned: HashSet<&Customer> = self.of_files.keys().chain(of_files.keys()).collect();
        let before = concerned
            .into_iter()
            .map(|customer| (customer.clone(), self.standing(customer)));
        let before: Vec<_> = before.collect();
        self.of_files = of_files;
        for (customer, before) in before {
            self.note_switch(customer, before);
        }
    }

    fn apply(&mut self, change: &Setting) {
        match change.kind {
            SettingKind::Customer => self.apply_to_customer(change),
            SettingKind::Key => self.keys.apply(change),
            SettingKind::Portal => self.portals.apply(change),
            SettingKind::Account => self.apply_to_account(change),
        }
    }

    fn apply_to_account(&mut self, change: &Setting) {
        let (name, version) = (AccountName::new(&change.name), change.version);
        self.changed_accounts.insert(name.clone());
        if change.document.is_none() {
            info!(account:% = name, version; "an account was deleted");
            self.accounts.remove(&name);
            return;
        }
        match KnownAccount::of(change) {
            Ok(known) => {
                info!(account:% = name, version; "an account is known");
                self.accounts.insert(name, Arc::new(known));
            }
            // What stood before is closer to what is wanted than nothing.
            Err(error) => {
                error!(account:% = name, version, error, whose = "operator"; "an account cannot be read; what stood before holds");
            }
        }
    }

    fn apply_to_customer(&mut self, change: &Setting) {
        let Setting { name, version, .. } = change;
        let Ok(customer) = Customer::parse(name) else {
            return error!(customer = name.as_str(), version; "settings belong to no customer that there can be");
        };
        let before = self.standing(&customer);
        self.unreadable.remove(&customer);
        let Some(document) = &change.document else {
            info!(customer:%, version; "a customer's settings were deleted");
            self.customers.remove(&customer);
            return self.note_switch(customer, before);
        };
        match read(document) {
            Ok(settings) => {
                info!(customer:%, version; "a customer's settings were changed");
                self.customers
                    .insert(customer.clone(), KnownCustomer::new(settings, *version));
                self.note_switch(customer, before);
            }
            // What stood before is closer to what is wanted than nothing; and where nothing is known, nothing goes out
            // that its filter might have held back, and nothing is decided without it.
            Err(faults) => {
                let faults: Vec<_> = faults
                    .iter()
                    .map(|fault| format!("{} {}", fault.pointer, fault.detail))
                    .collect();
                let error = faults.join("; ");
                self.unreadable.insert(customer.clone());
                if self.customers.contains_key(&customer) {
                    return error!(customer:%, version, error:%, whose = "customer"; "a customer's settings cannot be read; those before stay in force");
                }
                error!(customer:%, version, error:%, whose = "customer"; "a customer's settings cannot be read, and none are known from before; it is held");
                self.customers.insert(customer, KnownCustomer::held(*version));
            }
        }
    }
}

fn read(document: &str) -> Result<CustomerSettings, Vec<SettingFault>> {
    let members: Map<String, Value> = serde_json::from_str(document).map_err(|error| {
        vec![SettingFault {
            pointer: String::new(),
            detail: error.to_string(),
        }]
    })?;
    CustomerSettings::read(&members)
}

#[cfg(test)]
mod tests;
