//! Keys that are made over HTTP: what is asked for, and what is kept of it.

use serde::Serialize;
use serde_json::{Map, Value};

use super::members::{Fault, Faults, Members};
use crate::domain::{Customer, KEY_NAME_MAX, KeyDigest, Scope, Timestamp, fits_key_name};

const SCOPES: &str = "a list of one or more of ingest, read, operate and admin, each once";

/// What a key may do, for whom and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyGrant {
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The one customer that it is for; none where it is for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Customer>,
    /// From when on it opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A key that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    /// What it is to be called.
    pub name: String,
    /// What it is to do.
    pub grant: KeyGrant,
}

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeySettings {
    /// What it may do.
    #[serde(flatten)]
    pub grant: KeyGrant,
    /// What it is known again by.
    pub hash: KeyDigest,
}

impl KeyRequest {
    /// Reads what somebody asks for at this time.
    ///
    /// # Errors
    /// Everything that is wrong with it, up to a bound.
    pub fn read(document: &Map<String, Value>, now: Timestamp) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let mut members = Members::new(document.clone(), &mut faults);
        let name = members.required("name", |members, at| members.text(at, name));
        let grant = KeyGrant::read(&mut members);
        if let Some(expires_at) = grant.expires_at
            && expires_at <= now
        {
            members.fault("expiresAt", format!("{expires_at} is not in the future; now it is {now}"));
        }
        members.finish();
        faults.or(Self {
            name: name.unwrap_or_default(),
            grant,
        })
    }
}

impl KeySettings {
    /// Reads what is kept.
    ///
    /// # Errors
    /// Everything that is wrong with it, up to a bound.
    pub fn read(document: &Map<String, Value>) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let mut members = Members::new(document.clone(), &mut faults);
        let grant = KeyGrant::read(&mut members);
        // What is wrong with it is not repeated, because it might be a key in clear.
        let digest = |value: &Value| value.as_str()?.parse::<KeyDigest>().ok();
        let hash = members.take("hash").as_ref().and_then(digest);
        if hash.is_none() {
            members.fault("hash", "is not sha256: and 64 hex digits");
        }
        members.finish();
        let nothing = || KeyDigest::of("");
        faults.or(Self {
            grant,
            hash: hash.unwrap_or_else(nothing),
        })
    }
}

impl KeyGrant {
    /// Tells whether it may do what needs this scope.
    pub fn allows(&self, needed: Scope) -> bool {
        self.scopes.iter().any(|scope| scope.allows(needed))
    }

    fn read(members: &mut Members<'_>) -> Self {
        let scopes = members.required("scopes", |members, at| members.read(at, SCOPES, scopes));
        let grant = Self {
            scopes: scopes.unwrap_or_default(),
            customer: members
                .text("customer", customer)
                .and_then(|text| Customer::parse(&text).ok()),
            expires_at: members
                .text("expiresAt", moment)
                .and_then(|text| Timestamp::parse(&text).ok()),
        };
        if grant.customer.is_some() && grant.scopes.contains(&Scope::Admin) {
            members.fault("customer", "cannot be beside the scope admin, which is for all customers");
        }
        grant
    }
}

fn scopes(value: &Value) -> Option<Vec<Scope>> {
    let mut scopes = Vec::new();
    for name in value.as_array().filter(|names| !names.is_empty())? {
        let scope = Scope::ALL
            .into_iter()
            .find(|scope| Some(scope.as_str()) == name.as_str())?;
        if scopes.contains(&scope) {
            return None;
        }
        scopes.push(scope);
    }
    Some(scopes)
}

fn name(text: &str) -> Result<(), String> {
    let right =
        || format!("cannot name a key; a name has 1 to {KEY_NAME_MAX} bytes and no control characters");
    fits_key_name(text).then_some(()).ok_or_else(right)
}

fn customer(text: &str) -> Result<(), String> {
    Customer::parse(text).map(drop).map_err(|error| error.to_string())
}

fn moment(text: &str) -> Result<(), String> {
    Timestamp::parse(text)
        .map(drop)
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(document: Value) -> Result<KeySettings, Vec<Fault>> {
        KeySettings::read(document.as_object().unwrap())
    }

    fn pointers(faults: Vec<Fault>) -> Vec<String> {
        let mut pointers: Vec<_> = faults.into_iter().map(|fault| fault.pointer).collect();
        pointers.sort_unstable();
        pointers
    }

    #[test]
    fn what_is_kept_is_written_the_same() {
        let hash = KeyDigest::of("shk_1").to_string();
        let document = json!({
            "scopes": ["ingest", "operate"], "customer": "acme", "expiresAt": "2030-01-01T00:00:00.000Z", "hash": hash,
        });
        let settings = kept(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(&settings).unwrap(), document);
        assert_eq!(settings.hash, KeyDigest::of("shk_1"));
        let least = json!({"scopes": ["admin"], "customer": null, "hash": hash});
        assert_eq!(kept(least).unwrap().grant.customer, None, "null is not set");
    }

    #[test]
    fn everything_that_is_wrong_is_pointed_at() {
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let ask = |document: Value| KeyRequest::read(document.as_object().unwrap(), now);
        let table = [
            (json!({}), vec!["/name", "/scopes"], "both are needed"),
            (
                json!({"name": "a\nb", "scopes": []}),
                vec!["/name", "/scopes"],
                "neither can be empty or garble a log",
            ),
            (json!({"name": "..", "scopes": ["read"]}), vec!["/name"], "no client would ask for it"),
            (json!({"name": "a".repeat(129), "scopes": ["read"]}), vec!["/name"], "too long"),
            (json!({"name": "a", "scopes": ["read", "read"]}), vec!["/scopes"], "the same twice"),
            (json!({"name": "a", "scopes": ["write"]}), vec!["/scopes"], "no such scope"),
            (json!({"name": "a", "scopes": "read"}), vec!["/scopes"], "no list"),
            (json!({"name": "a", "scopes": ["read"], "customer": ""}), vec!["/customer"], "no customer"),
            (
                json!({"name": "a", "scopes": ["admin"], "customer": "acme"}),
                vec!["/customer"],
                "admins are for all customers",
            ),
            (
                json!({"name": "a", "scopes": ["read"], "expiresAt": "2026-01-01T00:00:00Z"}),
                vec!["/expiresAt"],
                "it would never open anything",
            ),
            (
                json!({"name": "a", "scopes": ["read"], "expiresAt": "soon", "hash": "sha256:00"}),
                vec!["/expiresAt", "/hash"],
                "a hash is not the caller's to choose",
            ),
        ];
        for (document, right, why) in table {
            assert_eq!(pointers(ask(document).unwrap_err()), right, "{why}");
        }
        let right =
            ask(json!({"name": "Äpfel/1", "scopes": ["ingest"], "expiresAt": "2026-01-01T00:00:01Z"}));
        assert_eq!(right.unwrap().name, "Äpfel/1");
    }

    #[test]
    fn a_key_in_clear_is_not_repeated() {
        let faults = kept(json!({"scopes": ["read"], "hash": "shk_secret"})).unwrap_err();
        assert!(!format!("{faults:?}").contains("secret"), "{faults:?}");
        assert_eq!(pointers(faults), ["/hash"]);
    }
}
