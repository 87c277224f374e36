//! A Svix credential, ready for use.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderValue, InvalidHeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::budget::Share;
use super::origin::Origin;
use crate::domain::{AccountName, CredentialId};

/// How much of a token, in bytes, may stand at the end of a text that was cut.
const PIECE: usize = 4;

/// A Svix credential: where requests go and what they carry.
#[derive(Clone)]
pub struct Account {
    /// Its name in logs and look-ups.
    pub name: AccountName,
    /// How long one request may take, from the connection to the answer.
    pub request_timeout: Duration,
    base_url: String,
    /// `None` where no request can go there.
    origin: Option<Arc<Origin>>,
    token: SecretString,
    credential: CredentialId,
    authorization: HeaderValue,
    guarded: bool,
    share: Share,
}

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// It has characters that no HTTP header may have.
    #[error("the token of account {name} has characters that no HTTP header may have")]
    Token {
        /// Whose token it is.
        name: AccountName,
        /// What is wrong with it, without the token.
        #[source]
        source: InvalidHeaderValue,
    },
}

impl Account {
    /// Makes an account whose requests go below `base_url`, which has no slash at its end.
    ///
    /// # Errors
    /// When the token has characters that no HTTP header may have.
    pub fn new(
        name: AccountName,
        base_url: String,
        token: SecretString,
        request_timeout: Duration,
    ) -> Result<Self, AccountError> {
        let authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
        let mut authorization = authorization.map_err(|source| AccountError::Token {
            name: name.clone(),
            source,
        })?;
        authorization.set_sensitive(true);
        Ok(Self {
            name,
            request_timeout,
            origin: Origin::parse(&base_url).map(Arc::new),
            base_url,
            credential: CredentialId::of(token.expose_secret()),
            token,
            authorization,
            guarded: false,
            share: Share::default(),
        })
    }

    /// Returns it as one whose address somebody has written over HTTP: its requests go only where the client's
    /// networks allow.
    #[must_use]
    pub fn guarded(self) -> Self {
        Self {
            guarded: true,
            ..self
        }
    }

    /// Tells whether its requests go only where the client's networks allow.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.guarded
    }

    /// Returns where requests go, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns which token its requests carry.
    #[must_use]
    pub fn credential(&self) -> CredentialId {
        self.credential
    }

    /// Tells whether requests by this account are the same requests as by `other`, so that Svix
    /// knows what the other sent.
    #[must_use]
    pub fn speaks_as(&self, other: &Self) -> bool {
        self.base_url == other.base_url && self.token.expose_secret() == other.token.expose_secret()
    }

    /// Returns the region that the token names.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        crate::policy::region(self.token.expose_secret())
    }

    pub(super) fn origin(&self) -> Option<&Arc<Origin>> {
        self.origin.as_ref()
    }

    /// Returns its part of the memory for long answers.
    pub(super) fn share(&self) -> &Share {
        &self.share
    }

    pub(super) fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// Leaves out what a cut has left of the token at the end of a text.
    pub(super) fn without_piece<'a>(&self, text: &'a str) -> &'a str {
        let token = self.token.expose_secret();
        let pieces = (PIECE..token.len())
            .rev()
            .filter_map(|length| token.get(..length));
        pieces
            .filter_map(|piece| text.strip_suffix(piece))
            .next()
            .unwrap_or(text)
    }

    /// Takes the token out of a text that came from outside.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(self.token.expose_secret(), "[token]")
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}
