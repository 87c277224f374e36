//! Names of customers and accounts: bounded, printable, cheap to copy.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

/// The longest customer name, in bytes.
const CUSTOMER_MAX: usize = 128;

/// Whose webhooks a notification feeds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Customer(Arc<str>);

/// Why a text cannot name a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CustomerError {
    /// The text has no characters.
    #[error("is empty")]
    Empty,
    /// The text is longer than a name may be.
    #[error("is longer than {CUSTOMER_MAX} bytes")]
    TooLong,
    /// The text has a control character, which would garble logs and tables.
    #[error("has a control character")]
    Control,
}

impl Customer {
    /// Checks a text and makes a customer's name of it.
    ///
    /// # Errors
    /// When it is empty, longer than 128 bytes, or has a control character.
    pub fn parse(text: &str) -> Result<Self, CustomerError> {
        if text.is_empty() {
            return Err(CustomerError::Empty);
        }
        if text.len() > CUSTOMER_MAX {
            return Err(CustomerError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(CustomerError::Control);
        }
        Ok(Self(text.into()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Customer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl Borrow<str> for Customer {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Customer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Customer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Names a Svix credential: token, server URL and rate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// Makes a name of a text from the configuration or the store.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_printable() {
        let long = "x".repeat(CUSTOMER_MAX + 1);
        let table = [
            ("acme", None, "an ordinary name"),
            ("Äpfel & Söhne", None, "letters of any script"),
            ("", Some(CustomerError::Empty), "nothing to route by"),
            (long.as_str(), Some(CustomerError::TooLong), "unbounded labels"),
            ("a\nb", Some(CustomerError::Control), "would forge a log line"),
        ];
        for (text, error, why) in table {
            assert_eq!(Customer::parse(text).err(), error, "{why}");
        }
    }
}
