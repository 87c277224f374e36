//! Customers whose events would go to another application because one is set for somebody else, or no more.
//!
//! A customer of whom none is set may have the application of its own name. While that is set for another one, it
//! has a different one. Its events go where they went before, so that is settled before its first event.

use std::sync::Arc;

use super::gateway::Gateway;
use super::problem::{Code, Problem, shown};
use crate::domain::{AccountName, Customer};
use crate::policy::{CustomerSettings, Routing};
use crate::store::{Directory, Filter, Narrowing};

/// A customer that has an application of its own, if it is there at all, and would get another one.
pub(super) struct Move {
    customer: Customer,
    /// Where its events go now.
    application: Arc<str>,
    is_known: bool,
}

/// Returns who would be moved if this were set for a customer in place of what is set.
pub(super) fn of(
    customer: &Customer,
    settings: Option<&CustomerSettings>,
    routing: &Routing,
    directory: &Directory,
) -> Vec<Move> {
    let target = |settings: Option<&CustomerSettings>| {
        let application = settings.and_then(|settings| settings.application.clone());
        application.map(|application| (application, routing.account_of(settings)))
    };
    let before = directory.customer(customer);
    let (before, after) = (target(before.as_deref().map(|known| &known.settings)), target(settings));
    if before == after {
        return Vec::new();
    }
    let moved = |(application, account): (String, AccountName)| {
        let other = Customer::parse(&application)
            .ok()
            .filter(|other| other != customer)?;
        let operators = &routing.account;
        let known = directory.customer(&other);
        let set = known.as_deref().map(|known| &known.settings);
        let is_settled = directory.is_set_for_another(&application, &account, operators, &[customer, &other]);
        if is_settled || !routing.owns_its_name(&other, set, &account) {
            return None;
        }
        let now = routing.resolve(&other, set, None, |account| {
            directory.is_set_for_another(&application, account, operators, &[&other])
        });
        Some(Move {
            application: now?.application,
            is_known: known.is_some(),
            customer: other,
        })
    };
    before.into_iter().chain(after).filter_map(moved).collect()
}

/// Refuses to move those who are there: for whom something is set, or of whom there are notifications.
pub(super) async fn refuse(gateway: &Gateway, moves: &[Move]) -> Result<(), Problem> {
    for Move {
        customer,
        application,
        is_known,
    } in moves
    {
        if *is_known || has_notifications(gateway, customer).await? {
            let (name, application) = (shown(customer.as_str()), shown(application));
            let detail = format!(
                "events of customer {name} go to application {application}, and would go to another one; set that for it first"
            );
            return Err(Problem::new(Code::ApplicationInUse, detail));
        }
    }
    Ok(())
}

async fn has_notifications(gateway: &Gateway, customer: &Customer) -> Result<bool, Problem> {
    let any = Filter {
        narrowing: Narrowing {
            customer: Some(customer.clone()),
            ..Narrowing::default()
        },
        limit: 1,
        ..Filter::default()
    };
    Ok(!gateway.store.list(any).await?.records.is_empty())
}
