//! A master key: 32 bytes, known by an id that is derived from them.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox, SecretString};
use sha2::{Digest, Sha256};

/// The length of a key, in bytes.
const KEY_BYTES: usize = 32;

/// The length of an id, in bytes.
pub(super) const ID_BYTES: usize = 4;

/// What is hashed before a key to make its id, so that the hash is of no use for anything else.
const ID_DOMAIN: &[u8] = b"svix-hooks master key id\0";

/// What a master key is called: the beginning of a hash of it. So no key goes by another's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub(super) [u8; ID_BYTES]);

/// A master key.
#[derive(Clone)]
pub struct MasterKey {
    id: KeyId,
    bytes: Arc<SecretBox<[u8; KEY_BYTES]>>,
}

/// A text is no master key; says what would be right, and shows none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("32 bytes in base64, as `svix-hooks secrets new-key` makes them")]
pub struct MasterKeyError;

/// The system has no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random numbers")]
pub struct NoRandom;

impl MasterKey {
    /// Makes a key.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> Result<Self, NoRandom> {
        let mut bytes = SecretBox::new(Box::new([0; KEY_BYTES]));
        SystemRandom::new()
            .fill(bytes.expose_secret_mut())
            .map_err(|_| NoRandom)?;
        Ok(Self::of(bytes))
    }

    /// Reads base64 of either alphabet, padded or not.
    ///
    /// # Errors
    /// When the text is not 32 bytes in base64.
    pub fn parse(text: &SecretString) -> Result<Self, MasterKeyError> {
        let text = text.expose_secret().trim_end_matches('=');
        let engine = if text.contains(['-', '_']) {
            &URL_SAFE_NO_PAD
        } else {
            &STANDARD_NO_PAD
        };
        let mut bytes = SecretBox::new(Box::new([0; KEY_BYTES]));
        match engine.decode_slice(text, bytes.expose_secret_mut()) {
            Ok(KEY_BYTES) => Ok(Self::of(bytes)),
            _ => Err(MasterKeyError),
        }
    }

    fn of(bytes: SecretBox<[u8; KEY_BYTES]>) -> Self {
        let digest = Sha256::new()
            .chain_update(ID_DOMAIN)
            .chain_update(bytes.expose_secret())
            .finalize();
        let mut id = [0; ID_BYTES];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self {
            id: KeyId(id),
            bytes: Arc::new(bytes),
        }
    }

    /// Returns the text that the key is read from again.
    pub fn text(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.bytes()).into()
    }

    /// Returns what the key is called.
    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.bytes.expose_secret()
    }
}

impl PartialEq for MasterKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn parse(text: &str) -> Result<MasterKey, MasterKeyError> {
        MasterKey::parse(&SecretString::from(text))
    }

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        let bytes = [0xfb; KEY_BYTES];
        let plain = STANDARD_NO_PAD.encode(bytes);
        let table = [
            (plain.clone(), true, "without padding"),
            (STANDARD.encode(bytes), true, "with padding"),
            (URL_SAFE_NO_PAD.encode(bytes), true, "the other alphabet"),
            (String::new(), false, "nothing"),
            (plain[1..].to_owned(), false, "too short"),
            (format!("{plain}AAAA"), false, "too long"),
            ("?".repeat(43), false, "no base64"),
            (format!("k1:{plain}"), false, "a name before it"),
        ];
        for (text, fits, why) in table {
            let key = parse(&text);
            assert_eq!(key.is_ok(), fits, "{why}");
            if let Ok(key) = key {
                assert_eq!(key.bytes(), &bytes, "{why}");
            }
        }
    }

    #[test]
    fn a_new_key_is_read_back_and_shows_only_its_id() {
        let key = MasterKey::generate().unwrap();
        let again = MasterKey::parse(&key.text()).unwrap();
        assert_eq!((again.id(), again.bytes()), (key.id(), key.bytes()));
        assert_ne!(MasterKey::generate().unwrap(), key);
        assert_eq!(format!("{key:?}"), format!("MasterKey({})", key.id()));
        let known = parse(&STANDARD.encode([1; KEY_BYTES])).unwrap();
        assert_eq!(known.id().to_string(), "af124a99", "sealed secrets name it for ever");
    }
}
