//! What the service tells of itself beside its log, and to whom.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::text::{redacted, secret, text};

/// The numbers at `/metrics`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Accounts that have series of their own; the others are one together. Default 50.
    pub accounts: usize,
    /// Customers that have series of their own, those with the most queued. Default 20.
    pub customers: usize,
}

/// When health is degraded.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// For how long something may have been due, in seconds. Default 900.
    pub max_backlog_age_s: u64,
    /// The share of the store's disk that must be free, in percent. Default 5.
    pub min_free_percent: f64,
}

/// Where faults of the service are reported.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sentry {
    /// The project's DSN, never shown. Default unset: nothing is reported.
    #[serde(deserialize_with = "secret", serialize_with = "redacted")]
    pub dsn: Option<SecretString>,
    /// What the reports say where they come from. Default `production`.
    pub environment: String,
}

impl Sentry {
    /// Lends the DSN as it is.
    pub fn plain_dsn(&self) -> Option<&str> {
        self.dsn.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl PartialEq for Sentry {
    fn eq(&self, other: &Self) -> bool {
        let Self { dsn: _, environment } = self;
        self.plain_dsn() == other.plain_dsn() && *environment == other.environment
    }
}

/// Where spans go.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// The base URL of a collector that takes OTLP over HTTP. Default unset: no spans are made.
    #[serde(deserialize_with = "text")]
    pub endpoint: Option<String>,
    /// The share of notifications, of those without a trace, that get one, 0 to 1. Default 0.01.
    pub ratio: f64,
    /// Traces begun or joined in a second at most. Default 100.
    pub max_per_second: u32,
}
