//! How accounts at Svix beside the operator's own become usable: from what is set for them and their sealed tokens.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::messages::AccountSettings;
use crate::domain::AccountName;
use crate::policy::{GateRules, Pace, Share, SvixAccount, base_url};
use crate::secrets::{KeyRing, SecretError};
use crate::store::KnownAccount;
use crate::svix::{Account, AccountError};

/// What such accounts are made with: the keys to their tokens, and what holds where nothing else is set.
#[derive(Clone, Debug)]
pub struct OwnAccounts {
    /// Opens and seals tokens.
    pub ring: Arc<KeyRing>,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// Requests per second.
    pub requests_per_second: f64,
    /// Requests that may go out at once after a pause.
    pub burst: u32,
    /// When accounts are held back.
    pub gate: GateRules,
}

/// Why an account cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OwnAccountError {
    /// Its tokens do not open.
    #[error("its tokens cannot be opened")]
    Secret(#[from] SecretError),
    /// Its token cannot be sent.
    #[error("its token cannot be used")]
    Token(#[from] AccountError),
}

impl OwnAccounts {
    /// Makes an account of what is known of it.
    ///
    /// # Errors
    /// When its token cannot be opened or sent.
    pub(super) fn settings(
        &self,
        name: &AccountName,
        known: &KnownAccount,
    ) -> Result<AccountSettings, OwnAccountError> {
        let tokens = known.tokens(name.as_str(), &self.ring)?;
        let make = |token| self.account(name, &known.settings, token).map(Arc::new);
        let rate = known
            .settings
            .requests_per_second
            .unwrap_or(self.requests_per_second);
        let burst = known.settings.burst.unwrap_or(self.burst);
        Ok(AccountSettings {
            account: make(tokens.present)?,
            earlier: tokens.earlier.into_iter().map(make).collect::<Result<_, _>>()?,
            pace: Pace::new(rate, burst),
            share: Share::new(rate, burst),
            gate: self.gate,
            default_application: None,
        })
    }

    /// Makes the credential of an account with this token.
    ///
    /// # Errors
    /// When the token cannot be sent.
    pub fn account(
        &self,
        name: &AccountName,
        settings: &SvixAccount,
        token: SecretString,
    ) -> Result<Account, AccountError> {
        let base_url = base_url(settings.server_url.as_deref(), token.expose_secret());
        let own = settings.request_timeout_ms.map(Duration::from_millis);
        let account = Account::new(name.clone(), base_url, token, own.unwrap_or(self.request_timeout))?;
        // Whoever wrote the URL is not to reach what only this service can.
        Ok(account.guarded())
    }
}
