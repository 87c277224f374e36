//! `/customers`: what is set for customers.

use std::collections::BTreeMap;

use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::auth::{self, Scope};
use super::documents::{Document, DocumentOut, Place};
use super::gateway::Gateway;
use super::parameters::{self, Faults};
use super::problem::{Code, Problem, shown};
use crate::domain::Customer;
use crate::policy::{CustomerSettings, SettingFault};
use crate::store::{Expected, SettingKind, SettingQuery};

/// How many a page has where the query does not say, and at most.
const LIMIT: (u32, u32) = (50, 250);

/// `GET /customers`: a page of them, in the order of their names.
pub(super) async fn list(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    auth::require(&request, &gateway, Scope::Read)?;
    let (mut limit, mut after) = (LIMIT.0, None);
    Faults::of(&query, |name, value| match name {
        "limit" => parameters::number(value, 1, LIMIT.1).map(|number| limit = number),
        "cursor" => match Customer::parse(value) {
            Ok(customer) => {
                after = Some(customer);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        },
        _ => Err("is not known here; known are limit and cursor".to_owned()),
    })
    .refuse()?;
    let last = after.as_ref().map(|after| after.as_str().to_owned());
    let stored = SettingQuery::Page(SettingKind::Customer, last, limit);
    let stored = gateway.store.settings(stored).await?;
    let full = stored.len() == limit as usize;
    let mut all: BTreeMap<String, DocumentOut> = stored
        .into_iter()
        .map(|setting| (setting.name.clone(), DocumentOut::stored(setting)))
        .collect();
    let last = all.keys().next_back().cloned().filter(|_| full);
    for (customer, known) in gateway.store.directory().of_files() {
        let in_page = after.as_ref().is_none_or(|after| customer > *after)
            && last.as_deref().is_none_or(|last| customer.as_str() <= last);
        if in_page {
            all.insert(customer.as_str().to_owned(), of_file(&customer, &known.settings));
        }
    }
    let more = full || all.len() > limit as usize;
    let data: Vec<DocumentOut> = all.into_values().take(limit as usize).collect();
    let mut page = json!({ "data": data });
    if let (true, Some(last)) = (more, data.last()) {
        page["nextCursor"] = json!(last.id);
    }
    Ok(HttpResponse::Ok().json(page))
}

/// `GET /customers/{id}`.
pub(super) async fn find(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::read(&request, &gateway, &path, Scope::Read)?;
    let directory = gateway.store.directory();
    match directory
        .customer(&customer.name)
        .filter(|_| directory.is_of_file(&customer.name))
    {
        Some(known) => Ok(of_file(&customer.name, &known.settings).respond(false)),
        None => Ok(DocumentOut::stored(customer.place().find().await?).respond(false)),
    }
}

/// `PUT /customers/{id}`: sets everything.
pub(super) async fn put(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_write(&request, &gateway, &path, Scope::Admin)?;
    customer.place().put(&request, payload).await
}

/// `PATCH /customers/{id}`: sets what the merge patch names.
pub(super) async fn patch(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_write(&request, &gateway, &path, Scope::Admin)?;
    customer.place().patch(&request, payload).await
}

/// `DELETE /customers/{id}`: from then on it is as if nothing had been set.
pub(super) async fn delete(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_write(&request, &gateway, &path, Scope::Admin)?;
    customer.place().delete(&request).await
}

/// `GET /customers/{id}/versions`.
pub(super) async fn versions(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::read(&request, &gateway, &path, Scope::Read)?;
    customer.place().versions().await
}

/// `POST /customers/{id}/rollback`.
pub(super) async fn roll_back(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_write(&request, &gateway, &path, Scope::Admin)?;
    customer.place().roll_back(&request, payload).await
}

/// `POST /customers/{id}/pause`: nothing of it goes out for now.
pub(super) async fn pause(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    set_paused(&request, &path, &gateway, true).await
}

/// `POST /customers/{id}/resume`.
pub(super) async fn resume(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    set_paused(&request, &path, &gateway, false).await
}

async fn set_paused(
    request: &HttpRequest,
    path: &str,
    gateway: &Gateway,
    paused: bool,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_write(request, gateway, path, Scope::Operate)?;
    // In trouble nobody should have to register a customer first.
    customer
        .place()
        .apply(&json!({ "paused": paused }), Expected::Anything, paused)
        .await
}

/// A customer that a request names, and who asks.
struct Named<'a> {
    gateway: &'a Gateway,
    name: Customer,
    caller: auth::Caller,
}

impl<'a> Named<'a> {
    fn read(request: &HttpRequest, gateway: &'a Gateway, path: &str, scope: Scope) -> Result<Self, Problem> {
        let caller = auth::require(request, gateway, scope)?;
        let name = Customer::parse(path)
            .map_err(|error| Problem::new(Code::NotFound, format!("{} {error}", shown(path))))?;
        Ok(Self {
            gateway,
            name,
            caller,
        })
    }

    /// The same where it is not a file that says what is set.
    fn to_write(
        request: &HttpRequest,
        gateway: &'a Gateway,
        path: &str,
        scope: Scope,
    ) -> Result<Self, Problem> {
        let named = Self::read(request, gateway, path, scope)?;
        if gateway.store.directory().is_of_file(&named.name) {
            let detail = "a configuration file says what is set here; change it there";
            return Err(Problem::new(Code::SetByFile, detail));
        }
        Ok(named)
    }

    fn place(&self) -> Place<'_> {
        Place {
            gateway: self.gateway,
            kind: SettingKind::Customer,
            name: self.name.as_str(),
            caller: self.caller.clone(),
            check,
        }
    }
}

fn check(document: &Document) -> Result<Value, Vec<SettingFault>> {
    CustomerSettings::check(document).map(|settings| json!(settings))
}

fn of_file(customer: &Customer, settings: &CustomerSettings) -> DocumentOut {
    DocumentOut {
        id: customer.as_str().to_owned(),
        version: 0,
        created_at: None,
        changed_at: None,
        by: None,
        source: "file",
        settings: json!(settings),
    }
}
