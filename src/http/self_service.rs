//! What a customer changes itself, with a key that is bound to it: what the settings that are there list in
//! `selfService`, and nothing else.

use serde_json::{Map, Value, json};

use super::auth::{self, Caller};
use super::document_bodies::{Document, refuse};
use super::gateway::Gateway;
use super::problem::{Code, Detail, Problem, shown};
use crate::domain::AccountName;
use crate::policy::{CustomerSettings, RetryBounds};
use crate::store::Setting;

/// What a customer may write of its own account.
const OF_ACCOUNT: [&str; 2] = ["serverUrl", "token"];

/// Makes sure that a patch names only what is the customer's own to change, as things are set.
pub(super) fn allow(set: &CustomerSettings, patch: &Document) -> Result<(), Problem> {
    let own: Vec<_> = set.self_service.iter().filter_map(|own| own.member()).collect();
    if own.is_empty() && patch.is_empty() {
        return Err(Problem::new(Code::Forbidden, "nothing of this is the customer's own to change"));
    }
    only(patch, &own)
}

/// The same in place of what is there, and that retries stay within their bounds. Settings that cannot be read
/// let nothing be changed.
pub(super) fn check(
    patch: &Document,
    document: &Document,
    there: Option<&Setting>,
    bounds: &RetryBounds,
) -> Result<(), Problem> {
    let before = there.and_then(|there| there.document.as_deref()).and_then(read);
    let before = before.unwrap_or_default();
    allow(&before, patch)?;
    let after = CustomerSettings::read(document).map_err(refuse)?;
    match after.retry.beyond(&before.retry, bounds) {
        faults if faults.is_empty() => Ok(()),
        faults => Err(refuse(faults)),
    }
}

/// Makes sure that an account is the own one of the caller's customer, where the caller's key is for one alone.
pub(super) fn own_account(gateway: &Gateway, caller: &Caller, name: &AccountName) -> Result<(), Problem> {
    let Some(customer) = &caller.customer else {
        return Ok(());
    };
    let is_operators = *name == gateway.intake().routing.account;
    match !is_operators && gateway.store.directory().is_own(name, customer) {
        true => Ok(()),
        false => Err(auth::closed()),
    }
}

/// Makes the patch of an account that its customer asks for; with `all`, what it does not name goes. What others
/// have set beside that stays.
pub(super) fn account_patch(mut asked: Document, all: bool) -> Result<Value, Problem> {
    only(&asked, &OF_ACCOUNT)?;
    if all {
        for name in OF_ACCOUNT {
            asked.entry(name).or_insert(json!(null));
        }
    }
    Ok(Value::Object(asked))
}

/// Refuses whatever a document names beside these members.
fn only(document: &Document, own: &[&str]) -> Result<(), Problem> {
    let foreign = document.keys().filter(|name| !own.contains(&name.as_str()));
    let errors: Vec<_> = foreign
        .take(16)
        .map(|name| Detail {
            code: "forbidden",
            pointer: format!("/{}", shown(name)),
            detail: "is not the customer's own to change".to_owned(),
        })
        .collect();
    if errors.is_empty() {
        return Ok(());
    }
    let words: Vec<_> = errors
        .iter()
        .map(|error| format!("{} {}", error.pointer, error.detail))
        .collect();
    Err(Problem::new(Code::Forbidden, words.join("; ")).with_errors(errors))
}

fn read(document: &str) -> Option<CustomerSettings> {
    let members: Map<String, Value> = serde_json::from_str(document).ok()?;
    CustomerSettings::read(&members).ok()
}
