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
    /// or that of customers for whom none is set. Nothing where it is refused.
    pub fn resolve(
        &self,
        customer: &Customer,
        set: Option<&CustomerSettings>,
        names: Option<Arc<str>>,
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
        // The default application is not there for other accounts.
        if account != self.account {
            return Some(self.own(customer, set));
        }
        let default = || {
            let application = self.default_application.clone();
            application.map(|application| known(application, ApplicationRule::Default))
        };
        match self.unknown_customers {
            UnknownCustomers::ToDefault => default(),
            UnknownCustomers::EachItsOwn => Some(self.own(customer, set)),
            UnknownCustomers::Refused if *customer == self.default_customer => default(),
            UnknownCustomers::Refused if set.is_some() => default().or_else(|| Some(self.own(customer, set))),
            UnknownCustomers::Refused => None,
        }
    }

    /// Returns the account that a customer's notifications go through.
    fn account_of(&self, set: Option<&CustomerSettings>) -> AccountName {
        let own = set.and_then(|set| set.account.as_deref());
        own.map_or_else(|| self.account.clone(), AccountName::new)
    }

    /// Tells whether a customer is known for whom nothing is set.
    pub fn knows(&self, customer: &Customer) -> bool {
        self.unknown_customers != UnknownCustomers::Refused || *customer == self.default_customer
    }

    /// Returns a customer's own application, which is made where it is not there.
    fn own(&self, customer: &Customer, set: Option<&CustomerSettings>) -> Route {
        let name = set.and_then(|set| set.name.as_deref());
        let name = name.unwrap_or(customer.as_str());
        Route {
            account: self.account_of(set),
            application: own(customer),
            create_as: Some(self.application_name.replace("{name}", name).into()),
            rule: ApplicationRule::PerCustomer,
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

    fn customer(name: &str) -> Customer {
        Customer::parse(name).unwrap()
    }

    fn routing(unknown_customers: UnknownCustomers, default_application: Option<&str>) -> Routing {
        Routing {
            account: AccountName::new("default"),
            default_application: default_application.map(Into::into),
            default_customer: customer("default"),
            unknown_customers,
            application_name: "{name} ({name})".to_owned(),
        }
    }

    #[test]
    fn each_way_of_routing_finds_its_application() {
        let nothing = CustomerSettings::default();
        let set = |application: Option<&str>, name: Option<&str>| CustomerSettings {
            application: application.map(Into::into),
            name: name.map(Into::into),
            ..nothing.clone()
        };
        let (mapped, named) = (set(Some("app_7"), None), set(None, Some("Acme Inc")));
        let (to_default, own, refused) = (
            routing(UnknownCustomers::ToDefault, Some("shared")),
            routing(UnknownCustomers::EachItsOwn, Some("shared")),
            routing(UnknownCustomers::Refused, Some("shared")),
        );
        let without = routing(UnknownCustomers::Refused, None);
        let (default, per_customer) = (ApplicationRule::Default, ApplicationRule::PerCustomer);
        let table = [
            (&to_default, "acme", None, None, Some(("shared", None, default)), "nothing is set"),
            (
                &to_default,
                "acme",
                Some(&mapped),
                None,
                Some(("app_7", None, ApplicationRule::Set)),
                "one is set",
            ),
            (
                &to_default,
                "acme",
                Some(&named),
                None,
                Some(("shared", None, default)),
                "something else is set",
            ),
            (
                &to_default,
                "acme",
                Some(&mapped),
                Some("x"),
                Some(("x", None, ApplicationRule::Event)),
                "the event's",
            ),
            (&own, "acme", None, None, Some(("acme", Some("acme (acme)"), per_customer)), "named after it"),
            (
                &own,
                "acme",
                Some(&named),
                None,
                Some(("acme", Some("Acme Inc (Acme Inc)"), per_customer)),
                "and so",
            ),
            (
                &own,
                "acme",
                Some(&mapped),
                None,
                Some(("app_7", None, ApplicationRule::Set)),
                "it need not be made",
            ),
            (&refused, "acme", None, None, None, "it is not known"),
            (&refused, "default", None, None, Some(("shared", None, default)), "always known"),
            (&refused, "acme", Some(&nothing), None, Some(("shared", None, default)), "known by settings"),
            (
                &without,
                "acme",
                Some(&nothing),
                None,
                Some(("acme", Some("acme (acme)"), per_customer)),
                "its own",
            ),
        ];
        for (routing, name, set, names, right, why) in table {
            let route = routing.resolve(&customer(name), set, names.map(Into::into));
            let found = route
                .as_ref()
                .map(|route| (&*route.application, route.create_as.as_deref(), route.rule));
            assert_eq!(found, right, "{why}");
        }
        let other = CustomerSettings {
            account: Some("acme".to_owned()),
            ..nothing.clone()
        };
        let explicit = CustomerSettings {
            account: Some("default".to_owned()),
            ..nothing.clone()
        };
        for (set, account, application, why) in [
            (&other, "acme", "acme", "the default application is another account's"),
            (&explicit, "default", "shared", "the operator's own"),
            (&mapped, "default", "app_7", "none is set"),
        ] {
            let route = to_default.resolve(&customer("acme"), Some(set), None).unwrap();
            assert_eq!((route.account.as_str(), &*route.application), (account, application), "{why}");
        }
        for odd in ["app_1", "Äpfel & Söhne"] {
            let route = own.resolve(&customer(odd), None, None).unwrap();
            assert!(fits_svix_id(&route.application) && !route.application.starts_with("app_"), "{odd}");
        }
    }
}
