//! Whether files give one customer the application that another one has as its own.

use anyhow::bail;
use log::warn;

use crate::config::Customers;
use crate::domain::Customer;
use crate::policy::Routing;
use crate::store::Directory;

/// Refuses files that set the own application of one of their customers for another one only.
pub(super) fn check(customers: &Customers, routing: &Routing) -> anyhow::Result<()> {
    for (customer, other) in taken(customers) {
        let (set, of_other) = (customers.get(customer), customers.get(&other));
        if of_other.is_some() && routing.owns_its_name(&other, of_other, &routing.account_of(set)) {
            bail!(
                "customers.{customer}.application is {other}, where the events of customer {other} go: set an application for that one too"
            );
        }
    }
    Ok(())
}

/// Warns of the customers that get another application than that of their name, because files set it for others.
pub(super) fn warn_of_moved(customers: &Customers, routing: &Routing, directory: &Directory) {
    for (customer, other) in taken(customers) {
        let known = directory.customer(&other);
        let set = known.as_deref().map(|known| &known.settings);
        if routing.owns_its_name(&other, set, &routing.account_of(customers.get(customer))) {
            warn!(customer:% = other; "a file sets the application of this customer's name for another one; it gets one of another name while none is set for it");
        }
    }
}

/// Returns the customers for whom an application is set that has the name of another customer, each with that one.
fn taken(customers: &Customers) -> impl Iterator<Item = (&Customer, Customer)> {
    customers.iter().filter_map(|(customer, set)| {
        let other = Customer::parse(set.application.as_deref()?).ok()?;
        (other != *customer).then_some((customer, other))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AccountName;
    use crate::policy::{CustomerSettings, UnknownCustomers};

    #[test]
    fn files_do_not_give_away_what_one_of_their_customers_has() {
        let customer = |name: &str| Customer::parse(name).unwrap();
        let set = |application: Option<&str>, account: Option<&str>| CustomerSettings {
            application: application.map(Into::into),
            account: account.map(Into::into),
            ..CustomerSettings::default()
        };
        let (own, to_default) = (UnknownCustomers::EachItsOwn, UnknownCustomers::ToDefault);
        let none = || set(None, None);
        let table = [
            (own, set(Some("b"), None), Some(none()), false, "b has it as its own"),
            (own, set(Some("b"), None), Some(set(Some("b"), None)), true, "they are to share it"),
            (own, set(Some("b"), None), Some(set(Some("x"), None)), true, "b has another one"),
            (own, set(Some("b"), Some("there")), Some(none()), true, "b is in another account"),
            (own, set(Some("b"), None), None, true, "no file knows b"),
            (own, set(Some("a"), None), None, true, "it is its own"),
            (to_default, set(Some("b"), None), Some(none()), true, "b goes to the default application"),
        ];
        for (unknown_customers, of_a, of_b, right, why) in table {
            let mut customers = Customers::from([(customer("a"), of_a)]);
            customers.extend(of_b.map(|set| (customer("b"), set)));
            let routing = Routing {
                account: AccountName::new("default"),
                default_application: Some("shared".into()),
                default_customer: customer("default"),
                unknown_customers,
                application_name: "{name}".to_owned(),
            };
            assert_eq!(check(&customers, &routing).is_ok(), right, "{why}");
        }
    }
}
