//! The master keys together: seals with the first, opens with each.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::{KeyId, MasterKey, Owner, Sealed};

/// The master keys; the first seals, all open. Without any, nothing can be sealed.
#[derive(Clone, Default)]
pub struct KeyRing(Vec<MasterKey>);

/// A key stands in a ring twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("master key {id} is there twice")]
pub struct KeyRingError {
    /// Which key.
    pub id: KeyId,
}

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// There is no key to seal with.
    #[error("no master key is set; put one that `svix-hooks secrets new-key` makes into secrets.keys")]
    NoKey,
    /// It was sealed under a key that is not in the ring.
    #[error("it was sealed under master key {id}, which is not among secrets.keys")]
    UnknownKey {
        /// Which key.
        id: KeyId,
    },
    /// Its key is there, and does not open it.
    #[error("master key {id} does not open it: it was changed, or belongs to something else")]
    Changed {
        /// Which key.
        id: KeyId,
    },
    /// It was sealed by a later version of this service, or not by this service at all.
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
    /// When a key is there twice.
    pub fn new(keys: Vec<MasterKey>) -> Result<Self, KeyRingError> {
        for (place, key) in keys.iter().enumerate() {
            if keys.iter().take(place).any(|other| other.id() == key.id()) {
                return Err(KeyRingError { id: key.id() });
            }
        }
        Ok(Self(keys))
    }

    /// Tells whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Seals a secret, which opens only for its owner.
    ///
    /// # Errors
    /// When there is no key.
    pub fn seal(&self, owner: Owner<'_>, secret: &SecretString) -> Result<Sealed, SecretError> {
        let key = self.0.first().ok_or(SecretError::NoKey)?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| SecretError::Failed)?;
        let secret = secret.expose_secret().as_bytes();
        // With room for the tag, so that no copy in clear is left behind by growing.
        let mut closed = Zeroizing::new(Vec::with_capacity(secret.len() + MAX_TAG_LEN));
        closed.extend_from_slice(secret);
        let (nonce_once, aad) = (Nonce::assume_unique_for_key(nonce), Aad::from(owner.bytes()));
        cipher(key)?
            .seal_in_place_append_tag(nonce_once, aad, &mut *closed)
            .map_err(|_| SecretError::Failed)?;
        Ok(Sealed::of(key.id(), nonce, &closed))
    }

    /// Opens what was sealed for this owner.
    ///
    /// # Errors
    /// When its key is not in the ring or does not open it, or it is not whole.
    pub fn open(&self, owner: Owner<'_>, sealed: &Sealed) -> Result<SecretString, SecretError> {
        let parts = sealed.parts()?;
        let id = parts.key;
        let key = self.0.iter().find(|key| key.id() == id);
        let key = key.ok_or(SecretError::UnknownKey { id })?;
        let mut open = Zeroizing::new(parts.closed.to_vec());
        let nonce = Nonce::assume_unique_for_key(parts.nonce);
        let plain = cipher(key)?
            .open_in_place(nonce, Aad::from(owner.bytes()), &mut open)
            .map_err(|_| SecretError::Changed { id })?;
        let text = std::str::from_utf8(plain).map_err(|_| SecretError::Broken)?;
        Ok(SecretString::from(text))
    }

    /// Tells whether it was sealed under the key that seals now.
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        let first = self.0.first().map(MasterKey::id);
        first.is_some() && sealed.key_id().ok() == first
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

    const ACME: Owner<'_> = Owner::account("acme");

    fn ring<const KEYS: usize>(keys: [&MasterKey; KEYS]) -> KeyRing {
        KeyRing::new(keys.into_iter().cloned().collect()).unwrap()
    }

    fn key() -> MasterKey {
        MasterKey::generate().unwrap()
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[test]
    fn a_key_stands_in_a_ring_once() {
        let (one, other) = (key(), key());
        assert!(KeyRing::new(vec![one.clone(), other.clone()]).is_ok());
        let id = one.id();
        assert_eq!(KeyRing::new(vec![one.clone(), other, one]).unwrap_err(), KeyRingError { id });
    }

    #[test]
    fn a_secret_opens_only_with_its_key_and_for_its_owner() {
        let key = key();
        let ours = ring([&key]);
        let sealed = ours.seal(ACME, &secret("sk_1")).unwrap();
        assert_eq!(ours.open(ACME, &sealed).unwrap().expose_secret(), "sk_1");
        let id = key.id();
        let (changed, unknown) = (SecretError::Changed { id }, SecretError::UnknownKey { id });
        let table = [
            (ours.open(Owner::account("globex"), &sealed), changed, "it belongs to another"),
            (ring([&super::tests::key()]).open(ACME, &sealed), unknown, "another key"),
            (KeyRing::default().open(ACME, &sealed), unknown, "no key"),
        ];
        for (opened, error, why) in table {
            assert_eq!(opened.map(drop).unwrap_err(), error, "{why}");
        }
        let nothing = KeyRing::default().seal(ACME, &secret("s")).unwrap_err();
        assert_eq!(nothing, SecretError::NoKey);
        assert!(
            nothing
                .to_string()
                .contains("`svix-hooks secrets new-key` makes into secrets.keys")
        );
    }

    #[test]
    fn a_ring_is_rotated_by_a_new_key_in_front() {
        let (old, new) = (key(), key());
        let sealed = ring([&old]).seal(ACME, &secret("s")).unwrap();
        let both = ring([&new, &old]);
        assert!(!both.is_current(&sealed));
        let again = both.seal(ACME, &both.open(ACME, &sealed).unwrap()).unwrap();
        assert!(both.is_current(&again));
        assert_eq!(ring([&new]).open(ACME, &again).unwrap().expose_secret(), "s");
        assert!(!KeyRing::default().is_current(&again));
    }

    #[test]
    fn what_was_changed_or_cut_does_not_open() {
        let ring = ring([&key()]);
        let sealed = ring.seal(ACME, &secret("a secret")).unwrap();
        let bytes = sealed.as_bytes().to_vec();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(ring.open(ACME, &Sealed::from_bytes(changed)).is_err(), "byte {place}");
            let cut = Sealed::from_bytes(bytes[..place].to_vec());
            assert!(ring.open(ACME, &cut).is_err(), "cut at {place}");
        }
        assert_ne!(ring.seal(ACME, &secret("a secret")).unwrap(), sealed, "no two are alike");
    }

    #[test]
    fn what_an_earlier_version_sealed_opens() {
        let text = SecretString::from("AQEB".repeat(10) + "AQE=");
        let ring = ring([&MasterKey::parse(&text).unwrap()]);
        let mut bytes = vec![1, 0xaf, 0x12, 0x4a, 0x99, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        bytes.extend([
            0xc8, 0xcd, 0xca, 0x17, 0xcc, 0x79, 0x4d, 0x79, 0x1f, 0xd0, 0x64, 0x03, 0x59, 0x1a, 0xa8, 0xd6,
            0x3c, 0x9e, 0x79, 0xfe,
        ]);
        assert_eq!(
            ring.open(ACME, &Sealed::from_bytes(bytes))
                .unwrap()
                .expose_secret(),
            "sk_1"
        );
    }

    #[test]
    fn nothing_that_is_shown_has_a_secret_in_it() {
        let key = key();
        let ring = ring([&key]);
        let sealed = ring.seal(ACME, &secret("hidden")).unwrap();
        let opened = ring.open(ACME, &sealed);
        let shown = format!("{ring:?} {key:?} {sealed:?} {opened:?}");
        assert!(shown.contains(&key.id().to_string()), "{shown}");
        assert!(!shown.contains("hidden") && !shown.contains(key.text().expose_secret()), "{shown}");
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens(text in ".*", name in ".{0,40}") {
            let ring = ring([&key(), &key()]);
            let sealed = ring.seal(Owner::account(&name), &secret(&text)).unwrap();
            let stored = Sealed::from_bytes(sealed.as_bytes().to_vec());
            let opened = ring.open(Owner::account(&name), &stored).unwrap();
            prop_assert_eq!(opened.expose_secret(), text.as_str());
        }

        #[test]
        fn no_bytes_make_it_fail_otherwise_than_with_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(ring([&key()]).open(ACME, &Sealed::from_bytes(bytes)).is_err());
        }
    }
}
