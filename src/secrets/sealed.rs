//! A sealed secret as bytes: version, key, nonce, and what only that key opens.

use std::fmt;

use ring::aead::{MAX_TAG_LEN, NONCE_LEN};

use super::ring::SecretError;

/// The one way of sealing so far: AES-256-GCM under a random nonce.
pub(super) const VERSION: u8 = 1;

/// A secret that only a master key opens.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// The parts of a sealed secret.
pub(super) struct Parts<'a> {
    pub(super) key: &'a str,
    pub(super) nonce: [u8; NONCE_LEN],
    pub(super) closed: &'a [u8],
}

impl Sealed {
    pub(super) fn of(key: &str, nonce: [u8; NONCE_LEN], closed: &[u8]) -> Self {
        let length = u8::try_from(key.len()).unwrap_or(u8::MAX);
        let mut bytes = Vec::with_capacity(2 + key.len() + NONCE_LEN + closed.len());
        bytes.extend([VERSION, length]);
        bytes.extend(key.as_bytes());
        bytes.extend(nonce);
        bytes.extend(closed);
        Self(bytes)
    }

    /// Takes bytes as they were stored.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the id of the key that it was sealed with.
    ///
    /// # Errors
    /// When it is not whole, or of a version that is not known.
    pub fn key_id(&self) -> Result<&str, SecretError> {
        self.parts().map(|parts| parts.key)
    }

    pub(super) fn parts(&self) -> Result<Parts<'_>, SecretError> {
        let (head, rest) = self.0.split_first_chunk::<2>().ok_or(SecretError::Broken)?;
        let [version, length] = *head;
        if version != VERSION {
            return Err(SecretError::Version { version });
        }
        let (key, rest) = rest
            .split_at_checked(usize::from(length))
            .ok_or(SecretError::Broken)?;
        let (nonce, closed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SecretError::Broken)?;
        if closed.len() < MAX_TAG_LEN {
            return Err(SecretError::Broken);
        }
        Ok(Parts {
            key: std::str::from_utf8(key).map_err(|_| SecretError::Broken)?,
            nonce: *nonce,
            closed,
        })
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
