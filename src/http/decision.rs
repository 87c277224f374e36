//! What is decided about an event: whose it is, where it goes, and whether it does.

use std::sync::Arc;

use super::auth::{self, Caller};
use super::gateway::Intake;
use super::problem::{Code, Problem, shown};
use crate::domain::{AccountName, Customer, fits_svix_id};
use crate::envelope::{Envelope, EnvelopeCode, EnvelopeError, EnvelopeErrors};
use crate::policy::{FilterInput, Route, Verdict};
use crate::store::{Directory, KnownCustomer};

/// How the customer was found where the caller's key is for one alone, beside the pointers, which begin with `/`.
const OF_KEY: &str = "key";

/// What was decided.
pub(super) struct Decided {
    /// Where it goes.
    pub(super) route: Route,
    /// What the customer's filter says, where there is one.
    pub(super) verdict: Option<Verdict>,
}

/// Decides by what is set for the customer; `named` is the application that the event names.
pub(super) fn decide(
    envelope: &Envelope<'_>,
    body: &[u8],
    customer: &Customer,
    known: Option<&KnownCustomer>,
    named: Option<Arc<str>>,
    intake: &Intake,
    directory: &Directory,
) -> Result<Decided, Problem> {
    let settings = known.map(|known| &known.settings);
    let operators = &intake.routing.account;
    let is_set = |account: &AccountName| {
        directory.is_set_for_another(customer.as_str(), account, operators, &[customer])
    };
    let route = intake.routing.resolve(customer, settings, named, is_set);
    let route = route.ok_or_else(|| {
        let name = shown(customer.as_str());
        let detail = format!("customer {name} is not known here, and unknown customers are refused");
        Problem::new(Code::UnknownCustomer, detail)
    })?;
    let verdict = known.and_then(|known| {
        known.ask(&FilterInput {
            event_type: &envelope.event_type,
            customer: customer.as_str(),
            event: body,
            data: body.get(envelope.payload.clone()).unwrap_or_default(),
        })
    });
    Ok(Decided { route, verdict })
}

/// Finds the customer at the first pointer that leads to one, with that pointer. A key of one customer names it
/// where the event does not, and no event that comes with it may name another.
pub(super) fn find_customer(
    envelope: &Envelope<'_>,
    intake: &Intake,
    caller: &Caller,
) -> Result<(Customer, Option<String>), Problem> {
    for pointer in &intake.customer_pointers {
        if let Some(name) = envelope.find(pointer).map_err(EnvelopeErrors::from)? {
            let refuse = |error| invalid(pointer, format!("names a customer, but {error}"));
            let customer = Customer::parse(&name).map_err(refuse)?;
            if !caller.sees(&customer) {
                return Err(auth::foreign());
            }
            return Ok((customer, Some(pointer.clone())));
        }
    }
    if let Some(own) = &caller.customer {
        return Ok((own.clone(), Some(OF_KEY.to_owned())));
    }
    Ok((intake.routing.default_customer.clone(), None))
}

/// Finds the application at the first pointer that leads to one. Whose key is of one customer may not choose: it
/// might be another's.
pub(super) fn find_application(
    envelope: &Envelope<'_>,
    intake: &Intake,
    caller: &Caller,
) -> Result<Option<Arc<str>>, Problem> {
    for pointer in &intake.application_pointers {
        if let Some(name) = envelope.find(pointer).map_err(EnvelopeErrors::from)? {
            if caller.customer.is_some() {
                let detail = format!(
                    "this key is for one customer, and may not name an application, as {pointer} does"
                );
                return Err(Problem::new(Code::Forbidden, detail));
            }
            if fits_svix_id(&name) {
                return Ok(Some(name.as_ref().into()));
            }
            let detail =
                "names an application, but is no id or uid: 1 to 256 of A-Z, a-z, 0-9, -, _ and .".to_owned();
            return Err(invalid(pointer, detail));
        }
    }
    Ok(None)
}

fn invalid(pointer: &str, detail: String) -> Problem {
    let error = EnvelopeError {
        code: EnvelopeCode::InvalidMember,
        pointer: pointer.to_owned(),
        detail,
    };
    EnvelopeErrors::from(error).into()
}
