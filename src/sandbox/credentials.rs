//! Which tokens the sandbox takes.

use std::sync::{PoisonError, RwLock};

/// The accepted token; may be changed while requests come in.
#[derive(Debug)]
pub(super) struct Credentials {
    accepted: RwLock<Accepted>,
}

#[derive(Debug)]
struct Accepted {
    token: String,
    any: bool,
}

impl Credentials {
    /// Accepts this token, or any where `any` is set.
    pub(super) fn new(token: String, any: bool) -> Self {
        Self {
            accepted: RwLock::new(Accepted { token, any }),
        }
    }

    /// Accepts this token from now on in place of the one before.
    pub(super) fn set_token(&self, token: &str) {
        let mut accepted = self.accepted.write().unwrap_or_else(PoisonError::into_inner);
        token.clone_into(&mut accepted.token);
    }

    /// Accepts every bearer token from now on, or no longer does.
    pub(super) fn set_any(&self, any: bool) {
        self.accepted.write().unwrap_or_else(PoisonError::into_inner).any = any;
    }

    /// Tells whether the value of an `Authorization` header carries an accepted token.
    pub(super) fn accept(&self, authorization: Option<&str>) -> bool {
        let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
            return false;
        };
        let accepted = self.accepted.read().unwrap_or_else(PoisonError::into_inner);
        accepted.any || accepted.token == token
    }
}
