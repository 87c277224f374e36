//! What tells credentials apart where they must not be told.

use sha2::{Digest, Sha256};

/// Which token a request is made with: the first eight bytes of its SHA-256. A token is long and random, so that
/// nothing can be learned from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CredentialId(i64);

impl CredentialId {
    /// Returns that of a token.
    pub fn of(token: &str) -> Self {
        let digest = Sha256::digest(token.as_bytes());
        let first = digest.iter().take(8);
        Self(first.fold(0, |number, byte| number << 8 | i64::from(*byte)))
    }

    /// Returns the one that was stored as this number.
    pub fn from_i64(number: i64) -> Self {
        Self(number)
    }

    /// Returns the number that it is stored as.
    pub fn as_i64(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_always_has_the_same_and_another_has_another() {
        // The beginning of the digest as `printf %s abc | sha256sum` gives it.
        assert_eq!(CredentialId::of("abc").as_i64().to_be_bytes(), 0xba78_16bf_8f01_cfea_u64.to_be_bytes());
        assert_ne!(CredentialId::of("abc"), CredentialId::of("abd"));
        let id = CredentialId::of("abc");
        assert_eq!(CredentialId::from_i64(id.as_i64()), id);
    }
}
