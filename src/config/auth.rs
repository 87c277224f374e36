//! The API keys that callers show: kept as digests, each with a name and what it may do.

use serde::{Deserialize, Serialize};

use crate::domain::{KeyDigest, Scope};

/// Who may call the service.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// The keys that are taken; with none, the service listens on loopback only. Default none.
    pub keys: Vec<Key>,
}

/// One API key, known by its digest only.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// How logs and the audit trail call it.
    pub name: String,
    /// What it may do, at least one thing.
    pub scopes: Vec<Scope>,
    /// `sha256:` and the 64 hex digits of the key's SHA-256.
    pub hash: String,
}

impl Key {
    /// Returns the digest of the key, or nothing where the hash is not well formed.
    pub fn digest(&self) -> Option<KeyDigest> {
        self.hash.parse().ok()
    }
}
