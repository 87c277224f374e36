//! `/customers`: what is set for customers.

use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::auth::{self, Scope};
use super::document_shapes::DocumentOut;
use super::gateway::Gateway;
use super::one_customer::{Named, of_file};
use super::problem::{Code, Problem};
use super::{documents, moves, pages};
use crate::domain::Customer;
use crate::store::{Expected, SettingKind, SettingQuery};

/// `GET /customers`: a page of them, in the order of their names.
pub(super) async fn list(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::within(&request, &gateway, Scope::Read)?;
    let pages::Asked { limit, after } =
        pages::Asked::read(&query, |value| Customer::parse(value).map_err(|error| error.to_string()))?;
    if let Some(name) = caller.customer.clone() {
        return own(&gateway, name, caller, after.as_ref()).await;
    }
    let last = after.as_ref().map(|after| after.as_str().to_owned());
    let stored = SettingQuery::Page(SettingKind::Customer, last, limit);
    let stored = gateway.store.settings(stored).await?;
    let stored = stored
        .into_iter()
        .map(|setting| (setting.name.clone(), DocumentOut::stored(setting)));
    let of_files = gateway.store.directory().of_files();
    let of_files = of_files
        .into_iter()
        .map(|(customer, known)| (customer.as_str().to_owned(), of_file(&customer, &known.settings)));
    let after = after.as_ref().map(Customer::as_str);
    let (data, next) = pages::laid_over(stored.collect(), of_files, after, limit as usize);
    Ok(pages::respond(&data, next))
}

/// The same for a key of one customer: that one alone, where anything is set for it.
async fn own(
    gateway: &Gateway,
    name: Customer,
    caller: auth::Caller,
    after: Option<&Customer>,
) -> Result<HttpResponse, Problem> {
    let mut data = Vec::new();
    if after.is_none_or(|after| name > *after) {
        let own = Named {
            gateway,
            name,
            caller,
        };
        match own.find().await {
            Ok(found) => data.push(found),
            Err(problem) if problem.is(Code::NotFound) => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(pages::respond(&data, None))
}

/// `GET /customers/{id}`.
pub(super) async fn find(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_read(&request, &gateway, &path)?;
    Ok(customer.find().await?.respond(false))
}

/// `PUT /customers/{id}`: sets everything.
pub(super) async fn put(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_write(&request, &gateway, &path, Scope::Admin)?;
    Ok(customer.place().put(&request, payload).await?.respond())
}

/// `PATCH /customers/{id}`: sets what the merge patch names. A customer may change some of that itself.
pub(super) async fn patch(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::either(&request, &gateway, Scope::Admin, Scope::Operate)?;
    if let Some(own) = caller.customer.clone() {
        if own.as_str() != *path {
            return Err(auth::closed());
        }
        let customer = Named {
            gateway: &gateway,
            name: own,
            caller,
        };
        return customer.patch_own(&request, payload).await;
    }
    let customer = Named::of(caller, &gateway, &path)?;
    customer.stored()?;
    Ok(customer.place().patch(&request, payload).await?.respond())
}

/// `DELETE /customers/{id}`: from then on it is as if nothing had been set.
pub(super) async fn delete(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_write(&request, &gateway, &path, Scope::Admin)?;
    documents::follow(&gateway).await;
    moves::refuse(&gateway, &customer.moves(None)).await?;
    customer.place().delete(&request).await
}

/// `GET /customers/{id}/versions`.
pub(super) async fn versions(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_read(&request, &gateway, &path)?;
    customer.seen()?.versions().await
}

/// `POST /customers/{id}/rollback`.
pub(super) async fn roll_back(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_write(&request, &gateway, &path, Scope::Admin)?;
    Ok(customer.place().roll_back(&request, payload).await?.respond())
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
    // In trouble nobody should have to register a customer first. But where unknown ones are refused, setting
    // anything is what makes one known; that is not an operator's business.
    let create = paused && gateway.intake().routing.knows(&customer.name);
    let patch = json!({ "paused": paused });
    let place = customer.place();
    Ok(place.apply(&patch, Expected::Anything, create).await?.respond())
}
