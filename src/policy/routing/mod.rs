//! Which Svix application a notification goes to.

use std::sync::Arc;

use super::CustomerSettings;
use crate::domain::{AccountName, ApplicationRule, Customer, EventId, fits_svix_id};

/// What happens to customers of whom no application is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownCustomers {
    /// Their notifications go to the default application.
    ToDefault,
    /// Each gets an application of its own, named after it.
    EachItsOwn,
    /// Their notifications are refused, but for those of customers for whom something is set.
    Refused,
}

/// How applications are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// The operator's own account.
    pub account: AccountName,
    /// The default application of that account, where there is one.
    pub default_application: Option<Arc<str>>,
    /// The customer that events without one belong to; always known.
    pub default_customer: Customer,
    /// What happens to all others.
    pub unknown_customers: UnknownCustomers,
    /// What an application is called that is made for a customer; `{name}` stands for the customer's.
    pub application_name: String,
}

/// Where a notification goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The account.
    pub account: AccountName,
    /// The application.
    pub application: Arc<str>,
    /// The name under which Svix may be told to create it; none where it may not.
    pub create_as: Option<Arc<str>>,
    /// How it was found.
    pub rule: ApplicationRule,
}

impl Routing {
    /// Finds the application of a notification: the one that the event `names`, or that is set for its customer,
    /// or that of customers for whom none is set. Nothing where it is refused. `is_set` tells whether the application
    /// of the customer's name is set for another one in an account.
    pub fn resolve(
        &self,
        customer: &Customer,
        set: Option<&CustomerSettings>,
        names: Option<Arc<str>>,
        is_set: impl Fn(&AccountName) -> bool,
    ) -> Option<Route> {
        let account = self.account_of(set);
        let known = |application: Arc<str>, rule| Route {
            account: account.clone(),
            application,
            create_as: None,
            rule,
        };
        if let Some(application) = names {
            return Some(known(application, ApplicationRule::Event));
        }
        if let Some(application) = set.and_then(|set| set.application.as_deref()) {
            return Some(known(application.into(), ApplicationRule::Set));
        }
        let own = || self.own(customer, set, is_set(&account));
        // The default application is not there for other accounts.
        if account != self.account {
            return Some(own());
        }
        let default = || {
            let application = self.default_application.clone();
            application.map(|application| known(application, ApplicationRule::Default))
        };
        match self.unknown_customers {
            UnknownCustomers::ToDefault => default(),
            UnknownCustomers::EachItsOwn => Some(own()),
            UnknownCustomers::Refused if *customer == self.default_customer => default(),
            UnknownCustomers::Refused if set.is_some() => default().or_else(|| Some(own())),
            UnknownCustomers::Refused => None,
        }
    }

    /// Returns the account that a customer's notifications go through.
    pub fn account_of(&self, set: Option<&CustomerSettings>) -> AccountName {
        let own = set.and_then(|set| set.account.as_deref());
        own.map_or_else(|| self.account.clone(), AccountName::new)
    }

    /// Tells whether a customer is known for whom nothing is set.
    pub fn knows(&self, customer: &Customer) -> bool {
        self.unknown_customers != UnknownCustomers::Refused || *customer == self.default_customer
    }

    /// Returns a customer's own application, which is made where it is not there: its name where Svix takes that as a
    /// uid and it is no other application's, else a digest.
    fn own(&self, customer: &Customer, set: Option<&CustomerSettings>, is_set: bool) -> Route {
        let (uid, account) = (customer.as_str(), self.account_of(set));
        let is_default = account == self.account && self.default_application.as_deref() == Some(uid);
        let is_free = is_uid(uid) && !is_default && !is_set;
        let name = set.and_then(|set| set.name.as_deref()).unwrap_or(uid);
        Route {
            account,
            application: if is_free {
                uid.into()
            } else {
                EventId::of_parts(&[uid]).as_str().into()
            },
            create_as: Some(self.application_name.replace("{name}", name).into()),
            rule: ApplicationRule::PerCustomer,
        }
    }

    /// Tells whether a customer's notifications go to the application of its name in an account, as long as that is
    /// set for nobody else: for whom it is set then gets what was another's.
    pub fn owns_its_name(
        &self,
        customer: &Customer,
        set: Option<&CustomerSettings>,
        account: &AccountName,
    ) -> bool {
        let route = self.resolve(customer, set, None, |_| false);
        route.is_some_and(|route| {
            route.rule == ApplicationRule::PerCustomer
                && route.account == *account
                && *route.application == *customer.as_str()
        })
    }
}

/// Tells whether Svix takes a name as a uid, and it looks like no id of Svix's own and like no digest.
fn is_uid(name: &str) -> bool {
    fits_svix_id(name) && !name.starts_with("app_") && !EventId::from_stored(name).is_digest()
}

#[cfg(test)]
mod tests;
