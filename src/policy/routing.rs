//! Which Svix application a customer's notifications go to.

use std::sync::Arc;

use crate::domain::{ApplicationRule, Customer, EventId, fits_svix_id};

/// What happens to customers that have no settings of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownCustomers {
    /// Their notifications go to the default application.
    ToDefault,
    /// Each gets an application of its own, named after it.
    EachItsOwn,
    /// Their notifications are refused.
    Refused,
}

/// How applications are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// The default application, where there is one.
    pub default_application: Option<Arc<str>>,
    /// The customer that events without one belong to; always known.
    pub default_customer: Customer,
    /// What happens to all others.
    pub unknown_customers: UnknownCustomers,
}

/// Where a notification goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The application.
    pub application: Arc<str>,
    /// Whether Svix may be told to create it.
    pub create: bool,
    /// How it was found.
    pub rule: ApplicationRule,
}

impl Routing {
    /// Finds the application of a customer, or nothing where its notifications are refused.
    pub fn resolve(&self, customer: &Customer) -> Option<Route> {
        let to_default = || {
            self.default_application.clone().map(|application| Route {
                application,
                create: false,
                rule: ApplicationRule::Default,
            })
        };
        match self.unknown_customers {
            UnknownCustomers::ToDefault => to_default(),
            UnknownCustomers::EachItsOwn => Some(Route {
                application: own(customer),
                create: true,
                rule: ApplicationRule::PerCustomer,
            }),
            UnknownCustomers::Refused if *customer == self.default_customer => to_default(),
            UnknownCustomers::Refused => None,
        }
    }
}

/// Returns a customer's own application: its name where Svix takes that as a uid, else a digest.
fn own(customer: &Customer) -> Arc<str> {
    let name = customer.as_str();
    if fits_svix_id(name) && !name.starts_with("app_") {
        name.into()
    } else {
        EventId::of_parts(&[name]).as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_routing_finds_its_application() {
        let customer = |name: &str| Customer::parse(name).unwrap();
        let routing = |unknown_customers| Routing {
            default_application: Some("shared".into()),
            default_customer: customer("default"),
            unknown_customers,
        };
        let application = |unknown, name: &str| {
            routing(unknown)
                .resolve(&customer(name))
                .map(|route| route.application)
        };
        assert_eq!(application(UnknownCustomers::ToDefault, "acme").as_deref(), Some("shared"));
        assert_eq!(application(UnknownCustomers::EachItsOwn, "acme").as_deref(), Some("acme"));
        assert_eq!(application(UnknownCustomers::Refused, "acme"), None);
        assert_eq!(application(UnknownCustomers::Refused, "default").as_deref(), Some("shared"));
        for odd in ["app_1", "Äpfel & Söhne"] {
            let own = application(UnknownCustomers::EachItsOwn, odd).unwrap();
            assert!(fits_svix_id(&own) && !own.starts_with("app_"), "{own}");
        }
    }
}
