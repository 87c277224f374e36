//! Keys that callers show: their text, the digest that is kept in its place, and what they may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The longest name of a key, in bytes.
pub const KEY_NAME_MAX: usize = 128;

/// Tells whether a key can have this name: one that fits, that garbles no log, and that clients leave in a path as
/// it is.
pub fn fits_key_name(text: &str) -> bool {
    let fits = (1..=KEY_NAME_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    fits && !matches!(text, "." | "..")
}

/// What a digest starts with.
const DIGEST_PREFIX: &str = "sha256:";

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
    /// Change customers, accounts and keys.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Read, Self::Operate, Self::Admin];

    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }

    /// Tells whether who has this may do what needs `needed`: admins may do everything, and who operates may look.
    pub fn allows(self, needed: Self) -> bool {
        self == needed || self == Self::Admin || (self == Self::Operate && needed == Self::Read)
    }
}

/// A key as its holder shows it. Nothing prints it by accident.
pub struct KeyText(String);

impl KeyText {
    /// Makes a key of 244 random bits from the system's source.
    pub fn generate() -> Self {
        Self(format!("shk_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
    }

    /// Returns the text, for the one place that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns what is kept of it.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.0)
    }
}

/// The SHA-256 of a key's text: enough to know the key again, and not to make it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest([u8; 32]);

/// A text that is no digest of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not sha256: and 64 hex digits")]
pub struct KeyDigestError;

impl KeyDigest {
    /// Digests what a caller shows.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Returns its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(DIGEST_PREFIX)?;
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut digest = [0; 32];
        for (place, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        Some(Self(digest))
    }
}

impl FromStr for KeyDigest {
    type Err = KeyDigestError;

    fn from_str(text: &str) -> Result<Self, KeyDigestError> {
        Self::read(text).ok_or(KeyDigestError)
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DIGEST_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest")
    }
}

impl Serialize for KeyDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_a_log_and_a_path() {
        let longest = "n".repeat(KEY_NAME_MAX);
        let table = [
            ("ci", true, "a word"),
            ("Äpfel & Söhne/1", true, "whatever can be shown"),
            ("...", true, "no way up"),
            (longest.as_str(), true, "as long as it may be"),
            (&format!("{longest}n"), false, "longer"),
            ("", false, "nothing"),
            ("a\nb", false, "two lines of a log"),
            ("\u{9b}2J", false, "what clears a terminal"),
            (".", false, "a path without it"),
            ("..", false, "another path"),
        ];
        for (name, right, why) in table {
            assert_eq!(fits_key_name(name), right, "{why}");
        }
    }

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
            let read: Option<KeyDigest> = hash.parse().ok();
            assert_eq!(read.map(|read| *read.as_bytes()), digest, "{why}");
        }
    }

    #[test]
    fn a_key_is_known_again_by_its_digest_and_no_other_is() {
        let key = KeyText::generate();
        assert!(key.expose().starts_with("shk_") && key.expose().len() == 68);
        assert_eq!(KeyDigest::of(key.expose()), key.digest());
        assert_eq!(key.digest().to_string().parse(), Ok(key.digest()), "what is written is read the same");
        assert_ne!(KeyText::generate().digest(), key.digest());
        assert_eq!(format!("{:?}", key.digest()), "KeyDigest", "no log shows it");
    }

    #[test]
    fn scopes_allow_themselves_and_some_allow_others() {
        for has in Scope::ALL {
            for needed in Scope::ALL {
                let right =
                    has == needed || has == Scope::Admin || (has, needed) == (Scope::Operate, Scope::Read);
                assert_eq!(has.allows(needed), right, "{} for {}", has.as_str(), needed.as_str());
            }
        }
    }
}
