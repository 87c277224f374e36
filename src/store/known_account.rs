//! What is known of an account at Svix beside the operator's own.

use serde_json::{Map, Value};

use super::settings::Setting;
use crate::policy::SvixAccount;
use crate::secrets::{KeyRing, Owner, Sealed, SecretError, Tokens};

/// What is set for an account, and its tokens, sealed.
#[derive(Debug)]
pub struct KnownAccount {
    /// What is set.
    pub settings: SvixAccount,
    /// Which version this is.
    pub version: i64,
    sealed: Sealed,
}

impl KnownAccount {
    /// Reads what the store has. Says what is wrong where it cannot be used.
    ///
    /// # Errors
    /// When it is not an account's, or deleted, or was written by a later version of this service.
    pub fn of(setting: &Setting) -> Result<Self, String> {
        let document = setting.document.as_deref().ok_or("it was deleted")?;
        let members: Map<String, Value> =
            serde_json::from_str(document).map_err(|error| error.to_string())?;
        let settings = SvixAccount::read(&members).map_err(|faults| {
            let faults: Vec<_> = faults
                .iter()
                .map(|fault| format!("{} {}", fault.pointer, fault.detail))
                .collect();
            faults.join("; ")
        })?;
        let sealed = setting.sealed.clone().ok_or("it has no token")?;
        Ok(Self {
            settings,
            version: setting.version,
            sealed: Sealed::from_bytes(sealed),
        })
    }

    /// Opens its tokens.
    ///
    /// # Errors
    /// When they were sealed under a key that the ring does not have, or for another account.
    pub fn tokens(&self, name: &str, ring: &KeyRing) -> Result<Tokens, SecretError> {
        Tokens::read(&ring.open(Owner::account(name), &self.sealed)?)
    }
}
