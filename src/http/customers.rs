//! `/customers`: what is set for customers.

use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::auth::{self, Scope};
use super::document_shapes::DocumentOut;
use super::documents::{self, Checked, Document, Place};
use super::gateway::Gateway;
use super::pages;
use super::problem::{Code, Problem, shown};
use crate::domain::{AccountName, Customer};
use crate::policy::{CustomerSettings, SettingFault};
use crate::store::{Expected, SettingKind, SettingQuery};

/// What is said of a customer of whom nothing can be read.
const HELD: &str = "what is set cannot be read here, and nothing is known from before; nothing of the customer goes out, and what it posts is refused";

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

/// `PATCH /customers/{id}`: sets what the merge patch names.
pub(super) async fn patch(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let customer = Named::to_write(&request, &gateway, &path, Scope::Admin)?;
    Ok(customer.place().patch(&request, payload).await?.respond())
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

/// A customer that a request names, and who asks.
struct Named<'a> {
    gateway: &'a Gateway,
    name: Customer,
    caller: auth::Caller,
}

impl<'a> Named<'a> {
    /// Reads what is asked for by anybody who may look.
    fn to_read(request: &HttpRequest, gateway: &'a Gateway, path: &str) -> Result<Self, Problem> {
        Self::of(auth::within(request, gateway, Scope::Read)?, gateway, path)
    }

    fn of(caller: auth::Caller, gateway: &'a Gateway, path: &str) -> Result<Self, Problem> {
        let name = Customer::parse(path)
            .map_err(|error| Problem::new(Code::NotFound, format!("{} {error}", shown(path))))?;
        Ok(Self {
            gateway,
            name,
            caller,
        })
    }

    /// Reads what is to be changed, by those who may and where it is not a file that says what is set.
    fn to_write(
        request: &HttpRequest,
        gateway: &'a Gateway,
        path: &str,
        scope: Scope,
    ) -> Result<Self, Problem> {
        let named = Self::of(auth::require(request, gateway, scope)?, gateway, path)?;
        if gateway.store.directory().is_of_file(&named.name) {
            let detail = "a configuration file says what is set here; change it there";
            return Err(Problem::new(Code::SetByFile, detail));
        }
        Ok(named)
    }

    /// Finds what is set, where the caller may know that.
    async fn find(&self) -> Result<DocumentOut, Problem> {
        let (place, directory) = (self.seen()?, self.gateway.store.directory());
        let known = directory.customer(&self.name);
        let failures = known.as_ref().and_then(|known| known.filter_failures());
        let held = known.as_ref().is_some_and(|known| known.is_held());
        let found = match known.filter(|_| directory.is_of_file(&self.name)) {
            Some(known) => of_file(&self.name, &known.settings),
            None => DocumentOut::stored(place.find().await?),
        };
        Ok(DocumentOut {
            by: self.caller.shown(found.by),
            filter_failures: failures.map(Into::into),
            held: held.then_some(HELD),
            ..found
        })
    }

    /// Its place, where the caller may know of it; else it is as if nothing were there.
    fn seen(&self) -> Result<Place<'_>, Problem> {
        let place = self.place();
        match self.caller.sees(&self.name) {
            true => Ok(place),
            false => Err(place.absent()),
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            gateway: self.gateway,
            kind: SettingKind::Customer,
            name: self.name.as_str(),
            caller: self.caller.clone(),
            check: Box::new(|document, _| check(self.gateway, document)),
        }
    }
}

fn check(gateway: &Gateway, document: &Document) -> Result<Checked, Problem> {
    let settings = CustomerSettings::check(document).map_err(documents::refuse)?;
    if let Some(name) = settings.account.as_deref() {
        let account = AccountName::new(name);
        if account != gateway.intake().routing.account
            && gateway.store.directory().account(&account).is_none()
        {
            return Err(documents::refuse(vec![SettingFault {
                pointer: "/account".to_owned(),
                detail: format!(
                    "{} is no account that is set; it can be made with PUT /accounts/{name}",
                    shown(name)
                ),
            }]));
        }
    }
    Ok(Checked {
        document: json!(settings),
        sealed: None,
    })
}

fn of_file(customer: &Customer, settings: &CustomerSettings) -> DocumentOut {
    DocumentOut::of_file(customer.as_str().to_owned(), json!(settings))
}
