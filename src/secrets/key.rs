//! A master key as it is configured: an id and 32 bytes.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretBox, SecretString};

/// The length of a key, in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// The longest id of a key, in bytes.
pub(super) const ID_MAX: usize = 32;

/// A master key.
#[derive(Clone)]
pub struct MasterKey {
    id: String,
    bytes: Arc<SecretBox<[u8; KEY_BYTES]>>,
}

/// Why a text is no master key; never shows any of it but the id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// There is no id before the key.
    #[error(
        "a master key is an id, a colon and 32 bytes in base64, as `svix-hooks secrets new-key` prints it"
    )]
    Form,
    /// The id has other characters, none, or too many.
    #[error("the id of a master key has 1 to {ID_MAX} of a-z, 0-9 and -")]
    Id,
    /// What follows the id are not 32 bytes in base64.
    #[error("master key {id} is not 32 bytes in base64")]
    Bytes {
        /// Which key.
        id: String,
    },
}

impl MasterKey {
    /// Reads `id:base64`.
    ///
    /// # Errors
    /// When the text is not that.
    pub fn parse(text: &SecretString) -> Result<Self, MasterKeyError> {
        let (id, bytes) = text.expose_secret().split_once(':').ok_or(MasterKeyError::Form)?;
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=ID_MAX).contains(&id.len()) || !id.bytes().all(known) {
            return Err(MasterKeyError::Id);
        }
        let wrong = || MasterKeyError::Bytes { id: id.to_owned() };
        let unpadded = bytes.trim_end_matches('=');
        let mut decoded = SecretBox::new(Box::new([0; KEY_BYTES]));
        let engine = if unpadded.contains(['-', '_']) {
            &URL_SAFE_NO_PAD
        } else {
            &STANDARD_NO_PAD
        };
        let room = secrecy::ExposeSecretMut::expose_secret_mut(&mut decoded);
        match engine.decode_slice(unpadded, room) {
            Ok(KEY_BYTES) => Ok(Self {
                id: id.to_owned(),
                bytes: Arc::new(decoded),
            }),
            _ => Err(wrong()),
        }
    }

    /// Makes the text of a key of these bytes.
    pub fn text(id: &str, bytes: &[u8; KEY_BYTES]) -> String {
        format!("{id}:{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns what the key is called.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.bytes.expose_secret()
    }
}

impl PartialEq for MasterKey {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.bytes() == other.bytes()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_an_id_and_32_bytes() {
        let bytes = [0xfb; KEY_BYTES];
        let plain = STANDARD_NO_PAD.encode(bytes);
        let table = [
            (MasterKey::text("a-1", &bytes), None, "as it is printed"),
            (format!("a:{plain}"), None, "the other alphabet"),
            (format!("a:{plain}="), None, "with padding"),
            (plain.clone(), Some(MasterKeyError::Form), "no id"),
            (format!(":{plain}"), Some(MasterKeyError::Id), "an empty one"),
            (format!("A:{plain}"), Some(MasterKeyError::Id), "a capital"),
            (format!("{}:{plain}", "a".repeat(33)), Some(MasterKeyError::Id), "a long one"),
            ("a:".to_owned(), Some(MasterKeyError::Bytes { id: "a".into() }), "nothing"),
            (format!("a:{}", &plain[1..]), Some(MasterKeyError::Bytes { id: "a".into() }), "too short"),
            (format!("a:{plain}AAAA"), Some(MasterKeyError::Bytes { id: "a".into() }), "too long"),
            (format!("a:{}", "?".repeat(43)), Some(MasterKeyError::Bytes { id: "a".into() }), "no base64"),
        ];
        for (text, error, why) in table {
            let key = MasterKey::parse(&SecretString::from(text));
            assert_eq!(key.as_ref().err(), error.as_ref(), "{why}");
            if let Ok(key) = key {
                assert_eq!(key.bytes(), &bytes, "{why}");
                assert!(!format!("{key:?}").contains("251"), "{key:?}");
            }
        }
    }
}
