//! Who may do what: keys shown as `Authorization: Bearer`, known again by their digests.
//!
//! A key may be bound to one customer. [`require`] lets no such key pass, so that what nobody has thought about is
//! closed to them; who knows what to do with one asks [`within`].

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use subtle::ConstantTimeEq;

use super::gateway::{Gateway, Intake};
use super::problem::{Code, Problem};
pub use crate::domain::Scope;
use crate::domain::{Customer, KeyDigest};
use crate::policy::KeyGrant;
use crate::store::KeySource;

/// A key of the configuration.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// What it is called.
    pub name: String,
    /// What it is known again by.
    pub digest: KeyDigest,
    /// What it may do; it is for all customers.
    pub scopes: Vec<Scope>,
}

/// Who makes a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    /// The name of the key that was shown, where keys are in use.
    pub(super) key: Option<String>,
    /// The one customer that the key is for; none where it is for all.
    pub(super) customer: Option<Customer>,
}

impl Caller {
    /// Tells whether it may know of what is this customer's.
    pub(super) fn sees(&self, customer: &Customer) -> bool {
        self.customer.as_ref().is_none_or(|own| own == customer)
    }

    /// The same of what may be about all customers.
    pub(super) fn sees_what_is_of(&self, customer: Option<&Customer>) -> bool {
        self.customer.is_none() || self.customer.as_ref() == customer
    }

    /// Narrows what is asked for to what it may know of. That others may be there is not told: whoever is named,
    /// the answer is the same.
    pub(super) fn narrow(&self, asked: &mut Option<Customer>) -> Result<(), Problem> {
        if asked.as_ref().is_some_and(|asked| !self.sees(asked)) {
            return Err(foreign());
        }
        if let Some(own) = &self.customer {
            *asked = Some(own.clone());
        }
        Ok(())
    }

    /// Returns the name of a key as far as it may know that: a bound one knows of itself.
    pub(super) fn shown(&self, key: Option<String>) -> Option<String> {
        key.filter(|key| self.customer.is_none() || self.key.as_ref() == Some(key))
    }
}

/// The refusal of what is another customer's than the key is for.
pub(super) fn foreign() -> Problem {
    Problem::new(Code::Forbidden, "this key is for one customer, and another one is named")
}

/// Lets a request pass that shows a key with this scope, and that is for all customers. Without any keys, only this
/// machine can reach the service, and every request passes; but a token for a customer's page stays what it is.
pub(super) fn require(request: &HttpRequest, gateway: &Gateway, scope: Scope) -> Result<Caller, Problem> {
    let caller = within(request, gateway, scope)?;
    if caller.customer.is_some() {
        return Err(closed());
    }
    Ok(caller)
}

/// The refusal of what is for no key of one customer.
pub(super) fn closed() -> Problem {
    Problem::new(Code::Forbidden, "this key is for one customer, and this is not")
}

/// The same for keys of one customer too. Whoever asks must keep the caller to what is that customer's.
pub(super) fn within(request: &HttpRequest, gateway: &Gateway, scope: Scope) -> Result<Caller, Problem> {
    either(request, gateway, scope, scope)
}

/// The same where a key that is for all customers needs one scope, and one that is `bound` another.
pub(super) fn either(
    request: &HttpRequest,
    gateway: &Gateway,
    scope: Scope,
    bound: Scope,
) -> Result<Caller, Problem> {
    let intake = gateway.intake();
    let shown = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let shown = shown
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let digest = KeyDigest::of(shown.map_or("", |(_, key)| key.trim()));
    let Some((name, grant, source)) = find(gateway, &intake, &digest) else {
        if is_open(gateway, &intake) {
            return Ok(Caller::default());
        }
        let detail = "show a key as `Authorization: Bearer <key>`";
        return Err(Problem::new(Code::Unauthorized, detail).header(WWW_AUTHENTICATE, "Bearer"));
    };
    if let Some(source) = source {
        gateway.store.note_key_use(&name, source);
    }
    let scope = if grant.customer.is_some() { bound } else { scope };
    if !grant.allows(scope) {
        return Err(Problem::new(Code::Forbidden, format!("this key lacks the scope {}", scope.as_str())));
    }
    Ok(Caller {
        key: Some(name),
        customer: grant.customer,
    })
}

/// Tells whether no keys are in use.
pub(super) fn is_open(gateway: &Gateway, intake: &Intake) -> bool {
    intake.keys.is_empty() && !gateway.store.directory().has_keys()
}

/// Finds the key that is shown, with its name: of the configuration, or of the store and still good. Where it is kept is
/// told of those whose uses are noted.
fn find(
    gateway: &Gateway,
    intake: &Intake,
    digest: &KeyDigest,
) -> Option<(String, KeyGrant, Option<KeySource>)> {
    // Looks at every key, so that the time tells nothing about which one comes close.
    let configured = intake.keys.iter().fold(None, |found, key| {
        let same = key.digest.as_bytes().ct_eq(digest.as_bytes());
        if bool::from(same) { Some(key) } else { found }
    });
    let directory = gateway.store.directory();
    let stored = directory.key(digest).map(|key| (key, Some(KeySource::Store)));
    let stored = stored.or_else(|| directory.portal(digest).map(|token| (token, None)));
    if let Some(ApiKey { name, scopes, .. }) = configured {
        let grant = KeyGrant {
            scopes: scopes.clone(),
            customer: None,
            expires_at: None,
        };
        return Some((name.clone(), grant, Some(KeySource::File)));
    }
    let now = gateway.store.now();
    let (good, source) =
        stored.filter(|(key, _)| key.grant.expires_at.is_none_or(|expires_at| now < expires_at))?;
    Some((good.name.clone(), good.grant.clone(), source))
}
