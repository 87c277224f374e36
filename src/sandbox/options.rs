//! What a sandbox starts with.

use std::time::Duration;

use super::application::EndpointOptions;

/// The token that a sandbox takes unless told otherwise.
pub const DEFAULT_TOKEN: &str = "sandbox-token.eu";

/// The application that a sandbox has unless told otherwise.
pub const DEFAULT_APPLICATION: &str = "sandbox";

/// The settings of a sandbox that cannot be changed while it runs, and where the others begin.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The token that is accepted.
    pub token: String,
    /// Whether every bearer token is accepted.
    pub accept_any_token: bool,
    /// The applications that exist from the start: uids, or ids where they begin with `app_`.
    pub applications: Vec<String>,
    /// The endpoints that every application gets when it is created.
    pub endpoints: Vec<EndpointOptions>,
    /// Threads that answer requests, at least 1.
    pub workers: usize,
    /// Messages held at most; beyond it the oldest is forgotten.
    pub max_messages: usize,
    /// Bytes of payload held at most; beyond it the oldest payload is dropped and shown as expired.
    pub max_payload_bytes: usize,
    /// How long after a message is taken its attempts are made.
    pub dispatch_delay: Duration,
    /// How long a request waits for an earlier one with the same idempotency key before it gets a bare 500.
    pub key_wait: Duration,
    /// How long the answer to an idempotency key is remembered.
    pub key_ttl: Duration,
    /// How long an event id is unique, as hosted Svix promises for a day only; for ever where there is none.
    pub event_id_ttl: Option<Duration>,
    /// Whether requests are recorded for [`Sandbox::requests`](super::Sandbox::requests).
    pub record: bool,
    /// Requests recorded at most; beyond it the oldest record is dropped.
    pub max_records: usize,
    /// The seed of everything that looks random: which requests faults hit, and ids.
    pub seed: u64,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            port: 0,
            token: DEFAULT_TOKEN.to_owned(),
            accept_any_token: false,
            applications: vec![DEFAULT_APPLICATION.to_owned()],
            endpoints: vec![EndpointOptions::default()],
            workers: 1,
            max_messages: 1_000_000,
            max_payload_bytes: 256 << 20,
            dispatch_delay: Duration::ZERO,
            key_wait: Duration::from_secs(5),
            key_ttl: Duration::from_secs(12 * 60 * 60),
            event_id_ttl: None,
            record: true,
            max_records: 200_000,
            seed: 0x5b1c_5a4d_b0c5,
        }
    }
}
