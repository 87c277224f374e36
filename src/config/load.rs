//! Lays files and variables over the defaults, value by value, and gathers every problem on the way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::customers::{self, Customers};
use super::error::{ConfigError, Origin, Problem, shown};
use super::known::{self, Leaves, PREFIX};
use super::{Config, rules, toml, validate};

impl Config {
    /// Reads the defaults, over them the files in order, and over all of them the variables.
    ///
    /// Of the variables only those whose name starts with `SVIX_HOOKS__` matter. A list that is said
    /// again replaces the one below it. An empty text leaves an optional value unset.
    ///
    /// # Errors
    /// With every problem found: a file that cannot be read or is not TOML, an unknown key, a value
    /// that is of the wrong kind, out of its range, or does not go with the others.
    pub fn load(files: &[PathBuf], env: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut sheet = Sheet::of_defaults();
        for path in files {
            sheet.lay_file(path);
        }
        // Sorted, so that the same variables give the same messages.
        let variables: BTreeMap<String, String> = env.filter(|(name, _)| name.starts_with(PREFIX)).collect();
        for (name, text) in variables {
            sheet.lay_variable(name, text);
        }
        sheet.finish()
    }
}

/// The values so far, where each came from, and what was wrong.
struct Sheet {
    defaults: Leaves,
    leaves: Leaves,
    origins: BTreeMap<String, Origin>,
    config: Config,
    customers: Customers,
    problems: Vec<Problem>,
}

impl Sheet {
    fn of_defaults() -> Self {
        let defaults = known::defaults();
        Self {
            leaves: defaults.clone(),
            defaults,
            origins: BTreeMap::new(),
            config: Config::default(),
            customers: Customers::new(),
            problems: Vec::new(),
        }
    }

    fn lay_file(&mut self, path: &Path) {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(cause) => {
                return self.problems.push(Problem::Unreadable {
                    path: path.to_owned(),
                    cause,
                });
            }
        };
        match toml::parse(&text) {
            Ok(leaves) => {
                for (key, value) in leaves {
                    self.lay_leaf(Origin::File(path.to_owned()), key, value);
                }
            }
            Err(error) => self.problems.push(Problem::Syntax {
                path: path.to_owned(),
                place: error.place,
                detail: error.detail,
            }),
        }
    }

    fn lay_leaf(&mut self, origin: Origin, key: String, value: Value) {
        if self.defaults.contains_key(&key) {
            return self.lay(origin, key, value);
        }
        if let Some(name) = key.strip_prefix("customers.") {
            return self.lay_customer(origin, &key, name, value);
        }
        let section = format!("{key}.");
        if !self.defaults.keys().any(|known| known.starts_with(&section)) {
            let nearest = self.nearest(&key).to_owned();
            return self.problems.push(Problem::UnknownKey { origin, key, nearest });
        }
        // A section without keys says nothing, and that is allowed.
        if !value.is_object() {
            let given = shown(&key, &value);
            let right = format!("a section, written [{key}]");
            self.problems.push(Problem::Wrong {
                origin,
                key,
                given,
                right,
            });
        }
    }

    /// Takes what is set for a customer, in place of what a file before set for it.
    fn lay_customer(&mut self, origin: Origin, key: &str, name: &str, table: Value) {
        match customers::read(name, table) {
            Ok((customer, settings)) => drop(self.customers.insert(customer, settings)),
            Err(faults) => self
                .problems
                .extend(faults.into_iter().map(|fault| Problem::Setting {
                    origin: origin.clone(),
                    key: format!("{key}{}", fault.key),
                    detail: fault.detail,
                })),
        }
    }

    fn lay_variable(&mut self, name: String, text: String) {
        let Some((key, default)) = self.defaults.iter().find(|(key, _)| known::variable(key) == name) else {
            let key = name
                .strip_prefix(PREFIX)
                .unwrap_or_default()
                .to_lowercase()
                .replace("__", ".");
            let nearest = known::variable(self.nearest(&key));
            return self.problems.push(Problem::UnknownKey {
                origin: Origin::Variable(name),
                key,
                nearest,
            });
        };
        let (key, value) = (key.clone(), value_of(key, default, text));
        self.lay(Origin::Variable(name), key, value);
    }

    /// Takes a value if a configuration with it can be read, else notes what is wrong with it.
    fn lay(&mut self, origin: Origin, key: String, value: Value) {
        let mut leaves = self.leaves.clone();
        leaves.insert(key.clone(), value.clone());
        match known::read(leaves.clone()) {
            Ok(config) => {
                (self.config, self.leaves) = (config, leaves);
                self.origins.insert(key, origin);
            }
            Err(error) => self.blame(&origin, &key, &value, &error),
        }
    }

    /// Notes what is wrong with a value; in a list, with each member that is wrong.
    fn blame(&mut self, origin: &Origin, key: &str, value: &Value, error: &serde_json::Error) {
        let members = value
            .as_array()
            .filter(|_| self.defaults.get(key).is_some_and(Value::is_array));
        let mut problems = Vec::new();
        for (place, member) in members.into_iter().flatten().enumerate() {
            let mut leaves = self.leaves.clone();
            leaves.insert(key.to_owned(), json!([member]));
            if let Err(error) = known::read(leaves) {
                problems.push(problem(origin, format!("{key}[{place}]"), member, &error));
            }
        }
        if problems.is_empty() {
            problems.push(problem(origin, key.to_owned(), value, error));
        }
        self.problems.append(&mut problems);
    }

    fn finish(mut self) -> Result<Config, ConfigError> {
        for finding in validate::findings(&self.config) {
            let origin = finding
                .keys
                .iter()
                .find_map(|key| self.origins.get(*key))
                .unwrap_or(&Origin::Unnamed);
            self.problems.push(finding.at(origin.clone()));
        }
        ConfigError::of(self.problems)?;
        self.config.customers = self.customers;
        Ok(self.config)
    }

    fn nearest(&self, key: &str) -> &str {
        known::nearest(key, self.defaults.keys().map(String::as_str))
    }
}

/// Makes a value of a variable's text, of the kind that the default has.
///
/// A text that is not of that kind stays a text, to be refused like one in a file.
fn value_of(key: &str, default: &Value, text: String) -> Value {
    let parsed = match default {
        Value::Bool(_) => text.parse().ok().map(Value::Bool),
        Value::Number(number) if number.is_f64() => text.parse::<f64>().ok().map(Value::from),
        Value::Number(_) => text.parse::<i64>().ok().map(Value::from),
        Value::Array(_) => Some(list(key, &text)),
        _ => None,
    };
    parsed.unwrap_or(Value::String(text))
}

fn list(key: &str, text: &str) -> Value {
    let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
    members
        .map(|member| {
            if key == "auth.keys" {
                key_of(member)
            } else {
                json!(member)
            }
        })
        .collect()
}

/// Reads `name:scope+scope:hash`.
fn key_of(text: &str) -> Value {
    let mut parts = text.splitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(scopes), Some(hash)) => {
            json!({ "name": name, "scopes": scopes.split('+').collect::<Vec<_>>(), "hash": hash })
        }
        _ => json!(text),
    }
}

/// Says in the operator's words what serde found wrong with a value.
fn problem(origin: &Origin, key: String, value: &Value, error: &serde_json::Error) -> Problem {
    let message = error.to_string();
    let (found, expected) = message.rsplit_once(", expected ").unwrap_or((&message, ""));
    let names = expected.split('`').skip(1).step_by(2);
    let origin = origin.clone();
    if let Some(member) = found.strip_prefix("unknown field ") {
        let member = member.trim_matches('`');
        let nearest = format!("{key}.{}", known::nearest(member, names));
        return Problem::UnknownKey {
            origin,
            key: format!("{key}.{member}"),
            nearest,
        };
    }
    let right = match expected {
        "" if message.starts_with("missing field ") => {
            format!("a table with {}", message.replace("missing field ", ""))
        }
        "u32" | "u64" | "usize" | "f64" => rules::range_of(&key).unwrap_or_else(|| "a number".to_owned()),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "struct Key" => {
            "a table with name, scopes and hash; in the environment name:scope+scope:hash".to_owned()
        }
        "" => message.clone(),
        names => names.to_owned(),
    };
    Problem::Wrong {
        given: shown(&key, value),
        origin,
        key,
        right,
    }
}
