//! What is set, in memory: asked for by each accept and each dispatch, so never a way to the database.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use log::{error, info};
use serde_json::{Map, Value};

use super::known_customer::KnownCustomer;
use super::known_keys::{KnownKey, KnownKeys};
use super::settings::{Setting, SettingChanges, SettingKind};
use crate::domain::{Customer, KeyDigest};
use crate::policy::{CustomerSettings, Rules, SettingFault};

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
    keys: KnownKeys,
}

impl Directory {
    /// Returns what is set for a customer.
    #[must_use]
    pub fn customer(&self, customer: &Customer) -> Option<Arc<KnownCustomer>> {
        let known = self.read();
        let found = known.of_files.get(customer);
        found.or_else(|| known.customers.get(customer)).cloned()
    }

    /// Returns the key that has this digest, where the store keeps one.
    #[must_use]
    pub fn key(&self, digest: &KeyDigest) -> Option<Arc<KnownKey>> {
        self.read().keys.find(digest)
    }

    /// Tells whether the store keeps any key.
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
        self.customer(customer).is_some_and(|known| known.settings.paused)
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
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut known.of_files);
        // What stays as it is keeps its filter, and how often that could not decide.
        let keep = |(customer, settings)| {
            let same = before
                .remove(&customer)
                .filter(|before: &Arc<KnownCustomer>| before.settings == settings);
            (customer, same.unwrap_or_else(|| KnownCustomer::new(settings, 0)))
        };
        known.of_files = customers.into_iter().map(keep).collect();
    }

    /// Returns up to which revision it knows all changes.
    pub(super) fn revision(&self) -> i64 {
        self.read().revision
    }

    /// Takes in changes, and passes over what cannot be read of them. Returns whether any was news.
    pub(super) fn take_in(&self, changes: &SettingChanges) -> bool {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
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
        known.revision > before
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn apply(&mut self, change: &Setting) {
        match change.kind {
            SettingKind::Customer => self.apply_to_customer(change),
            SettingKind::Key => self.keys.apply(change),
            SettingKind::Account => {}
        }
    }

    fn apply_to_customer(&mut self, change: &Setting) {
        let Setting { name, version, .. } = change;
        let Ok(customer) = Customer::parse(name) else {
            return error!(name:?, version; "settings belong to no customer that there can be");
        };
        let Some(document) = &change.document else {
            info!(customer:%, version; "a customer's settings were deleted");
            self.customers.remove(&customer);
            return;
        };
        match read(document) {
            Ok(settings) => {
                info!(customer:%, version; "a customer's settings were changed");
                self.customers
                    .insert(customer, KnownCustomer::new(settings, *version));
            }
            // What stood before is closer to what is wanted than nothing; and where nothing is known, nothing goes out
            // that its filter might have held back.
            Err(faults) => {
                let faults: Vec<_> = faults
                    .iter()
                    .map(|fault| format!("{} {}", fault.pointer, fault.detail))
                    .collect();
                let error = faults.join("; ");
                if self.customers.contains_key(&customer) {
                    return error!(customer:%, version, error:%; "a customer's settings cannot be read; those before stay in force");
                }
                error!(customer:%, version, error:%; "a customer's settings cannot be read, and none are known from before; it is held as if paused");
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
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::store::examples::customer;

    fn setting(name: &str, revision: i64, document: Option<&str>) -> Setting {
        Setting {
            kind: SettingKind::Customer,
            name: name.to_owned(),
            version: revision * 10,
            revision,
            document: document.map(str::to_owned),
            sealed: None,
            created_at: Timestamp::default(),
            changed_at: Timestamp::default(),
            key: None,
        }
    }

    fn changes(settings: &[Setting]) -> SettingChanges {
        SettingChanges {
            settings: settings.to_vec(),
            revision: settings.last().map_or(0, |last| last.revision),
            ..SettingChanges::default()
        }
    }

    fn application(directory: &Directory, name: &str) -> Option<String> {
        directory
            .customer(&customer(name))
            .and_then(|known| known.settings.application.clone())
    }

    #[test]
    fn changes_are_taken_in_once_in_their_order() {
        let directory = Directory::default();
        let one = setting("a", 1, Some(r#"{"application": "one"}"#));
        let three = setting("a", 3, Some(r#"{"application": "three"}"#));
        assert!(directory.take_in(&changes(&[one.clone(), three])));
        assert_eq!((application(&directory, "a").as_deref(), directory.revision()), (Some("three"), 3));
        assert!(!directory.take_in(&changes(&[one])), "what a slower reader brings is not news");
        assert_eq!(application(&directory, "a").as_deref(), Some("three"));
        assert_eq!(directory.customer(&customer("a")).unwrap().version, 30);
        assert!(directory.take_in(&changes(&[setting("a", 4, None)])));
        assert!(directory.customer(&customer("a")).is_none());
    }

    #[test]
    fn what_cannot_be_read_leaves_what_stood_before() {
        let directory = Directory::default();
        for (revision, document) in [
            (1, r#"{"application": "one"}"#),
            (2, "nonsense"),
            (3, r#"{"later": 1}"#),
        ] {
            directory.take_in(&changes(&[setting("a", revision, Some(document))]));
        }
        assert_eq!(application(&directory, "a").as_deref(), Some("one"));
        directory.take_in(&changes(&[setting("\n", 4, Some("{}"))]));
        assert_eq!(directory.revision(), 4, "and holds up nothing");
    }

    #[test]
    fn a_customer_of_whom_nothing_can_be_read_is_held_until_something_can() {
        let directory = Directory::default();
        let paused = || directory.is_paused(&customer("a"));
        let held = || {
            directory
                .customer(&customer("a"))
                .is_some_and(|known| known.is_held())
        };
        for (revision, document, right, why) in [
            (1, Some("nonsense"), true, "nothing was known before"),
            (2, Some(r#"{"later": 1}"#), true, "nor now"),
            (3, Some("{}"), false, "now it is known"),
            (4, Some("nonsense"), false, "and that stays in force"),
            (5, None, false, "nothing is set any more"),
            (6, Some("nonsense"), true, "nor is it known what was set since"),
            (7, None, false, "and that is gone too"),
        ] {
            directory.take_in(&changes(&[setting("a", revision, document)]));
            assert_eq!((paused(), held()), (right, right), "{why}");
        }
        assert!(!directory.is_paused(&customer("b")), "others go on");
    }

    #[test]
    fn a_row_that_cannot_be_read_is_passed_over() {
        let directory = Directory::default();
        let unreadable = SettingChanges {
            settings: vec![
                setting("a", 1, Some(r#"{"application": "one"}"#)),
                setting("b", 3, Some("{}")),
            ],
            unreadable: vec![(2, "no such kind".to_owned()), (4, "no such kind".to_owned())],
            revision: 4,
            more: false,
        };
        assert!(directory.take_in(&unreadable));
        assert_eq!((application(&directory, "a").as_deref(), directory.revision()), (Some("one"), 4));
        assert!(directory.customer(&customer("b")).is_some());
        assert!(!directory.take_in(&unreadable), "once");
    }

    #[test]
    fn what_a_file_says_holds_whatever_else_does() {
        let directory = Directory::default();
        directory.take_in(&changes(&[setting("a", 1, Some(r#"{"application": "stored"}"#))]));
        let of_file = |name: &str| CustomerSettings {
            application: Some(name.to_owned()),
            ..CustomerSettings::default()
        };
        directory.lay_over([
            (customer("a"), of_file("file")),
            (customer("b"), of_file("other")),
        ]);
        assert_eq!(application(&directory, "a").as_deref(), Some("file"));
        assert!(directory.is_of_file(&customer("b")));
        let before = ["a", "b"].map(|name| directory.customer(&customer(name)).unwrap());
        directory.lay_over([
            (customer("a"), of_file("file")),
            (customer("b"), of_file("changed")),
        ]);
        let after = ["a", "b"].map(|name| directory.customer(&customer(name)).unwrap());
        assert!(Arc::ptr_eq(&before[0], &after[0]), "what is the same stays, with all that is known of it");
        assert_eq!(after[1].settings, of_file("changed"));
        directory.lay_over([]);
        assert_eq!(
            (application(&directory, "a").as_deref(), application(&directory, "b")),
            (Some("stored"), None)
        );
    }
}
