//! The keys that the store keeps, in memory: looked for by each request.

use std::collections::HashMap;
use std::sync::Arc;

use log::{error, info};
use serde_json::{Map, Value};

use super::settings::Setting;
use crate::domain::{KeyDigest, Scope, Timestamp};
use crate::policy::{KeyGrant, KeySettings};

/// A key that the store keeps.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub grant: KeyGrant,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    /// The time of a look-up tells nothing: nobody can choose what the digest of a guess is.
    by_digest: HashMap<KeyDigest, Arc<KnownKey>>,
    /// By name; with nothing where a key cannot be read, which opens nothing and yet is there.
    digests: HashMap<String, Option<KeyDigest>>,
}

impl KnownKeys {
    /// Finds the key with this digest.
    pub(super) fn find(&self, digest: &KeyDigest) -> Option<Arc<KnownKey>> {
        self.by_digest.get(digest).cloned()
    }

    /// Tells whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// Takes in a change.
    pub(super) fn apply(&mut self, change: &Setting) {
        let (name, version) = (change.name.as_str(), change.version);
        // Whatever comes now: what was there before is not in force any more.
        if let Some(Some(digest)) = self.digests.remove(name) {
            self.by_digest.remove(&digest);
        }
        let Some(document) = &change.document else {
            return info!(key = name, version; "a key was revoked");
        };
        let digest = match read(document) {
            Some(KeySettings { grant, hash }) => {
                info!(key = name, version; "a key is known");
                let name = name.to_owned();
                self.by_digest.insert(hash, Arc::new(KnownKey { name, grant }));
                Some(hash)
            }
            None => {
                error!(key = name, version; "a key cannot be read and opens nothing");
                None
            }
        };
        self.digests.insert(name.to_owned(), digest);
    }
}

/// Tells whether a key opens what changes keys, and until when that is so, where it ends.
pub(super) fn may_change_keys(key: &Setting) -> Option<Option<Timestamp>> {
    let grant = key.document.as_deref().and_then(read).map(|key| key.grant)?;
    (grant.customer.is_none() && grant.allows(Scope::Admin)).then_some(grant.expires_at)
}

pub(super) fn read(document: &str) -> Option<KeySettings> {
    let members: Map<String, Value> = serde_json::from_str(document).ok()?;
    KeySettings::read(&members).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SettingKind;

    fn change(name: &str, document: Option<String>) -> Setting {
        Setting {
            kind: SettingKind::Key,
            name: name.to_owned(),
            version: 1,
            revision: 1,
            document,
            sealed: None,
            created_at: Timestamp::default(),
            changed_at: Timestamp::default(),
            key: None,
        }
    }

    fn key(name: &str, text: &str) -> Setting {
        let hash = KeyDigest::of(text);
        change(name, Some(format!(r#"{{"scopes": ["read"], "hash": "{hash}"}}"#)))
    }

    fn known(keys: &KnownKeys, text: &str) -> Option<String> {
        keys.find(&KeyDigest::of(text)).map(|key| key.name.clone())
    }

    #[test]
    fn a_key_is_known_until_it_is_revoked() {
        let mut keys = KnownKeys::default();
        assert!(keys.is_empty());
        keys.apply(&key("a", "one"));
        keys.apply(&key("b", "two"));
        assert_eq!(keys.find(&KeyDigest::of("one")).unwrap().grant.scopes, [Scope::Read]);
        assert_eq!((known(&keys, "two").as_deref(), known(&keys, "three")), (Some("b"), None));
        keys.apply(&change("a", None));
        assert_eq!((known(&keys, "one"), known(&keys, "two").as_deref()), (None, Some("b")));
        keys.apply(&key("b", "three"));
        assert_eq!(known(&keys, "two"), None, "another key took its name");
        keys.apply(&change("b", None));
        assert!(keys.is_empty() && keys.by_digest.is_empty());
    }

    #[test]
    fn a_key_that_cannot_be_read_opens_nothing_and_is_there() {
        let mut keys = KnownKeys::default();
        keys.apply(&key("a", "one"));
        for document in ["nonsense", r#"{"scopes": ["later"], "hash": ""}"#] {
            keys.apply(&change("a", Some(document.to_owned())));
            assert_eq!(known(&keys, "one"), None, "{document}");
            assert!(!keys.is_empty(), "and so the service is not open to all: {document}");
        }
    }
}
