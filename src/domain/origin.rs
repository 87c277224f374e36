//! How a notification came in: by whose key, and by which rules its customer and application were found.

use super::Call;
use super::state::named;

named! {
    /// How the application of a notification was found.
    ApplicationRule {
        /// It is the default one.
        Default = "default_app",
        /// It is the customer's own, named after it.
        PerCustomer = "app_per_customer",
        /// It is set for the customer.
        Set = "customer",
        /// The event names it.
        Event = "event",
    }
}

/// How a notification came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The request; none of those from before it was noted.
    pub call: Option<Call>,
    /// The name of the key that was shown, where keys are in use.
    pub key: Option<String>,
    /// The pointer to the customer in the event; none where it is the default customer.
    pub customer_rule: Option<String>,
    /// How the application was found; none where that was not noted.
    pub application_rule: Option<ApplicationRule>,
    /// Which version of the customer's settings it was judged by; none where nothing was set.
    pub settings_version: Option<i64>,
    /// What the customer's filter said; none where there was none.
    pub filter: Option<String>,
}

impl Origin {
    /// Returns the id of the request.
    pub fn request(&self) -> Option<&str> {
        self.call.as_ref().map(|call| call.request.as_str())
    }
}
