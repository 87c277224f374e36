//! The tokens of one account, sealed together as one secret.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::SecretError;

/// Tokens that are kept beside the present one.
pub const EARLIER_TOKENS: usize = 2;

/// The tokens of one account.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The one that is used.
    pub present: SecretString,
    /// Those before it, for what was first sent with them; the latest first.
    pub earlier: Vec<SecretString>,
}

/// The form in which they are sealed.
#[derive(Deserialize, Serialize)]
struct Written<T> {
    token: T,
    earlier: Vec<T>,
}

impl Tokens {
    /// Takes the first token of an account.
    pub fn new(present: SecretString) -> Self {
        Self {
            present,
            earlier: Vec::new(),
        }
    }

    /// Puts a token in place of the present one, which stays beside it.
    #[must_use]
    pub fn replaced_by(self, token: SecretString) -> Self {
        let Self { present, mut earlier } = self;
        if present.expose_secret() == token.expose_secret() {
            return Self { present, earlier };
        }
        earlier.insert(0, present);
        earlier.retain(|old| old.expose_secret() != token.expose_secret());
        earlier.truncate(EARLIER_TOKENS);
        Self {
            present: token,
            earlier,
        }
    }

    /// Writes them as the one secret that is sealed.
    pub fn to_secret(&self) -> SecretString {
        let written = Written {
            token: self.present.expose_secret(),
            earlier: self.earlier.iter().map(ExposeSecret::expose_secret).collect(),
        };
        // Texts can always be written.
        SecretString::from(serde_json::to_string(&written).unwrap_or_default())
    }

    /// Reads what [`Self::to_secret`] wrote.
    ///
    /// # Errors
    /// When it did not.
    pub fn read(secret: &SecretString) -> Result<Self, SecretError> {
        let written: Written<String> =
            serde_json::from_str(secret.expose_secret()).map_err(|_| SecretError::Broken)?;
        Ok(Self {
            present: written.token.into(),
            earlier: written.earlier.into_iter().map(SecretString::from).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tokens: &Tokens) -> Vec<&str> {
        [&tokens.present]
            .into_iter()
            .chain(&tokens.earlier)
            .map(ExposeSecret::expose_secret)
            .collect()
    }

    #[test]
    fn a_few_earlier_tokens_stay_beside_the_present_one() {
        let mut tokens = Tokens::new("a".into());
        for (token, right) in [
            ("a", vec!["a"]),
            ("b", vec!["b", "a"]),
            ("a", vec!["a", "b"]),
            ("c", vec!["c", "a", "b"]),
            ("d\"\\", vec!["d\"\\", "c", "a"]),
        ] {
            tokens = tokens.replaced_by(token.into());
            assert_eq!(texts(&tokens), right);
            tokens = Tokens::read(&tokens.to_secret()).unwrap();
            assert_eq!(texts(&tokens), right, "written and read");
        }
        assert!(!format!("{tokens:?}").contains('\\'), "{tokens:?}");
        for broken in ["", "sk_1", "{}", r#"{"token":1,"earlier":[]}"#] {
            assert!(Tokens::read(&broken.into()).is_err(), "{broken}");
        }
    }
}
