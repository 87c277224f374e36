//! Tokens for a customer's own page: what is asked for, and what they may do.

use std::time::Duration;

use serde_json::{Map, Value};

use super::key::KeyGrant;
use super::members::{Fault, Faults, Members};
use crate::domain::{Customer, PORTAL_LIFE_S, Scope, Timestamp};

/// How long a token lives where the request does not say, in seconds.
const USUAL_S: u64 = 3600;

/// A token that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortalRequest {
    /// How long it is to live.
    pub life: Duration,
    /// Whether it may look and change nothing.
    pub read_only: bool,
}

impl PortalRequest {
    /// Reads what somebody asks for.
    ///
    /// # Errors
    /// Everything that is wrong with it, up to a bound.
    pub fn read(document: &Map<String, Value>) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let mut members = Members::new(document.clone(), &mut faults);
        let life = members.whole("expiresInS", PORTAL_LIFE_S);
        let asked = Self {
            life: Duration::from_secs(life.unwrap_or(USUAL_S)),
            read_only: members.flag("readOnly").unwrap_or_default(),
        };
        members.finish();
        faults.or(asked)
    }

    /// Returns what a token may do that is made at this time for this customer.
    #[must_use]
    pub fn grant(&self, customer: Customer, now: Timestamp) -> KeyGrant {
        let scopes = match self.read_only {
            true => vec![Scope::Read],
            false => vec![Scope::Read, Scope::Operate],
        };
        KeyGrant {
            scopes,
            customer: Some(customer),
            expires_at: Some(now.after(self.life)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_lives_an_hour_unless_the_request_says_otherwise() {
        let asked = |document: Value| {
            let read = PortalRequest::read(document.as_object().unwrap());
            read.ok().map(|asked| (asked.life.as_secs(), asked.read_only))
        };
        let table = [
            (json!({}), Some((3600, false)), "nothing is said"),
            (json!({"expiresInS": null, "readOnly": null}), Some((3600, false)), "null is not said"),
            (json!({"expiresInS": 60, "readOnly": true}), Some((60, true)), "the shortest"),
            (json!({"expiresInS": 86_400}), Some((86_400, false)), "the longest"),
            (json!({"expiresInS": 59}), None, "too short"),
            (json!({"expiresInS": 86_401}), None, "too long"),
            (json!({"expiresInS": "60"}), None, "no number"),
            (json!({"readOnly": 1}), None, "neither true nor false"),
            (json!({"scopes": ["admin"]}), None, "nobody chooses that"),
        ];
        for (document, right, why) in table {
            assert_eq!(asked(document), right, "{why}");
        }
    }

    #[test]
    fn a_token_is_bound_and_has_an_end() {
        let customer = Customer::parse("acme").unwrap();
        let now = Timestamp::from_millis(1000);
        for (read_only, operates) in [(true, false), (false, true)] {
            let life = Duration::from_secs(60);
            let grant = PortalRequest { life, read_only }.grant(customer.clone(), now);
            assert!(grant.allows(Scope::Read) && !grant.allows(Scope::Ingest) && !grant.allows(Scope::Admin));
            assert_eq!(grant.allows(Scope::Operate), operates);
            assert_eq!(grant.customer.as_ref(), Some(&customer));
            assert_eq!(grant.expires_at, Some(Timestamp::from_millis(61_000)));
        }
    }
}
