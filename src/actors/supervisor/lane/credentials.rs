//! With which token a request goes out: that of the notification's first one as long as Svix takes it, because
//! under another token Svix does not know the notification's key again; else the present one.

use std::sync::Arc;

use crate::actors::messages::AccountSettings;
use crate::domain::CredentialId;
use crate::secrets::EARLIER_TOKENS;
use crate::svix::Account;

/// The tokens of one account.
#[derive(Debug)]
pub(super) struct Credentials {
    present: Arc<Account>,
    /// The latest first.
    earlier: Vec<Arc<Account>>,
}

impl Credentials {
    pub(super) fn new(settings: &AccountSettings) -> Self {
        let mut credentials = Self {
            present: settings.account.clone(),
            earlier: Vec::new(),
        };
        credentials.replace(settings);
        credentials
    }

    pub(super) fn present(&self) -> &Arc<Account> {
        &self.present
    }

    /// Returns the one for a notification whose first request went out with `first`.
    pub(super) fn for_retry_of(&self, first: Option<CredentialId>) -> &Arc<Account> {
        let same = |account: &&Arc<Account>| Some(account.credential()) == first;
        self.earlier.iter().find(same).unwrap_or(&self.present)
    }

    /// Takes note that Svix refused a token. Returns whether it was not the present one, so that nothing speaks
    /// against the account.
    pub(super) fn forget(&mut self, refused: Option<CredentialId>) -> bool {
        self.earlier
            .retain(|account| Some(account.credential()) != refused);
        refused.is_some_and(|refused| refused != self.present.credential())
    }

    /// Takes over what is set now. The token before stays for what it was used for, unless requests go elsewhere now.
    pub(super) fn replace(&mut self, settings: &AccountSettings) {
        let before = std::mem::replace(&mut self.present, settings.account.clone());
        let mut earlier = settings.earlier.clone();
        earlier.push(before);
        earlier.append(&mut self.earlier);
        self.earlier.clear();
        for account in earlier {
            let is_known = |known: &&Arc<Account>| known.credential() == account.credential();
            let is_news = !self
                .earlier
                .iter()
                .chain([&self.present])
                .any(|known| is_known(&known));
            if is_news && account.base_url() == self.present.base_url() && self.earlier.len() < EARLIER_TOKENS
            {
                self.earlier.push(account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::AccountName;
    use crate::policy::{GateRules, Pace, Share};

    fn account(token: &str, url: &str) -> Arc<Account> {
        let name = AccountName::new("default");
        Arc::new(Account::new(name, url.to_owned(), token.into(), Duration::from_secs(1)).unwrap())
    }

    fn settings(token: &str, url: &str, earlier: &[&str]) -> AccountSettings {
        AccountSettings {
            account: account(token, url),
            earlier: earlier.iter().map(|token| account(token, url)).collect(),
            pace: Pace::new(1.0, 2),
            share: Share::new(1.0, 2),
            gate: GateRules {
                circuit_threshold: 1,
                probe_interval: Duration::ZERO,
                max_probe_interval: Duration::ZERO,
                max_retry_after: Duration::ZERO,
            },
            default_application: None,
        }
    }

    fn used(credentials: &Credentials, first: &str) -> CredentialId {
        credentials
            .for_retry_of(Some(CredentialId::of(first)))
            .credential()
    }

    #[test]
    fn a_retry_keeps_its_token_until_svix_refuses_it() {
        let (old, new) = (CredentialId::of("old"), CredentialId::of("new"));
        let mut credentials = Credentials::new(&settings("old", "https://a", &[]));
        credentials.replace(&settings("new", "https://a", &[]));
        assert_eq!((used(&credentials, "old"), used(&credentials, "unknown")), (old, new));
        assert_eq!(credentials.for_retry_of(None).credential(), new, "what was never sent goes the new way");
        assert!(!credentials.forget(Some(new)), "this is the account's own trouble");
        assert!(credentials.forget(Some(old)));
        assert_eq!(used(&credentials, "old"), new);
        assert!(credentials.forget(Some(old)), "others that were under way with it follow");
        credentials.replace(&settings("new", "https://a", &["old"]));
        assert_eq!(used(&credentials, "old"), old, "the store remembers longer");
    }

    #[test]
    fn no_token_goes_to_another_server_and_few_are_remembered() {
        let mut credentials = Credentials::new(&settings("old", "https://a", &[]));
        credentials.replace(&settings("new", "https://b", &[]));
        assert_eq!(used(&credentials, "old"), CredentialId::of("new"));
        for token in ["1", "2", "3", "4", "4"] {
            credentials.replace(&settings(token, "https://b", &[]));
        }
        let kept: Vec<_> = ["1", "2", "3"]
            .iter()
            .map(|token| used(&credentials, token) == CredentialId::of(token))
            .collect();
        assert_eq!(kept, [false, true, true]);
    }
}
