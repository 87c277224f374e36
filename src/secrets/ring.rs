//! The master keys together: seals with the first, opens with each.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};

use super::{MasterKey, Sealed};

/// What is sealed to find out later whether a key is the same one.
const PROBE: &str = "svix-hooks";

/// What the probe belongs to.
const PROBE_CONTEXT: &str = "probe";

/// The master keys; the first seals, all open. Without any, nothing can be sealed.
#[derive(Clone, Default)]
pub struct KeyRing(Vec<MasterKey>);

/// Why keys make no ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// Two have one id.
    #[error("two master keys have the id {id}")]
    SameId {
        /// Which id.
        id: String,
    },
    /// One stands there under two ids.
    #[error("the master keys {one} and {other} are the same key")]
    SameKey {
        /// One id.
        one: String,
        /// The other id.
        other: String,
    },
}

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no master key.
    #[error("no master key is configured; `svix-hooks secrets new-key` makes one for secrets.keys")]
    NoKey,
    /// It was sealed with a key that is not configured.
    #[error("it was sealed with master key {id}, which is not among secrets.keys")]
    UnknownKey {
        /// Which key.
        id: String,
    },
    /// The key does not open it: it is another one under the same id, or what was sealed has been changed.
    #[error(
        "master key {id} does not open it: it is another key than the one it was sealed with, or the secret was changed"
    )]
    WrongKey {
        /// Which key.
        id: String,
    },
    /// It was sealed by a later version of this service.
    #[error("it was sealed in a way (version {version}) that is not known here")]
    Version {
        /// Which version.
        version: u8,
    },
    /// Some of it is missing.
    #[error("the sealed secret is not whole")]
    Broken,
    /// The system has no random numbers, or the cipher refused.
    #[error("the secret could not be sealed")]
    Failed,
}

impl KeyRing {
    /// Makes a ring; the first key is the one that seals.
    ///
    /// # Errors
    /// When two of them have one id, or are the same key.
    pub fn new(keys: Vec<MasterKey>) -> Result<Self, KeyRingError> {
        for (place, key) in keys.iter().enumerate() {
            for other in keys.iter().take(place) {
                if other.id() == key.id() {
                    return Err(KeyRingError::SameId {
                        id: key.id().to_owned(),
                    });
                }
                if other.bytes() == key.bytes() {
                    return Err(KeyRingError::SameKey {
                        one: other.id().to_owned(),
                        other: key.id().to_owned(),
                    });
                }
            }
        }
        Ok(Self(keys))
    }

    /// Tells whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Seals a secret. It opens only in the same context: what it belongs to.
    ///
    /// # Errors
    /// When there is no key.
    pub fn seal(&self, context: &str, secret: &SecretString) -> Result<Sealed, SecretError> {
        let key = self.0.first().ok_or(SecretError::NoKey)?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| SecretError::Failed)?;
        let mut closed = secret.expose_secret().as_bytes().to_vec();
        cipher(key)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut closed,
            )
            .map_err(|_| SecretError::Failed)?;
        Ok(Sealed::of(key.id(), nonce, &closed))
    }

    /// Opens a secret that was sealed in this context.
    ///
    /// # Errors
    /// When its key is not in the ring or does not open it, or it is not whole.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<SecretString, SecretError> {
        let parts = sealed.parts()?;
        if self.0.is_empty() {
            return Err(SecretError::NoKey);
        }
        let id = || parts.key.to_owned();
        let key = self.0.iter().find(|key| key.id() == parts.key);
        let key = key.ok_or_else(|| SecretError::UnknownKey { id: id() })?;
        let mut open = parts.closed.to_vec();
        let nonce = Nonce::assume_unique_for_key(parts.nonce);
        let plain = cipher(key)?
            .open_in_place(nonce, Aad::from(context.as_bytes()), &mut open)
            .map_err(|_| SecretError::WrongKey { id: id() })?;
        let text = std::str::from_utf8(plain).map_err(|_| SecretError::Broken)?;
        Ok(SecretString::from(text))
    }

    /// Tells whether it was sealed with the key that seals now.
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        let first = self.0.first().map(MasterKey::id);
        first.is_some() && sealed.key_id().ok() == first
    }

    /// Seals something known, by which a wrong key is found before it is needed.
    ///
    /// # Errors
    /// When there is no key.
    pub fn seal_probe(&self) -> Result<Sealed, SecretError> {
        self.seal(PROBE_CONTEXT, &SecretString::from(PROBE))
    }

    /// Makes sure that the keys are those that the probe was sealed with.
    ///
    /// # Errors
    /// When they are not.
    pub fn check_probe(&self, sealed: &Sealed) -> Result<(), SecretError> {
        self.open(PROBE_CONTEXT, sealed).map(drop)
    }
}

fn cipher(key: &MasterKey) -> Result<LessSafeKey, SecretError> {
    let unbound = UnboundKey::new(&AES_256_GCM, key.bytes()).map_err(|_| SecretError::Failed)?;
    Ok(LessSafeKey::new(unbound))
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(MasterKey::id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(id: &str, byte: u8) -> MasterKey {
        MasterKey::parse(&SecretString::from(MasterKey::text(id, &[byte; 32]))).unwrap()
    }

    fn ring(keys: &[(&str, u8)]) -> KeyRing {
        KeyRing::new(keys.iter().map(|(id, byte)| key(id, *byte)).collect()).unwrap()
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn keys_of_a_ring_differ_in_id_and_bytes() {
        let refused = |keys: Vec<MasterKey>| KeyRing::new(keys).unwrap_err();
        assert_eq!(refused(vec![key("a", 1), key("a", 2)]), KeyRingError::SameId { id: "a".into() });
        let same = KeyRingError::SameKey {
            one: "a".into(),
            other: "b".into(),
        };
        assert_eq!(refused(vec![key("a", 1), key("b", 1)]), same);
    }

    #[test]
    fn a_secret_opens_only_with_its_key_and_where_it_belongs() {
        let old = ring(&[("old", 1)]);
        let sealed = old.seal("account/acme", &secret("sk_1")).unwrap();
        assert_eq!(old.open("account/acme", &sealed).unwrap().expose_secret(), "sk_1");
        let id = || "old".to_owned();
        let table = [
            (
                old.open("account/globex", &sealed),
                SecretError::WrongKey { id: id() },
                "it belongs to another",
            ),
            (
                ring(&[("old", 2)]).open("account/acme", &sealed),
                SecretError::WrongKey { id: id() },
                "another key",
            ),
            (
                ring(&[("new", 1)]).open("account/acme", &sealed),
                SecretError::UnknownKey { id: id() },
                "another id",
            ),
            (KeyRing::default().open("account/acme", &sealed), SecretError::NoKey, "no key"),
        ];
        for (opened, error, why) in table {
            assert_eq!(opened.map(|_| ()).unwrap_err(), error, "{why}");
        }
        assert_eq!(KeyRing::default().seal("x", &secret("s")).unwrap_err(), SecretError::NoKey);
    }

    #[test]
    fn a_ring_is_rotated_by_a_new_key_in_front() {
        let sealed = ring(&[("old", 1)]).seal("a", &secret("s")).unwrap();
        let both = ring(&[("new", 2), ("old", 1)]);
        assert!(!both.is_current(&sealed));
        let again = both.seal("a", &both.open("a", &sealed).unwrap()).unwrap();
        assert!(both.is_current(&again));
        assert_eq!(ring(&[("new", 2)]).open("a", &again).unwrap().expose_secret(), "s");
        assert!(!KeyRing::default().is_current(&again));
    }

    #[test]
    fn a_probe_tells_a_wrong_key() {
        let ours = ring(&[("a", 1)]);
        let probe = ours.seal_probe().unwrap();
        assert_eq!(ours.check_probe(&probe), Ok(()));
        assert!(ring(&[("a", 2)]).check_probe(&probe).is_err());
    }

    #[test]
    fn what_was_changed_or_cut_does_not_open() {
        let ring = ring(&[("a", 1)]);
        let sealed = ring.seal("c", &secret("a secret")).unwrap();
        let bytes = sealed.as_bytes().to_vec();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(ring.open("c", &Sealed::from_bytes(changed)).is_err(), "byte {place}");
            let cut = Sealed::from_bytes(bytes[..place].to_vec());
            assert!(ring.open("c", &cut).is_err(), "cut at {place}");
        }
        assert_ne!(ring.seal("c", &secret("a secret")).unwrap(), sealed, "no two are alike");
        let shown = format!("{ring:?} {sealed:?} {:?}", ring.open("x", &sealed));
        assert!(!shown.contains("secret\"") && shown.contains("Sealed("), "{shown}");
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens(text in ".*", context in ".{0,40}") {
            let ring = ring(&[("a", 7), ("b", 8)]);
            let sealed = ring.seal(&context, &secret(&text)).unwrap();
            let stored = Sealed::from_bytes(sealed.as_bytes().to_vec());
            let opened = ring.open(&context, &stored).unwrap();
            prop_assert_eq!(opened.expose_secret(), text.as_str());
        }

        #[test]
        fn no_bytes_make_it_fail_otherwise_than_with_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let ring = ring(&[("a", 7)]);
            prop_assert!(ring.open("c", &Sealed::from_bytes(bytes)).is_err());
        }
    }
}
