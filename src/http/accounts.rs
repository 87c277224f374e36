//! `/accounts`: accounts at Svix beside the operator's own. Of a token only its end is ever shown. A customer may write
//! one of its own.

use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::auth::{self, Scope};
use super::document_shapes::DocumentOut;
use super::documents::{self, Place, Written};
use super::gateway::Gateway;
use super::problem::{Code, Problem, shown};
use super::{condition, credentials, document_bodies, pages, self_service};
use crate::domain::AccountName;
use crate::policy::check_account_name;
use crate::store::{SettingKind, SettingQuery};
use crate::svix::Findings;

/// `GET /accounts`: a page of them, in the order of their names, the operator's own among them.
pub(super) async fn list(
    request: HttpRequest,
    query: Query<Vec<(String, String)>>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    auth::require(&request, &gateway, Scope::Read)?;
    let pages::Asked { limit, after } =
        pages::Asked::read(&query, |value| check_account_name(value).map(|()| value.to_owned()))?;
    let stored = SettingQuery::Page(SettingKind::Account, after.clone(), limit);
    let stored = gateway.store.settings(stored).await?;
    let stored = stored
        .into_iter()
        .map(|setting| (setting.name.clone(), DocumentOut::stored(setting)));
    let operators = operators(&gateway);
    let of_files = [(operators.id.clone(), operators)];
    let (data, next) = pages::laid_over(stored.collect(), of_files, after.as_deref(), limit as usize);
    Ok(pages::respond(&data, next))
}

/// `GET /accounts/{id}`.
pub(super) async fn find(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let account = Named::or_own(&request, &gateway, &path, Scope::Read, Scope::Read)?;
    if account.is_operators() {
        return Ok(operators(&gateway).respond(false));
    }
    let found = DocumentOut::stored(account.place().find().await?);
    let by = account.caller.shown(found.by);
    Ok(DocumentOut { by, ..found }.respond(false))
}

/// `PUT /accounts/{id}`: sets everything.
pub(super) async fn put(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let account = Named::or_own(&request, &gateway, &path, Scope::Admin, Scope::Operate)?;
    let written = match account.is_own() {
        true => account.write_own(&request, payload, true).await?,
        false => account.writable()?.place().put(&request, payload).await?,
    };
    account.checked(written).await
}

/// `PATCH /accounts/{id}`: sets what the merge patch names.
pub(super) async fn patch(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let account = Named::or_own(&request, &gateway, &path, Scope::Admin, Scope::Operate)?;
    let written = match account.is_own() {
        true => account.write_own(&request, payload, false).await?,
        false => account.writable()?.place().patch(&request, payload).await?,
    };
    account.checked(written).await
}

/// `POST /accounts/{id}/rollback`: everything but the token becomes what it was.
pub(super) async fn roll_back(
    request: HttpRequest,
    path: Path<String>,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let account = Named::to_write(&request, &gateway, &path)?;
    Ok(account.place().roll_back(&request, payload).await?.respond())
}

/// `DELETE /accounts/{id}`, where nothing is to go through it any more.
pub(super) async fn delete(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let account = Named::to_write(&request, &gateway, &path)?;
    documents::follow(&gateway).await;
    if let Some(customer) = gateway.store.directory().customer_of(&account.name) {
        let detail = format!("notifications of customer {} go through it", shown(customer.as_str()));
        return Err(Problem::new(Code::AccountInUse, detail));
    }
    // Without the account it would wait for ever, and in the way of what comes after it.
    if let Some(customer) = gateway.store.queued_for(account.name.clone()).await? {
        let detail = format!("notifications of customer {} are queued for it", shown(customer.as_str()));
        return Err(Problem::new(Code::AccountInUse, detail));
    }
    account.place().delete(&request).await
}

/// `GET /accounts/{id}/versions`.
pub(super) async fn versions(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let account = Named::new(&request, &gateway, &path, Scope::Read)?;
    account.place().versions().await
}

/// `POST /accounts/{id}/check`: asks Svix what the account's token is good for.
pub(super) async fn check(
    request: HttpRequest,
    path: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let account = Named::or_own(&request, &gateway, &path, Scope::Operate, Scope::Operate)?;
    if account.is_operators() {
        return Err(set_by_file());
    }
    let setting = account.place().find().await?;
    let findings = credentials::try_out(&gateway, &account.name, &setting).await?;
    Ok(HttpResponse::Ok().json(findings))
}

/// An account that a request names, and who asks.
struct Named<'a> {
    gateway: &'a Gateway,
    name: AccountName,
    caller: auth::Caller,
}

impl<'a> Named<'a> {
    fn new(request: &HttpRequest, gateway: &'a Gateway, path: &str, scope: Scope) -> Result<Self, Problem> {
        Self::of(auth::require(request, gateway, scope)?, gateway, path)
    }

    fn of(caller: auth::Caller, gateway: &'a Gateway, path: &str) -> Result<Self, Problem> {
        check_account_name(path)
            .map_err(|why| Problem::new(Code::NotFound, format!("{} {why}", shown(path))))?;
        Ok(Self {
            gateway,
            name: AccountName::new(path),
            caller,
        })
    }

    /// Reads what is asked for by a key for all customers with one scope, or by a `bound` one with the other of what
    /// is its customer's own. To that one everything else is closed, whether it is there or not.
    fn or_own(
        request: &HttpRequest,
        gateway: &'a Gateway,
        path: &str,
        scope: Scope,
        bound: Scope,
    ) -> Result<Self, Problem> {
        let caller = auth::either(request, gateway, scope, bound)?;
        self_service::own_account(gateway, &caller, &AccountName::new(path))?;
        Self::of(caller, gateway, path)
    }

    fn to_write(request: &HttpRequest, gateway: &'a Gateway, path: &str) -> Result<Self, Problem> {
        let account = Self::new(request, gateway, path, Scope::Admin)?;
        account.writable()?;
        Ok(account)
    }

    fn writable(&self) -> Result<&Self, Problem> {
        match self.is_operators() {
            true => Err(set_by_file()),
            false => Ok(self),
        }
    }

    /// Tells whether it is the caller's own.
    fn is_own(&self) -> bool {
        self.caller.customer.is_some()
    }

    /// Writes what its customer may write of it, all of that or some.
    async fn write_own(
        &self,
        request: &HttpRequest,
        payload: Payload,
        all: bool,
    ) -> Result<Written, Problem> {
        let expected = condition::expected(request)?;
        let asked = document_bodies::read(request, payload, self.gateway).await?;
        let patch = self_service::account_patch(asked, all)?;
        self.place().apply(&patch, expected, all).await
    }

    fn is_operators(&self) -> bool {
        self.name == self.gateway.intake().routing.account
    }

    fn place(&self) -> Place<'_> {
        Place {
            gateway: self.gateway,
            kind: SettingKind::Account,
            name: self.name.as_str(),
            caller: self.caller.clone(),
            check: Box::new(|document, there| {
                // By what has been written anywhere up to now.
                self_service::own_account(self.gateway, &self.caller, &self.name)?;
                credentials::check(self.gateway, &self.name, document, there)
            }),
        }
    }

    /// Answers what was written, with what Svix says of it.
    async fn checked(&self, mut written: Written) -> Result<HttpResponse, Problem> {
        let check = async {
            let setting = self.place().find().await?;
            credentials::try_out(self.gateway, &self.name, &setting).await
        };
        // It is written, whatever comes of trying it.
        let untried = |problem: Problem| Findings::untried(problem.into_detail());
        written.now.check = Some(check.await.unwrap_or_else(untried));
        Ok(written.respond())
    }
}

/// What is told of the operator's own account.
fn operators(gateway: &Gateway) -> DocumentOut {
    let intake = gateway.intake();
    DocumentOut::of_file(intake.routing.account.to_string(), json!(intake.operators_account))
}

fn set_by_file() -> Problem {
    let detail = "the configuration says what the operator's own account is, in svix.*; change it there";
    Problem::new(Code::SetByFile, detail)
}
