//! What the operator may say: every key, where it may be said, and what is right. Builds nothing.
//!
//! `config/default.toml` is compiled in and is the reference: it holds every key with its default,
//! and the known keys are read from it. Files lie over it in order, the environment over them all.

mod accounts;
mod auth;
mod customers;
mod error;
mod known;
mod load;
mod restart;
mod rules;
mod secrets;
mod sections;
mod serve;
mod store_url;
mod svix;
mod telemetry;
mod text;
mod toml;
mod validate;

use serde::{Deserialize, Serialize};

pub use accounts::Accounts;
pub use auth::{Auth, Key};
pub use customers::Customers;
pub use error::{ConfigError, Origin, Problem};
pub use secrets::Secrets;
pub use sections::{
    Delivery, Idempotency, Level, Log, LogFormat, Retry, Routing, Server, Store, UnknownCustomer,
};
pub use store_url::StoreUrl;
pub use svix::{PayloadForm, Svix};
pub use telemetry::{Health, Metrics, Sentry, Traces};

/// Everything that can be configured; one field per section of `config/default.toml`.
///
/// Serialized, it shows every value but the token, the password of the store, the master keys and the DSN.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP front end.
    pub server: Server,
    /// Where notifications are kept.
    pub store: Store,
    /// The operator's own Svix account.
    pub svix: Svix,
    /// How much goes out at once.
    pub delivery: Delivery,
    /// When a failed attempt is made again.
    pub retry: Retry,
    /// Whose events are whose.
    pub routing: Routing,
    /// What makes two events the same one.
    pub idempotency: Idempotency,
    /// Who may call the service.
    pub auth: Auth,
    /// Accounts beside the operator's own.
    pub accounts: Accounts,
    /// Under what secrets are sealed at rest.
    pub secrets: Secrets,
    /// What is logged, and how.
    pub log: Log,
    /// The numbers at `/metrics`.
    pub metrics: Metrics,
    /// When health is degraded.
    pub health: Health,
    /// Where faults of the service are reported.
    pub sentry: Sentry,
    /// Where spans go.
    pub traces: Traces,
    /// What files set for customers; it is no section of the reference, and no variable sets it.
    #[serde(skip)]
    pub customers: Customers,
}

impl Default for Config {
    /// Reads the compiled-in `config/default.toml`.
    #[expect(clippy::expect_used, reason = "the file is compiled in, and tests read it")]
    fn default() -> Self {
        known::read(known::defaults()).expect("config/default.toml holds every key")
    }
}
