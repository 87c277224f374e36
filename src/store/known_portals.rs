//! Tokens for the pages of customers, in memory: looked for like keys, and forgotten when they are over.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use log::{debug, error};

use super::known_keys::{self, KnownKey};
use super::settings::Setting;
use crate::domain::{KeyDigest, Timestamp};
use crate::policy::KeySettings;

/// All that may still be good.
#[derive(Debug, Default)]
pub(super) struct KnownPortals {
    by_digest: HashMap<KeyDigest, Arc<KnownKey>>,
    by_name: HashMap<String, (KeyDigest, Timestamp)>,
    /// In the order of their ends.
    ends: BTreeSet<(Timestamp, String)>,
}

impl KnownPortals {
    /// Finds the token with this digest.
    pub(super) fn find(&self, digest: &KeyDigest) -> Option<Arc<KnownKey>> {
        self.by_digest.get(digest).cloned()
    }

    /// Takes in a change. At its time some are over, which are forgotten.
    pub(super) fn apply(&mut self, change: &Setting) {
        let (name, version) = (change.name.as_str(), change.version);
        self.remove(name);
        while let Some((_, over)) = self.ends.first().filter(|(end, _)| *end <= change.changed_at) {
            let over = over.clone();
            self.remove(&over);
        }
        if change.document.is_none() {
            return debug!(key = name, version; "a portal token was revoked");
        }
        let Some((KeySettings { grant, hash }, end)) = read(change) else {
            return error!(key = name, version; "a portal token cannot be read and opens nothing");
        };
        let name = name.to_owned();
        self.ends.insert((end, name.clone()));
        self.by_name.insert(name.clone(), (hash, end));
        self.by_digest.insert(hash, Arc::new(KnownKey { name, grant }));
    }

    fn remove(&mut self, name: &str) {
        if let Some((digest, end)) = self.by_name.remove(name) {
            self.by_digest.remove(&digest);
            self.ends.remove(&(end, name.to_owned()));
        }
    }
}

/// Returns when a token is over, where it can be read.
pub(super) fn end(token: &Setting) -> Option<Timestamp> {
    read(token).map(|(_, end)| end)
}

/// Reads a token. One for all customers, or without an end, would be none.
fn read(token: &Setting) -> Option<(KeySettings, Timestamp)> {
    let settings = known_keys::read(token.document.as_deref()?)?;
    let end = settings.grant.expires_at?;
    settings.grant.customer.is_some().then_some((settings, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SettingKind;

    fn token(text: &str, made_at: i64, ends_at: i64) -> Setting {
        let (hash, end) = (KeyDigest::of(text), Timestamp::from_millis(ends_at));
        let document =
            format!(r#"{{"scopes": ["read"], "customer": "acme", "expiresAt": "{end}", "hash": "{hash}"}}"#);
        Setting {
            kind: SettingKind::Portal,
            name: format!("portal-{text}"),
            version: 1,
            revision: 1,
            document: Some(document),
            sealed: None,
            created_at: Timestamp::from_millis(made_at),
            changed_at: Timestamp::from_millis(made_at),
            key: None,
        }
    }

    fn knows(portals: &KnownPortals, text: &str) -> bool {
        portals.find(&KeyDigest::of(text)).is_some()
    }

    #[test]
    fn a_token_is_known_until_it_is_revoked_or_over() {
        let mut portals = KnownPortals::default();
        for one in [token("a", 0, 1000), token("b", 0, 3000), token("c", 500, 2000)] {
            portals.apply(&one);
        }
        assert!(["a", "b", "c"].iter().all(|text| knows(&portals, text)));
        portals.apply(&token("d", 2000, 9000));
        let known = ["a", "b", "c", "d"].map(|text| knows(&portals, text));
        assert_eq!(known, [false, true, false, true], "two are over");
        portals.apply(&Setting {
            document: None,
            ..token("b", 2500, 0)
        });
        assert!(!knows(&portals, "b") && knows(&portals, "d"));
        assert_eq!((portals.by_name.len(), portals.by_digest.len(), portals.ends.len()), (1, 1, 1));
    }

    #[test]
    fn what_is_not_bound_or_has_no_end_opens_nothing() {
        let mut portals = KnownPortals::default();
        let hash = KeyDigest::of("a");
        for members in [
            r#""scopes": ["admin"], "expiresAt": "2100-01-01T00:00:00Z""#,
            r#""scopes": ["read"], "customer": "acme""#,
            r#""scopes": ["later"]"#,
        ] {
            portals.apply(&Setting {
                document: Some(format!(r#"{{{members}, "hash": "{hash}"}}"#)),
                ..token("a", 0, 1000)
            });
            assert!(!knows(&portals, "a"), "{members}");
        }
    }
}
