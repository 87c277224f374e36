//! Where notifications go, and whose applications are whose.

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
        (&to_default, "acme", Some(&mapped), None, Some(("app_7", None, ApplicationRule::Set)), "one is set"),
        (&to_default, "acme", Some(&named), None, Some(("shared", None, default)), "something else is set"),
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
        let route = routing.resolve(&customer(name), set, names.map(Into::into), |_| false);
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
        let route = to_default
            .resolve(&customer("acme"), Some(set), None, |_| false)
            .unwrap();
        assert_eq!((route.account.as_str(), &*route.application), (account, application), "{why}");
    }
}

#[test]
fn no_customer_s_own_application_is_another_one_s() {
    let routing = routing(UnknownCustomers::EachItsOwn, Some("shared"));
    let (here, there) = (AccountName::new("default"), AccountName::new("there"));
    let application = |name: &str, account: &AccountName, is_set: Option<&AccountName>| {
        let set = CustomerSettings {
            account: Some(account.as_str().to_owned()),
            ..CustomerSettings::default()
        };
        let route = routing.resolve(&customer(name), Some(&set), None, |asked| Some(asked) == is_set);
        route.unwrap().application.to_string()
    };
    let of_odd = application("Äpfel", &here, None);
    let table = [
        ("acme", &here, None, true, "nothing else is called so"),
        ("acme", &here, Some(&there), true, "nothing else in its account"),
        ("acme", &here, Some(&here), false, "another's is set to that"),
        ("acme", &there, Some(&there), false, "the same elsewhere"),
        ("shared", &here, None, false, "the default application"),
        ("shared", &there, None, true, "which no other account has"),
        ("app_1", &here, None, false, "an id of Svix's"),
        ("Äpfel", &here, None, false, "no uid"),
        (&of_odd, &here, None, false, "the own application of a customer with an odd name"),
        ("sha256_", &here, None, false, "what begins like that"),
    ];
    let mut seen = std::collections::HashMap::new();
    for (name, account, is_set, is_plain, why) in table {
        let found = application(name, account, is_set);
        assert_eq!(found == name, is_plain, "{why}");
        assert!(is_plain || (fits_svix_id(&found) && found.starts_with("sha256_")), "{why}");
        assert_eq!(*seen.entry(found).or_insert(name), name, "{why}");
    }
}

#[test]
fn a_customer_owns_the_application_of_its_name_where_it_would_go_there() {
    let set = |application: Option<&str>, account: Option<&str>| CustomerSettings {
        application: application.map(Into::into),
        account: account.map(Into::into),
        ..CustomerSettings::default()
    };
    let (own, to_default) = (UnknownCustomers::EachItsOwn, UnknownCustomers::ToDefault);
    let refused = UnknownCustomers::Refused;
    let table = [
        (own, "acme", None, "default", true, "nothing is set for it"),
        (own, "acme", Some(set(None, None)), "default", true, "nor its application"),
        (own, "acme", Some(set(None, Some("default"))), "default", true, "the operator's account by name"),
        (own, "acme", Some(set(None, Some("there"))), "default", false, "it is in another account"),
        (own, "acme", Some(set(None, Some("there"))), "there", true, "in that one"),
        (own, "acme", Some(set(Some("x"), None)), "default", false, "another one is set for it"),
        (own, "acme", Some(set(Some("acme"), None)), "default", false, "it is set, and stays"),
        (own, "shared", None, "default", false, "it has another one already"),
        (own, "app_1", None, "default", false, "an id is nobody's own"),
        (to_default, "acme", None, "default", false, "it goes to the default application"),
        (to_default, "acme", Some(set(None, Some("there"))), "there", true, "but not from there"),
        (refused, "acme", None, "default", false, "there is no such customer"),
    ];
    for (unknown, name, set, account, right, why) in table {
        let routing = routing(unknown, Some("shared"));
        let owns = routing.owns_its_name(&customer(name), set.as_ref(), &AccountName::new(account));
        assert_eq!(owns, right, "{why}");
    }
}
