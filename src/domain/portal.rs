//! Tokens for the pages of single customers: how long they live and what they are called.

use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Customer;

/// How long a token for a customer's page may live, in seconds.
pub const PORTAL_LIFE_S: RangeInclusive<u64> = 60..=86_400;

/// What their names begin with.
const PREFIX: &str = "portal-";

/// Makes a name for a new token of a customer. A name of a customer may be as long as that of a key, so its digest stands
/// for it.
pub fn portal_name(customer: &Customer) -> String {
    let digest = Sha256::digest(customer.as_str());
    let digits: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{PREFIX}{digits}-{}", Uuid::now_v7().simple())
}

/// Returns what the names of all tokens of that customer begin with whose token has this name.
pub fn portal_family(name: &str) -> &str {
    let end = name.rfind('-').map_or(0, |dash| dash + 1);
    name.get(..end).unwrap_or_default()
}

/// Tells whether a name may be that of such a token.
pub fn is_portal_name(name: &str) -> bool {
    name.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fits_key_name;

    #[test]
    fn the_tokens_of_a_customer_have_names_of_their_own_in_one_family() {
        let customer = |name: &str| Customer::parse(name).unwrap();
        let (one, other) = (customer(&"a".repeat(128)), customer("a"));
        let name = portal_name(&one);
        assert!(is_portal_name(&name) && fits_key_name(&name), "{name}");
        let (again, family) = (portal_name(&one), portal_family(&name));
        assert!(again.starts_with(family) && family.ends_with('-') && again != name, "{again}");
        assert!(!portal_name(&other).starts_with(family), "another customer's");
    }
}
