//! The known keys: those of the compiled-in `config/default.toml`, and no second list.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Config, toml};

/// What the name of every variable that sets a key starts with.
pub(super) const PREFIX: &str = "SVIX_HOOKS__";

/// The reference, compiled in.
pub(super) const DEFAULT_TOML: &str = include_str!("../../config/default.toml");

/// Values by `section.key`.
pub(super) type Leaves = BTreeMap<String, Value>;

/// Returns every known key with its default.
pub(super) fn defaults() -> Leaves {
    toml::parse(DEFAULT_TOML).unwrap_or_default()
}

/// Reads a configuration from the values of all keys.
pub(super) fn read(leaves: Leaves) -> serde_json::Result<Config> {
    let mut sections = Map::new();
    for (name, value) in leaves {
        let (section, key) = name.split_once('.').unwrap_or((name.as_str(), ""));
        if let Value::Object(keys) = sections
            .entry(section)
            .or_insert_with(|| Value::Object(Map::new()))
        {
            keys.insert(key.to_owned(), value);
        }
    }
    serde_json::from_value(Value::Object(sections))
}

/// Returns the name of the variable that sets a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Returns the known key that is most like the given one; the same key in another section first.
pub(super) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str> + Clone) -> &'a str {
    let last = |key: &'a str| key.rsplit_once('.').map_or(key, |(_, last)| last);
    let given_last = given.rsplit_once('.').map_or(given, |(_, last)| last);
    let likeness = |key: &&str| strsim::normalized_damerau_levenshtein(given, key);
    known
        .clone()
        .find(|key| last(key) == given_last)
        .or_else(|| known.max_by(|one, other| likeness(one).total_cmp(&likeness(other))))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_reference() {
        let keys: Vec<String> = defaults().into_keys().collect();
        let fields = serde_json::to_value(Config::default())
            .map(toml::flatten)
            .unwrap_or_default();
        assert_eq!(keys, fields.into_keys().collect::<Vec<_>>());
        for key in keys {
            let mut leaves = defaults();
            leaves.remove(&key);
            assert!(read(leaves).is_err(), "{key} has a default outside of config/default.toml");
        }
    }

    #[test]
    fn every_key_of_the_reference_has_a_line_that_explains_it() {
        let lines: Vec<&str> = DEFAULT_TOML.lines().collect();
        for pair in lines.windows(2) {
            if let [before, line] = pair
                && line.contains(" = ")
                && !line.starts_with('#')
            {
                assert!(before.starts_with("# ") && before.ends_with('.'), "{line}");
            }
        }
    }

    #[test]
    fn the_nearest_key_is_the_one_that_was_meant() {
        let table = [
            ("delivery.actor", "delivery.actors", "a letter is missing"),
            ("server.max_in_flight", "delivery.max_in_flight", "the right key in the wrong section"),
            ("listen", "server.listen", "no section"),
            ("retry.attempts", "retry.max_attempts", "half of the name"),
            ("srever.lisetn", "server.listen", "both are mistyped"),
            ("svix.server-url", "svix.server_url", "another separator"),
        ];
        let known = defaults();
        for (given, right, why) in table {
            assert_eq!(nearest(given, known.keys().map(String::as_str)), right, "{why}");
        }
    }
}
