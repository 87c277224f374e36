//! Texts of which the empty one is unset, and secrets, which are never shown.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serializer};

/// Reads a text, of which the empty one is unset.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(|text| Some(text).filter(|text| !text.is_empty()))
}

/// Reads a secret, of which the empty one is unset.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(text(deserializer)?.map(SecretString::from))
}

/// Writes whether there is a secret, and never the secret.
pub(super) fn redacted<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.as_ref().map_or("", |_| "[redacted]"))
}
