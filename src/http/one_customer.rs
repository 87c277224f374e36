//! One customer that a request names: what may be known of it, and what may be changed.

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::auth::{self, Scope};
use super::document_bodies::{self, Document};
use super::document_shapes::DocumentOut;
use super::documents::{Checked, Place};
use super::gateway::Gateway;
use super::moves::{self, Move};
use super::problem::{Code, Problem, shown};
use super::{condition, self_service};
use crate::domain::{AccountName, Customer};
use crate::policy::{CustomerSettings, Own, SettingFault};
use crate::store::SettingKind;

/// What is said of a customer of whom nothing can be read.
const HELD: &str = "what is set cannot be read here, and nothing is known from before; nothing of the customer goes out, and what it posts is refused";

/// A customer that a request names, and who asks.
pub(super) struct Named<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) name: Customer,
    pub(super) caller: auth::Caller,
}

impl<'a> Named<'a> {
    /// Reads what is asked for by anybody who may look.
    pub(super) fn to_read(request: &HttpRequest, gateway: &'a Gateway, path: &str) -> Result<Self, Problem> {
        Self::of(auth::within(request, gateway, Scope::Read)?, gateway, path)
    }

    pub(super) fn of(caller: auth::Caller, gateway: &'a Gateway, path: &str) -> Result<Self, Problem> {
        let name = Customer::parse(path)
            .map_err(|error| Problem::new(Code::NotFound, format!("{} {error}", shown(path))))?;
        Ok(Self {
            gateway,
            name,
            caller,
        })
    }

    /// Reads what is to be changed, by those who may and where it is not a file that says what is set.
    pub(super) fn to_write(
        request: &HttpRequest,
        gateway: &'a Gateway,
        path: &str,
        scope: Scope,
    ) -> Result<Self, Problem> {
        let named = Self::of(auth::require(request, gateway, scope)?, gateway, path)?;
        named.stored()?;
        Ok(named)
    }

    /// Makes sure that it is not a file that says what is set.
    pub(super) fn stored(&self) -> Result<(), Problem> {
        if self.gateway.store.directory().is_of_file(&self.name) {
            let detail = "a configuration file says what is set here; change it there";
            return Err(Problem::new(Code::SetByFile, detail));
        }
        Ok(())
    }

    /// Changes what is the customer's own to change, by its own key.
    pub(super) async fn patch_own(
        &self,
        request: &HttpRequest,
        payload: Payload,
    ) -> Result<HttpResponse, Problem> {
        let expected = condition::expected(request)?;
        let patch = document_bodies::read(request, payload, self.gateway).await?;
        let directory = self.gateway.store.directory();
        if let Some(known) = directory
            .customer(&self.name)
            .filter(|_| directory.is_of_file(&self.name))
        {
            self_service::allow(&known.settings, &patch)?;
            self.stored()?;
        }
        let bounds = self.gateway.intake().retry_bounds;
        let place = Place {
            check: Box::new(|document, there| {
                self_service::check(&patch, document, there, &bounds)?;
                self.check(document)
            }),
            ..self.place()
        };
        // Where nothing is set, nothing is its own; that is what the check says then.
        let written = place.apply(&Value::Object(patch.clone()), expected, true).await?;
        Ok(written.respond())
    }

    /// Finds what is set, where the caller may know that.
    pub(super) async fn find(&self) -> Result<DocumentOut, Problem> {
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
    pub(super) fn seen(&self) -> Result<Place<'_>, Problem> {
        let place = self.place();
        match self.caller.sees(&self.name) {
            true => Ok(place),
            false => Err(place.absent()),
        }
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place {
            gateway: self.gateway,
            kind: SettingKind::Customer,
            name: self.name.as_str(),
            caller: self.caller.clone(),
            check: Box::new(|document, _| self.check(document)),
        }
    }

    fn check(&self, document: &Document) -> Result<Checked, Problem> {
        let settings = CustomerSettings::check(document).map_err(document_bodies::refuse)?;
        if let Some(name) = settings.account.as_deref() {
            let account = AccountName::new(name);
            if account != self.gateway.intake().routing.account
                && self.gateway.store.directory().account(&account).is_none()
                // The customer makes it.
                && !settings.self_service.contains(&Own::Account)
            {
                return Err(document_bodies::refuse(vec![SettingFault {
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
            moves: self.moves(Some(&settings)),
        })
    }

    /// Returns whose events would go to another application if this were set for the customer, or nothing.
    pub(super) fn moves(&self, settings: Option<&CustomerSettings>) -> Vec<Move> {
        moves::of(&self.name, settings, &self.gateway.intake().routing, self.gateway.store.directory())
    }
}

/// What is told of a customer for whom a file says what is set.
pub(super) fn of_file(customer: &Customer, settings: &CustomerSettings) -> DocumentOut {
    DocumentOut::of_file(customer.as_str().to_owned(), json!(settings))
}
