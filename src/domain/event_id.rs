//! The identity of an event: what makes two posts the same one, here and at Svix.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The longest id that Svix takes, in characters.
pub const SVIX_ID_MAX: usize = 256;

/// What a digest begins with.
const DIGEST_PREFIX: &str = "sha256_";

/// Prefixes of ids that no caller's own may have: Svix and its SDKs keep two for themselves, and with the third a
/// caller could take the digest that stands for another's id.
const RESERVED_PREFIXES: [&str; 3] = ["msg_", "auto_", DIGEST_PREFIX];

/// Stands where the length of the first part would, and is the length of none.
const DISPLACED: u64 = u64::MAX;

/// The id under which Svix knows a notification, as `eventId` and as `Idempotency-Key`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Arc<str>);

impl EventId {
    /// Takes the caller's id as it is where Svix does, else a stable digest of it.
    pub fn of_caller(id: &str) -> Self {
        let reserved = RESERVED_PREFIXES.iter().any(|prefix| id.starts_with(prefix));
        if fits_svix_id(id) && !reserved {
            Self(id.into())
        } else {
            Self::of_parts(&[id])
        }
    }

    /// Makes a stable digest of several texts that together are the identity.
    pub fn of_parts(parts: &[&str]) -> Self {
        Self::digested(Sha256::new(), parts)
    }

    /// Makes a stable digest for a customer's event whose key is taken, which no event has as its key: the first of
    /// several, of which others serve where that one is taken as well.
    pub fn displaced(customer: &str, key: &str, number: u64) -> Self {
        let mut digest = Sha256::new();
        digest.update(DISPLACED.to_be_bytes());
        digest.update(number.to_be_bytes());
        Self::digested(digest, &[customer, key])
    }

    fn digested(mut digest: Sha256, parts: &[&str]) -> Self {
        for part in parts {
            // The length first, so that ("ab", "c") and ("a", "bc") differ.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        Self(format!("{DIGEST_PREFIX}{}", hex(&digest.finalize())).into())
    }

    /// Tells whether it is a digest, or was taken for a caller's own id before those were kept from looking like one.
    pub fn is_digest(&self) -> bool {
        self.0.starts_with(DIGEST_PREFIX)
    }

    /// Takes an id that was made by this type before and comes back from the store.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Tells whether a text is of the form that Svix takes for ids and event types:
/// 1 to 256 ASCII letters, digits, `-`, `_` and `.`.
pub fn fits_svix_id(text: &str) -> bool {
    (1..=SVIX_ID_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_caller_s_id_is_kept_where_svix_takes_it() {
        let (digest, displaced) = (EventId::of_caller("ü"), EventId::displaced("acme", "1", 0));
        let table = [
            ("evt_1", true, "letters, digits, underscore"),
            ("a.b-c", true, "dot and hyphen"),
            ("msg_1", false, "Svix keeps this prefix for its own ids"),
            ("auto_1", false, "the SDKs keep this prefix for their keys"),
            ("sha256_1", false, "a digest begins like that"),
            (digest.as_str(), false, "a digest of another id"),
            (displaced.as_str(), false, "a digest for another's id"),
            ("sha256", true, "no digest begins like that"),
            ("SHA256_1", true, "nor like that"),
            ("a b", false, "a space is outside the characters"),
            ("ü", false, "not ASCII"),
        ];
        for (id, kept, why) in table {
            assert_eq!(EventId::of_caller(id).as_str() == id, kept, "{why}");
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(EventId::of_parts(&["ab", "c"]), EventId::of_parts(&["a", "bc"]));
    }

    #[test]
    fn a_displaced_id_is_that_of_nothing_else() {
        let displaced = EventId::displaced("acme", "1", 0);
        assert_eq!(displaced, EventId::displaced("acme", "1", 0));
        assert!(displaced.is_digest());
        for other in [
            EventId::of_parts(&["acme", "1"]),
            EventId::displaced("acme", "1", 1),
            EventId::displaced("acme1", "", 0),
            EventId::displaced("globex", "1", 0),
        ] {
            assert_ne!(displaced, other);
        }
    }

    proptest! {
        #[test]
        fn whoever_chooses_an_id_cannot_choose_another_s(
            id in "(sha256_|msg_|auto_)?[ -~ü]{1,20}", parts in prop::collection::vec(".{0,9}", 0..4), number in 0_u64..3,
        ) {
            let given: Vec<&str> = parts.iter().map(String::as_str).collect();
            let (single, several) = (EventId::of_caller(&id), EventId::of_parts(&given));
            let displaced = EventId::displaced(&id, single.as_str(), number);
            prop_assert!(fits_svix_id(several.as_str()) && fits_svix_id(displaced.as_str()));
            prop_assert!(displaced != single && displaced != several);
            prop_assert_eq!(single == several, given == [id.as_str()]);
            prop_assert!(single.as_str() != id || !single.is_digest());
            // What has come out once stands for another when it comes in.
            for given in [&single, &several, &displaced].map(EventId::as_str) {
                prop_assert_eq!(EventId::of_caller(given).as_str() == given, !given.starts_with("sha256_"));
            }
        }

        #[test]
        fn every_id_becomes_one_that_svix_takes(id in ".{1,300}") {
            let event_id = EventId::of_caller(&id);
            prop_assert!(fits_svix_id(event_id.as_str()));
            prop_assert!(!event_id.as_str().starts_with("msg_"));
            prop_assert_eq!(&event_id, &EventId::of_caller(&id));
        }
    }
}
