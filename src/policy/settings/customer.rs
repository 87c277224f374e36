//! What can be set for a customer.

use serde::Serialize;
use serde_json::{Map, Value};

use super::account::check_account_name;
use super::members::{Fault, Faults, Members, Spelling};
use super::own::{self, OWN, Own};
use super::rate::CustomerRate;
use super::retry::RetrySettings;
use crate::domain::fits_svix_id;
use crate::policy::{Filter, FilterSettings, Position, Rules};

/// The longest display name, in bytes.
const NAME_MAX: usize = 256;

/// What is set for a customer; what is not, is as for all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerSettings {
    /// What people call it; an application that is made for it gets this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The account that its notifications go through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The application that they go to, by its id or uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Which of its events go on to Svix.
    #[serde(skip_serializing_if = "FilterSettings::is_empty")]
    pub filter: FilterSettings,
    /// When a failed attempt is made again.
    #[serde(skip_serializing_if = "RetrySettings::is_empty")]
    pub retry: RetrySettings,
    /// How fast its requests may go out, inside its account's rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<CustomerRate>,
    /// How many notifications may be queued before more are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_queued: Option<u64>,
    /// Whether nothing of it goes out for now.
    #[serde(skip_serializing_if = "is_false")]
    pub paused: bool,
    /// What the customer may change itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub self_service: Vec<Own>,
}

impl CustomerSettings {
    /// Reads a document.
    ///
    /// # Errors
    /// Everything that is wrong with it, up to a bound.
    pub fn read(document: &Map<String, Value>) -> Result<Self, Vec<Fault>> {
        Self::read_spelled(document, Spelling::Camel)
    }

    fn read_spelled(document: &Map<String, Value>, spelling: Spelling) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let mut members = Members::spelled(document.clone(), spelling, &mut faults);
        let settings = Self {
            name: members.text("name", name),
            account: members.text("account", check_account_name),
            application: members.text("application", application),
            filter: members.object("filter", filter).unwrap_or_default(),
            retry: members.object("retry", RetrySettings::read).unwrap_or_default(),
            rate: members.object("rate", CustomerRate::read).flatten(),
            max_queued: members.whole("maxQueued", 1..=1_000_000_000),
            paused: members.flag("paused").unwrap_or_default(),
            self_service: members.read("selfService", OWN, own::read).unwrap_or_default(),
        };
        members.finish();
        faults.or(settings)
    }

    /// Reads a document and makes sure that its filter can be asked.
    ///
    /// # Errors
    /// Everything that is wrong with it, up to a bound.
    pub fn check(document: &Map<String, Value>) -> Result<Self, Vec<Fault>> {
        Self::check_spelled(document, Spelling::Camel)
    }

    /// The same of a document whose names are written like that, and so are those in the faults.
    ///
    /// # Errors
    /// Everything that is wrong with it, up to a bound.
    pub fn check_spelled(document: &Map<String, Value>, spelling: Spelling) -> Result<Self, Vec<Fault>> {
        let settings = Self::read_spelled(document, spelling)?;
        let Err(errors) = Filter::compile(&settings.filter) else {
            return Ok(settings);
        };
        let mut faults = Faults::default();
        for error in errors {
            let detail = match error.position {
                None => error.message,
                Some(Position { line, column, offset }) => {
                    format!("{} (line {line}, column {column}; byte {offset})", error.message)
                }
            };
            faults.add(format!("/filter{}", error.pointer), detail);
        }
        faults.or(settings)
    }

    /// Returns the rules of this customer's retries, where `all` are everybody's.
    pub fn rules(&self, all: &Rules) -> Rules {
        self.retry.rules(all)
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn filter(members: &mut Members<'_>) -> FilterSettings {
    FilterSettings {
        include: members.texts("include").unwrap_or_default(),
        exclude: members.texts("exclude").unwrap_or_default(),
        expression: members.text("expression", |_| Ok(())),
    }
}

fn name(text: &str) -> Result<(), String> {
    let fits = (1..=NAME_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    let right =
        || format!("cannot be shown as a name, which has 1 to {NAME_MAX} bytes and no control characters");
    fits.then_some(()).ok_or_else(right)
}

fn application(text: &str) -> Result<(), String> {
    let right = || "is no id or uid of an application: 1 to 256 of A-Z, a-z, 0-9, -, _ and .".to_owned();
    fits_svix_id(text).then_some(()).ok_or_else(right)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::policy::Backoff;

    const ALL: Rules = Rules {
        max_attempts: 8,
        max_age: Some(Duration::from_secs(60)),
        backoff: Backoff {
            initial: Duration::from_secs(1),
            multiplier: 4.0,
            max: Duration::from_secs(3600),
            jitter: 0.2,
        },
        max_retry_after: Duration::from_secs(100),
        verify: true,
        settle: Duration::from_secs(20),
        max_resends: 3,
        resend_backoff: Duration::from_secs(5),
        confirm_after: Duration::from_secs(21_600),
    };

    fn read(document: Value) -> Result<CustomerSettings, Vec<Fault>> {
        CustomerSettings::read(document.as_object().unwrap())
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        let document = json!({
            "name": "Äpfel & Söhne", "account": "apfel-1", "application": "app_1",
            "retry": {"maxAttempts": 3, "initialBackoffMs": 10, "multiplier": 1.5, "maxBackoffMs": 20, "jitter": 0.0,
                "maxAgeS": 0, "requestTimeoutMs": 500},
            "rate": {"requestsPerSecond": 2.5, "burst": 5}, "maxQueued": 1000, "paused": true,
            "selfService": ["retry", "account"],
            "filter": {"include": ["a.*"], "exclude": ["a.b"], "expression": "data.n > 1"},
        });
        let settings = read(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(&settings).unwrap(), document);
        let nothing = json!({"name": null, "retry": {"jitter": null}, "paused": false, "selfService": []});
        assert_eq!(read(nothing).unwrap(), CustomerSettings::default(), "null is not set");
        assert_eq!(serde_json::to_value(CustomerSettings::default()).unwrap(), json!({}));
    }

    #[test]
    fn everything_that_is_wrong_is_pointed_at() {
        let wrong = json!({
            "name": "a\nb", "account": "No Good", "application": "app/1", "maxQueued": 0, "paused": "yes", "pause": true,
            "filter": {"includes": []}, "selfService": ["name"],
            "retry": {"maxAttempts": 0, "initialBackoffMs": 20, "maxBackoffMs": 10, "multiplier": 0.5, "jitter": "x", "max": 1},
        });
        let faults = read(wrong).unwrap_err();
        let mut pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        pointers.sort_unstable();
        let right = [
            "/account",
            "/application",
            "/filter/includes",
            "/maxQueued",
            "/name",
            "/pause",
            "/paused",
            "/retry/jitter",
            "/retry/max",
            "/retry/maxAttempts",
            "/retry/maxBackoffMs",
            "/retry/multiplier",
            "/selfService",
        ];
        assert_eq!(pointers, right);
        let says = |pointer: &str| {
            &faults
                .iter()
                .find(|fault| fault.pointer == pointer)
                .unwrap()
                .detail
        };
        assert_eq!(says("/retry/maxAttempts"), "is 0; it must be a whole number from 1 to 1000");
        assert!(says("/pause").contains("known are name, account"), "{}", says("/pause"));
        assert!(says("/pause").ends_with("the nearest is paused"), "{}", says("/pause"));
        let unusable = json!({"filter": {"include": ["a..b"], "expression": "data.n >"}});
        let faults = CustomerSettings::check(unusable.as_object().unwrap()).unwrap_err();
        let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/filter/include/0", "/filter/expression"]);
        assert!(faults[1].detail.contains("line 1, column"), "{}", faults[1].detail);
        let many: Map<String, Value> = (0..100).map(|number| (number.to_string(), json!(1))).collect();
        assert_eq!(CustomerSettings::read(&many).unwrap_err().len(), 16, "an answer has a bound");
    }

    #[test]
    fn rules_are_everybodys_where_nothing_else_is_set() {
        assert_eq!(CustomerSettings::default().rules(&ALL), ALL);
        let set = read(json!({"retry": {"maxAttempts": 3, "maxAgeS": 0, "initialBackoffMs": 5}})).unwrap();
        let rules = set.rules(&ALL);
        assert_eq!((rules.max_attempts, rules.max_age), (3, None), "0 is no bound on the age");
        assert_eq!((rules.backoff.initial, rules.backoff.max), (Duration::from_millis(5), ALL.backoff.max));
    }
}
