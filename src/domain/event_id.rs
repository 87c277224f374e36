//! The identity of an event: what makes two posts the same one, here and at Svix.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The longest id that Svix takes, in characters.
pub const SVIX_ID_MAX: usize = 256;

/// Prefixes that Svix and its SDKs keep for themselves.
const RESERVED_PREFIXES: [&str; 2] = ["msg_", "auto_"];

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
        let mut digest = Sha256::new();
        for part in parts {
            // The length first, so that ("ab", "c") and ("a", "bc") differ.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        Self(format!("sha256_{}", hex(&digest.finalize())).into())
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
        let table = [
            ("evt_1", true, "letters, digits, underscore"),
            ("a.b-c", true, "dot and hyphen"),
            ("msg_1", false, "Svix keeps this prefix for its own ids"),
            ("auto_1", false, "the SDKs keep this prefix for their keys"),
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

    proptest! {
        #[test]
        fn every_id_becomes_one_that_svix_takes(id in ".{1,300}") {
            let event_id = EventId::of_caller(&id);
            prop_assert!(fits_svix_id(event_id.as_str()));
            prop_assert!(!event_id.as_str().starts_with("msg_"));
            prop_assert_eq!(&event_id, &EventId::of_caller(&id));
        }
    }
}
