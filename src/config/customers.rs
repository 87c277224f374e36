//! `[customers.NAME]`: what a file sets for a customer, in the words of the configuration.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::Customer;
use crate::policy::{CustomerSettings, Spelling};

/// What files set for customers.
pub type Customers = BTreeMap<Customer, CustomerSettings>;

/// Something that is wrong with a customer's table.
pub(super) struct Fault {
    /// Where below `customers.NAME`; empty for the table itself.
    pub(super) key: String,
    /// What is wrong, and what would be right.
    pub(super) detail: String,
}

/// Reads the table of one customer.
pub(super) fn read(name: &str, table: Value) -> Result<(Customer, CustomerSettings), Vec<Fault>> {
    let fault = |key: &str, detail: String| Fault {
        key: key.to_owned(),
        detail,
    };
    let customer =
        Customer::parse(name).map_err(|error| vec![fault("", format!("names no customer: it {error}"))])?;
    let Value::Object(table) = table else {
        return Err(vec![fault("", "is no table of what is set for a customer".to_owned())]);
    };
    let settings = CustomerSettings::check_spelled(&table, Spelling::Snake);
    let settings = settings.map_err(|faults| {
        let faults = faults.into_iter();
        faults
            .map(|found| fault(&found.pointer.replace('/', "."), found.detail))
            .collect::<Vec<_>>()
    })?;
    Ok((customer, settings))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_says_what_a_document_says() {
        let table = json!({"name": "Acme Inc", "max_queued": 7, "rate": {"requests_per_second": 0.5, "burst": 3},
            "retry": {"initial_backoff_ms": 5, "max_age_s": 0}});
        let (customer, settings) = read("a.b", table).map_err(|_| "refused").unwrap();
        let document = json!({"name": "Acme Inc", "maxQueued": 7, "rate": {"requestsPerSecond": 0.5, "burst": 3},
            "retry": {"initialBackoffMs": 5, "maxAgeS": 0}});
        assert_eq!((customer.as_str(), json!(settings)), ("a.b", document));
    }

    #[test]
    fn what_is_wrong_is_named_as_it_was_written() {
        let refused = |name: &str, table: Value| -> Vec<(String, String)> {
            let faults = read(name, table).err().unwrap_or_default();
            faults
                .into_iter()
                .map(|fault| (fault.key, fault.detail))
                .collect()
        };
        let faults = refused("a", json!({"max_queued": 0, "retry": {"max_atempts": 3}}));
        assert_eq!(faults[0].0, ".retry.max_atempts");
        assert!(
            faults[0]
                .1
                .contains("known are max_attempts, initial_backoff_ms,"),
            "{}",
            faults[0].1
        );
        assert_eq!(faults[1].0, ".max_queued");
        let faults = refused("a", json!({"maxQueued": 1, "retry": {"maxAttempts": 3, "maxAgeS": 1}}));
        let nearest = |(key, detail): &(String, String)| {
            (key.clone(), detail.rsplit(' ').next().unwrap_or_default().to_owned())
        };
        let right = [
            (".retry.maxAgeS", "max_age_s"),
            (".retry.maxAttempts", "max_attempts"),
            (".maxQueued", "max_queued"),
        ];
        let right = right.map(|(key, nearest)| (key.to_owned(), nearest.to_owned()));
        assert_eq!(faults.iter().map(nearest).collect::<Vec<_>>(), right, "names are written one way");
        let faults = refused("a", json!({"retry": {"initial_backoff_ms": 20, "max_backoff_ms": 10}}));
        let right = (
            ".retry.max_backoff_ms".to_owned(),
            "is 10, less than initial_backoff_ms, which is 20".to_owned(),
        );
        assert_eq!(faults, [right]);
        let faults = refused("a", json!({"rate": {"requests_per_second": 0, "burst": 3}}));
        assert_eq!(faults[0].0, ".rate.requests_per_second");
        let faults = refused("a", json!({"application": "camelCase/id"}));
        assert!(faults[0].1.starts_with("camelCase/id is no id"), "what is set is not respelled: {faults:?}");
        assert_eq!(refused("", json!({})).len(), 1, "no name");
        assert_eq!(refused("a", json!(3)).len(), 1, "no table");
    }
}
