//! `/keys`: the keys that callers may show. The text of a key is in one answer, that to the request which makes it. Tokens for
//! the pages of customers are found and revoked here too, by their names, and not listed.

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use log::info;
use serde::Serialize;
use serde_json::json;

use super::auth::{self, ApiKey, Caller, Scope};
use super::gateway::Gateway;
use super::pages;
use super::problem::{Code, Problem, shown};
use super::{document_bodies, documents};
use crate::domain::{KeyText, Timestamp, fits_key_name, is_portal_name};
use crate::policy::{KeyGrant, KeyRequest, KeySettings, SettingFault};
use crate::store::{
    Expected, Setting, SettingCause, SettingChange, SettingChanged, SettingKind, SettingQuery,
};

/// A key as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyOut {
    name: String,
    /// Nothing where the key cannot be read, which opens nothing then.
    #[serde(flatten)]
    grant: Option<KeyGrant>,
    /// Whether the store or a file says so.
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    /// The key itself, where it has just been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl KeyOut {
    fn of_file(key: &ApiKey) -> Self {
        Self {
            name: key.name.clone(),
            grant: Some(KeyGrant {
                scopes: key.scopes.clone(),
                customer: None,
                expires_at: None,
            }),
            source: "file",
            created_at: None,
            by: None,
            last_used_at: None,
            key: None,
        }
    }

    pub(super) fn stored(setting: Setting) -> Self {
        let document = setting.document.as_deref().unwrap_or_default();
        let document = serde_json::from_str(document).unwrap_or_default();
        Self {
            name: setting.name,
            grant: KeySettings::read(&document).ok().map(|settings| settings.grant),
            source: "store",
            created_at: Some(setting.created_at),
            by: setting.key,
            last_used_at: None,
            key: None,
        }
    }
}

/// `GET /keys`: a page of them, in the order of their names.
pub(super) async fn list(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    auth::require(&request, &gateway, Scope::Admin)?;
    let pages::Asked { limit, after } = pages::Asked::read(&query, |value| {
        let name = fits_key_name(value).then(|| value.to_owned());
        name.ok_or_else(|| "is no cursor; take it from `nextCursor` of the page before".to_owned())
    })?;
    let stored = SettingQuery::Page(SettingKind::Key, after.clone(), limit);
    let stored = gateway.store.settings(stored).await?;
    let stored = stored
        .into_iter()
        .map(|setting| (setting.name.clone(), KeyOut::stored(setting)));
    let intake = gateway.intake();
    let of_files = intake
        .keys
        .iter()
        .map(|key| (key.name.clone(), KeyOut::of_file(key)));
    let (mut data, next) = pages::laid_over(stored.collect(), of_files, after.as_deref(), limit as usize);
    note_uses(&gateway, &mut data).await?;
    Ok(pages::respond(&data, next))
}

/// `POST /keys`: makes a key, and shows it this once.
pub(super) async fn create(
    request: HttpRequest,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::require(&request, &gateway, Scope::Admin)?;
    let document = document_bodies::object(&request, payload, &gateway).await?;
    let asked = KeyRequest::read(&document, gateway.store.now()).map_err(document_bodies::refuse)?;
    let intake = gateway.intake();
    if auth::is_open(&gateway, &intake) {
        check_first(&asked.grant)?;
    }
    if intake.keys.iter().any(|key| key.name == asked.name) {
        let detail = "the configuration has a key of this name; choose another name, or change it there";
        return Err(Problem::new(Code::SetByFile, detail));
    }
    let text = KeyText::generate();
    let settings = KeySettings {
        grant: asked.grant,
        hash: text.digest(),
    };
    let document = json!(settings).to_string();
    let change = change(&caller, asked.name, SettingCause::Put, Some(document), Expected::Absent);
    let setting = match gateway.store.change_setting(change).await? {
        SettingChanged::Written { now, .. } => now,
        SettingChanged::Unchanged(there) | SettingChanged::Refused(Some(there)) => {
            let detail = format!("there is a key {} already; a key is never changed", shown(&there.name));
            return Err(Problem::new(Code::KeyExists, detail));
        }
        SettingChanged::Refused(None) => return Err(Problem::new(Code::Internal, "the key was not stored")),
    };
    let by = caller.key.as_deref();
    info!(key:% = shown(&setting.name), by; "a key was made");
    documents::follow(&gateway).await;
    let location = format!("/keys/{}", path_segment(&setting.name));
    let made = KeyOut {
        key: Some(text.expose().to_owned()),
        ..KeyOut::stored(setting)
    };
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(made))
}

/// `GET /keys/{name}`.
pub(super) async fn find(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    auth::require(&request, &gateway, Scope::Admin)?;
    let intake = gateway.intake();
    let key = match intake.keys.iter().find(|key| key.name == *path) {
        Some(key) => KeyOut::of_file(key),
        None => {
            let name = named(&path)?;
            let found = match stored(&gateway, SettingKind::Key, &name).await? {
                None if is_portal_name(&name) => stored(&gateway, SettingKind::Portal, &name).await?,
                found => found,
            };
            KeyOut::stored(found.ok_or_else(|| absent(&path))?)
        }
    };
    let mut found = [key];
    note_uses(&gateway, &mut found).await?;
    let [key] = found;
    Ok(HttpResponse::Ok().json(key))
}

/// `DELETE /keys/{name}`: revokes it; whoever shows it from then on is refused.
pub(super) async fn revoke(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::require(&request, &gateway, Scope::Admin)?;
    if gateway.intake().keys.iter().any(|key| key.name == *path) {
        let detail = "the configuration has this key; take it out there";
        return Err(Problem::new(Code::SetByFile, detail));
    }
    let intake = gateway.intake();
    // An admin of the configuration can always make another.
    let expected = match intake.keys.iter().any(|key| key.scopes.contains(&Scope::Admin)) {
        true => Expected::Present,
        false => Expected::NotLastAdmin,
    };
    let gone = change(&caller, named(&path)?, SettingCause::Delete, None, expected);
    let mut changed = gateway.store.change_setting(gone.clone()).await?;
    if changed == SettingChanged::Refused(None) && is_portal_name(&path) {
        let gone = SettingChange {
            kind: SettingKind::Portal,
            expected: Expected::Present,
            ..gone
        };
        changed = gateway.store.change_setting(gone).await?;
    }
    match changed {
        SettingChanged::Written { .. } => {}
        SettingChanged::Refused(Some(_)) => {
            let detail = "this is the last key with the scope admin; make another one first, or nobody could make \
                          or revoke keys any more";
            return Err(Problem::new(Code::LastAdminKey, detail));
        }
        SettingChanged::Unchanged(_) | SettingChanged::Refused(None) => return Err(absent(&path)),
    }
    let by = caller.key.as_deref();
    info!(key:% = shown(&path), by; "a key was revoked");
    documents::follow(&gateway).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Makes sure that the first key can make others, now and later: from then on nobody gets in without one.
fn check_first(grant: &KeyGrant) -> Result<(), Problem> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, detail: &str| {
        faults.push(SettingFault {
            pointer: pointer.to_owned(),
            detail: detail.to_owned(),
        });
    };
    if !grant.allows(Scope::Admin) {
        let detail = "must have admin: from the first key on nobody gets in without one, and no other key could be made";
        fault("/scopes", detail);
    }
    if grant.expires_at.is_some() {
        let detail = "cannot be set for the first key: when it is over, no other key could be made";
        fault("/expiresAt", detail);
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(document_bodies::refuse(faults)),
    }
}

fn change(
    caller: &Caller,
    name: String,
    cause: SettingCause,
    document: Option<String>,
    expected: Expected,
) -> SettingChange {
    SettingChange {
        kind: SettingKind::Key,
        name,
        cause,
        expected,
        document,
        sealed: None,
        key: caller.key.clone(),
    }
}

async fn stored(gateway: &Gateway, kind: SettingKind, name: &str) -> Result<Option<Setting>, Problem> {
    let which = SettingQuery::One(kind, name.to_owned());
    let found = gateway.store.settings(which).await?.pop();
    Ok(found.filter(|setting| setting.document.is_some()))
}

/// Reads a path's name. One that no key can have is not asked for: the store need not take it.
fn named(path: &str) -> Result<String, Problem> {
    let name = fits_key_name(path).then(|| path.to_owned());
    name.ok_or_else(|| absent(path))
}

fn absent(name: &str) -> Problem {
    Problem::new(Code::NotFound, format!("there is no key {}", shown(name)))
}

/// Adds when the keys were last used. What is older than a key is of one that had its name before.
async fn note_uses(gateway: &Gateway, keys: &mut [KeyOut]) -> Result<(), Problem> {
    let names = keys.iter().map(|key| key.name.clone()).collect();
    let uses = gateway.store.key_uses(names).await?;
    for key in keys {
        let used = uses.get(&key.name).copied();
        key.last_used_at = used.filter(|used| key.created_at.is_none_or(|created| *used >= created));
    }
    Ok(())
}

/// Writes a name as a part of a path.
fn path_segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let written = name.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    written.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_can_stand_in_a_path() {
        assert_eq!(path_segment("ci-2.x_~"), "ci-2.x_~");
        assert_eq!(path_segment("a/b ?Ä"), "a%2Fb%20%3F%C3%84");
    }
}
