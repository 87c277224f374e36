//! `[customers.NAME]`: what a file sets for a customer, in the words of the configuration.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::Customer;
use crate::policy::CustomerSettings;

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
    let settings = CustomerSettings::check(&renamed(table, camel));
    let settings = settings.map_err(|faults| {
        let faults = faults.into_iter();
        faults
            .map(|found| fault(&snake(&found.pointer.replace('/', ".")), snake_words(&found.detail)))
            .collect::<Vec<_>>()
    })?;
    Ok((customer, settings))
}

/// Renames the members of an object and of all objects in it.
fn renamed(table: Map<String, Value>, name: fn(&str) -> String) -> Map<String, Value> {
    let members = table.into_iter().map(|(key, value)| {
        let value = match value {
            Value::Object(inner) => Value::Object(renamed(inner, name)),
            value => value,
        };
        (name(&key), value)
    });
    members.collect()
}

/// Spells a name as JSON does.
fn camel(name: &str) -> String {
    let mut parts = name.split('_');
    let mut camel = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.extend(letters);
    }
    camel
}

/// Spells a name as the configuration does.
fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Spells the names of members in a sentence as the configuration does.
fn snake_words(sentence: &str) -> String {
    let is_name = |word: &str| {
        word.chars()
            .next()
            .is_some_and(|first| first.is_ascii_lowercase())
            && word.chars().any(|letter| letter.is_ascii_uppercase())
    };
    let words = sentence.split(' ').map(|word| match is_name(word) {
        true => snake(word),
        false => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_says_what_a_document_says() {
        let table =
            json!({"name": "Acme Inc", "max_queued": 7, "retry": {"initial_backoff_ms": 5, "max_age_s": 0}});
        let (customer, settings) = read("a.b", table).map_err(|_| "refused").unwrap();
        let document =
            json!({"name": "Acme Inc", "maxQueued": 7, "retry": {"initialBackoffMs": 5, "maxAgeS": 0}});
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
        assert_eq!(refused("", json!({})).len(), 1, "no name");
        assert_eq!(refused("a", json!(3)).len(), 1, "no table");
    }
}
