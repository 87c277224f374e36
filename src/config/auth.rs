//! The API keys that callers show: kept as digests, each with a name and what it may do.

use serde::{Deserialize, Serialize};

/// What a digest starts with.
const DIGEST_PREFIX: &str = "sha256:";

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
    pub fn digest(&self) -> Option<[u8; 32]> {
        let digits = self.hash.strip_prefix(DIGEST_PREFIX)?;
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut digest = [0; 32];
        for (place, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        Some(digest)
    }
}

/// Something that a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Post events.
    Ingest,
    /// See notifications, counts and health.
    Read,
    /// Redrive and drop dead letters.
    Operate,
    /// Change customers and accounts.
    Admin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_sha256_and_64_hex_digits() {
        let table = [
            (format!("sha256:{}", "0f".repeat(32)), Some([0x0f; 32]), "the form that `keys new` prints"),
            (format!("sha256:{}", "0F".repeat(32)), Some([0x0f; 32]), "capitals are the same digits"),
            ("0f".repeat(32), None, "no name of the digest"),
            (format!("sha512:{}", "0f".repeat(32)), None, "another digest"),
            (format!("sha256:{}", "0f".repeat(31)), None, "too short"),
            (format!("sha256:{}", "+f".repeat(32)), None, "a sign is no digit"),
            (format!("sha256:{}", "é".repeat(32)), None, "64 bytes, but no digits"),
        ];
        for (hash, digest, why) in table {
            let key = Key {
                name: String::new(),
                scopes: Vec::new(),
                hash,
            };
            assert_eq!(key.digest(), digest, "{why}");
        }
    }
}
