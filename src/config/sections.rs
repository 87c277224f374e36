//! The plain sections of the configuration, field by field as in `config/default.toml`.

use serde::{Deserialize, Serialize};

use super::StoreUrl;
use crate::envelope::KeyPart;

/// The HTTP front end.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on. Default `127.0.0.1:8080`.
    pub listen: String,
    /// What this process is called; empty takes the name of the machine. Default empty.
    pub name: String,
    /// Threads that answer HTTP; 0 takes one per core. Default 0.
    pub workers: usize,
    /// The largest body of a request, in bytes. Default 1 MiB.
    pub max_body_bytes: usize,
    /// How long a stop waits for what is in flight, in seconds. Default 30.
    pub shutdown_grace_s: u64,
    /// How long a client may take to send the head of a request, in milliseconds. Default 5000.
    pub head_timeout_ms: u64,
    /// How long a client may take to send the body of a request, in milliseconds. Default 10000.
    pub body_timeout_ms: u64,
    /// How long an idle connection is kept open, in seconds. Default 75.
    pub keep_alive_s: u64,
    /// Connections open at once, over all workers. Default 25000.
    pub max_connections: usize,
}

/// Where notifications are kept.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// `sqlite://` and the path of the file, or `postgres://` and the place of a database. Default
    /// `sqlite://svix-hooks.db`.
    pub url: StoreUrl,
    /// How long another replica leaves alone what this one holds, in milliseconds. Default 15000.
    pub lease_ms: u64,
    /// How long notifications that were delivered, filtered or expired are kept, in days. Default 30.
    pub retention_days: u32,
    /// How long dead letters are kept, in days; 0 is for ever. Default 365.
    pub dead_retention_days: u32,
    /// How long requests to Svix are kept, in days. Default 30.
    pub attempts_retention_days: u32,
    /// How long the counts by minute are kept, in days. Default 90.
    pub ledger_retention_days: u32,
    /// Rows that one commit takes. Default 512.
    pub max_batch: usize,
    /// Writes that may wait for a commit. Default 8192.
    pub max_waiting: usize,
}

/// How much goes out to Svix at once.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Actors that send, each on a thread of its own. Default 8.
    pub actors: usize,
    /// Notifications that one actor sends at once. Default 32.
    pub batch: usize,
    /// Notifications in flight, over all actors. Default 256.
    pub max_in_flight: usize,
    /// Notifications held in memory for dispatch. Default 4096.
    pub max_ready: usize,
    /// Bytes of events held in memory for dispatch. Default 32 MiB.
    pub max_ready_bytes: usize,
}

/// When a failed attempt is made again.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Attempts before a notification is dead. Default 8.
    pub max_attempts: u32,
    /// The wait after the first failed attempt, in milliseconds. Default 1000.
    pub initial_backoff_ms: u64,
    /// The factor from one wait to the next, at least 1. Default 4.
    pub multiplier: f64,
    /// The longest wait, in milliseconds. Default one hour.
    pub max_backoff_ms: u64,
    /// The share of a wait, 0 to 1, by which it may be shorter or longer. Default 0.2.
    pub jitter: f64,
    /// The age at which a notification expires, in seconds; 0 is never. Default 0.
    pub max_age_s: u64,
    /// Retries held as timers; more are found again in the store. Default 10000.
    pub max_timers: usize,
    /// Retries due later than this are left to the store, in milliseconds. Default 600000.
    pub timer_horizon_ms: u64,
}

/// Whose events are whose, and where they go.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// JSON pointers to the customer in an event, the first that finds one wins. Default `/customer`, `/project`.
    pub customer_pointers: Vec<String>,
    /// The customer of events in which no pointer finds one. Default `default`.
    pub default_customer: String,
    /// Where events of a customer without an application of its own go. Default [`UnknownCustomer::DefaultApp`].
    pub unknown_customer: UnknownCustomer,
    /// JSON pointers to the application in an event, the first that finds one wins. Default none.
    pub application_pointers: Vec<String>,
    /// What an application is called that is made for a customer. Default `{name}`.
    pub application_name: String,
}

/// Where events of a customer that is not registered go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownCustomer {
    /// To the application `svix.app_id`.
    DefaultApp,
    /// To an application of its own, named after the customer.
    AppPerCustomer,
    /// Nowhere: they are refused, but for those of customers for whom something is set.
    Reject,
}

/// What makes two events the same one.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Idempotency {
    /// The members that together are the identity, at least one, none twice. Default the id alone.
    pub key: Vec<KeyPart>,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The least weight that is logged. Default [`Level::Info`].
    pub level: Level,
    /// The form of a line. Default [`LogFormat::Text`].
    pub format: LogFormat,
}

/// The least weight of a log line that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing.
    Off,
    /// What needs a human.
    Error,
    /// Also what recovered by itself.
    Warn,
    /// Also what an operator did.
    Info,
    /// Also decisions.
    Debug,
    /// Everything.
    Trace,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}
