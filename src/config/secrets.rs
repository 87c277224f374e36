//! The master keys under which secrets are sealed at rest.

use secrecy::SecretString;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::secrets::{KeyRing, KeyRingError, MasterKey};

/// Under what secrets are sealed at rest.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// The master keys; the first seals, all open. Default none.
    #[serde(deserialize_with = "keys", serialize_with = "ids")]
    pub keys: Vec<MasterKey>,
}

impl Secrets {
    /// Returns the keys as what seals and opens.
    ///
    /// # Errors
    /// When a key is there twice.
    pub fn ring(&self) -> Result<KeyRing, KeyRingError> {
        KeyRing::new(self.keys.clone())
    }
}

/// Reads keys, of which no error shows anything.
fn keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<MasterKey>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let read = |text: String| MasterKey::parse(&SecretString::from(text)).map_err(D::Error::custom);
    texts.into_iter().map(read).collect()
}

/// Writes the ids of keys, and never a key.
fn ids<S: Serializer>(keys: &[MasterKey], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(keys.iter().map(|key| key.id().to_string()))
}
