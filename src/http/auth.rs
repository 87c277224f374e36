//! Who may do what: keys shown as `Authorization: Bearer`, compared by digest in constant time.

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::gateway::Gateway;
use super::problem::{Code, Problem};
pub use crate::config::Scope;

/// A key that callers may show.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// What it is called.
    pub name: String,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// What it may do.
    pub scopes: Vec<Scope>,
}

impl ApiKey {
    /// Admins may do everything, and who operates may look.
    fn allows(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|has| {
            *has == scope || *has == Scope::Admin || (*has == Scope::Operate && scope == Scope::Read)
        })
    }
}

/// Who makes a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    /// The name of the key that was shown, where keys are in use.
    pub(super) key: Option<String>,
}

/// Lets a request pass that shows a key with this scope. Without any keys, only this machine can
/// reach the service, and every request passes.
pub(super) fn require(request: &HttpRequest, gateway: &Gateway, scope: Scope) -> Result<Caller, Problem> {
    let intake = gateway.intake();
    if intake.keys.is_empty() {
        return Ok(Caller::default());
    }
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let shown = shown
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let digest: [u8; 32] = Sha256::digest(shown.map_or("", |(_, key)| key.trim()).as_bytes()).into();
    // Looks at every key, so that the time tells nothing about which one comes close.
    let found = intake.keys.iter().fold(None, |found, key| {
        if bool::from(key.digest.ct_eq(&digest)) {
            Some(key)
        } else {
            found
        }
    });
    match found {
        Some(key) if key.allows(scope) => Ok(Caller {
            key: Some(key.name.clone()),
        }),
        Some(_) => Err(Problem::new(Code::Forbidden, format!("this key lacks the scope {}", name(scope)))),
        None => Err(Problem::new(Code::Unauthorized, "show a key as `Authorization: Bearer <key>`")
            .header(WWW_AUTHENTICATE, "Bearer")),
    }
}

const fn name(scope: Scope) -> &'static str {
    match scope {
        Scope::Ingest => "ingest",
        Scope::Read => "read",
        Scope::Operate => "operate",
        Scope::Admin => "admin",
    }
}
