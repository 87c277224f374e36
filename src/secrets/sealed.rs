//! A sealed secret as bytes: version, key, nonce, and what only that key opens.

use std::fmt;

use ring::aead::{MAX_TAG_LEN, NONCE_LEN};

use super::key::ID_BYTES;
use super::{KeyId, SecretError};

/// The one way of sealing so far: AES-256-GCM under a random nonce.
const VERSION: u8 = 1;

/// A secret that only a master key opens.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// The parts of a sealed secret.
pub(super) struct Parts<'a> {
    pub(super) key: KeyId,
    pub(super) nonce: [u8; NONCE_LEN],
    pub(super) closed: &'a [u8],
}

impl Sealed {
    pub(super) fn of(key: KeyId, nonce: [u8; NONCE_LEN], closed: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(1 + ID_BYTES + NONCE_LEN + closed.len());
        bytes.push(VERSION);
        bytes.extend(key.0);
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

    /// Returns the id of the key that it was sealed under.
    ///
    /// # Errors
    /// When it is not whole, or of a version that is not known.
    pub fn key_id(&self) -> Result<KeyId, SecretError> {
        self.parts().map(|parts| parts.key)
    }

    pub(super) fn parts(&self) -> Result<Parts<'_>, SecretError> {
        let (&version, rest) = self.0.split_first().ok_or(SecretError::Broken)?;
        if version != VERSION {
            return Err(SecretError::Version { version });
        }
        let (key, rest) = rest.split_first_chunk::<ID_BYTES>().ok_or(SecretError::Broken)?;
        let (nonce, closed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SecretError::Broken)?;
        if closed.len() < MAX_TAG_LEN {
            return Err(SecretError::Broken);
        }
        Ok(Parts {
            key: KeyId(*key),
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
