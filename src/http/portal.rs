//! `/customers/{id}/portal-access`: tokens for the customer's own page, which live for a short time. Each is in one answer,
//! and then shown like any key.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, LOCATION};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use log::info;
use serde_json::json;

use super::auth::{self, Scope};
use super::gateway::Gateway;
use super::keys::KeyOut;
use super::problem::{Code, Problem, shown};
use super::{document_bodies, documents};
use crate::domain::{Customer, KeyText, Timestamp, portal_family, portal_name};
use crate::policy::{KeySettings, PortalRequest};
use crate::store::{
    Expected, Setting, SettingCause, SettingChange, SettingChanged, SettingKind, SettingQuery,
};

/// More than a customer may have at a time.
const LISTED: u32 = 250;

/// `GET /customers/{id}/portal-access`: the tokens that are good, in the order in which they were made.
pub(super) async fn list(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    auth::require(&request, &gateway, Scope::Read)?;
    let (any, now) = (portal_name(&named(&path)?), gateway.store.now());
    let family = portal_family(&any);
    let page = SettingQuery::Page(SettingKind::Portal, Some(family.to_owned()), LISTED);
    let found = gateway.store.settings(page).await?.into_iter();
    let good = found
        .take_while(|token| token.name.starts_with(family))
        .filter(|token| end(token).is_some_and(|end| end > now));
    let data: Vec<_> = good.map(KeyOut::stored).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// `POST /customers/{id}/portal-access`: makes a token, and shows it this once.
pub(super) async fn create(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::require(&request, &gateway, Scope::Operate)?;
    let customer = named(&path)?;
    let document = document_bodies::object_or_none(&request, payload, &gateway).await?;
    let asked = PortalRequest::read(&document).map_err(document_bodies::refuse)?;
    let (text, now) = (KeyText::generate(), gateway.store.now());
    let settings = KeySettings {
        grant: asked.grant(customer.clone(), now),
        hash: text.digest(),
    };
    let change = SettingChange {
        kind: SettingKind::Portal,
        name: portal_name(&customer),
        cause: SettingCause::Put,
        document: Some(json!(settings).to_string()),
        sealed: None,
        expected: Expected::PortalRoom,
        key: caller.key.clone(),
    };
    let token = match gateway.store.change_setting(change).await? {
        SettingChanged::Written { now, .. } => now,
        SettingChanged::Refused(Some(first)) => return Err(too_many(&customer, &first, now)),
        SettingChanged::Refused(None) | SettingChanged::Unchanged(_) => {
            return Err(Problem::new(Code::Internal, "the token was not stored"));
        }
    };
    let by = caller.key.as_deref();
    info!(customer:%, key = token.name.as_str(), by; "a portal token was made");
    documents::follow(&gateway).await;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/keys/{}", token.name)))
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({
            "token": text.expose(),
            "name": token.name,
            "customer": customer,
            "expiresAt": settings.grant.expires_at,
        })))
}

fn named(path: &str) -> Result<Customer, Problem> {
    let absent = |error| Problem::new(Code::NotFound, format!("{} {error}", shown(path)));
    Customer::parse(path).map_err(absent)
}

/// Returns when a token ends.
fn end(token: &Setting) -> Option<Timestamp> {
    let document = serde_json::from_str(token.document.as_deref()?).ok()?;
    KeySettings::read(&document).ok()?.grant.expires_at
}

/// Says when there is room again: when the first of those that are there ends.
fn too_many(customer: &Customer, first: &Setting, now: Timestamp) -> Problem {
    let wait = end(first).map_or(Duration::ZERO, |end| end.since(now));
    let seconds = u32::try_from(wait.as_secs())
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    let name = shown(customer.as_str());
    let detail = format!(
        "customer {name} has as many portal tokens as it may have; the first ends in {seconds} s, and each can be revoked"
    );
    Problem::new(Code::TooManyPortalTokens, detail).retry_after(seconds)
}
