//! What the tests share: the service inside this process or as one of its own, what calls it, and waiting.

mod app;
mod client;
mod collector;
pub(crate) mod customers;
mod exposition;
mod keys;
pub(crate) mod log_lines;
mod problems;
mod process;
mod raw;
pub(crate) mod secrecy;
mod server;
mod store;
pub(crate) mod traced;
mod wait;
mod world;

pub(crate) use app::TestApp;
pub(crate) use client::{Answer, Client, event};
pub(crate) use collector::{Collector, Manner, Seen};
pub(crate) use exposition::Scrape;
pub(crate) use keys::{ADMIN, admin, stored_key};
pub(crate) use problems::{assert_at_fault, assert_problem, still_works};
pub(crate) use process::TestProcess;
pub(crate) use raw::{connect, head, parse_answer, read_answer, trickle};
pub(crate) use server::TestServer;
pub(crate) use store::{TestStore, variable};
pub(crate) use wait::{eventually, eventually_within};
pub(crate) use world::World;

/// Settings that let a test see within moments what takes minutes in production.
pub(crate) const QUICK: &[(&str, &str)] = &[
    ("SVIX__REQUESTS_PER_SECOND", "100000"),
    ("SVIX__BURST", "100000"),
    ("SVIX__REQUEST_TIMEOUT_MS", "2000"),
    ("SVIX__SETTLE_MS", "300"),
    ("SVIX__RESEND_BACKOFF_MS", "20"),
    ("SVIX__PROBE_INTERVAL_MS", "50"),
    ("SVIX__MAX_PROBE_INTERVAL_MS", "200"),
    ("RETRY__INITIAL_BACKOFF_MS", "20"),
    ("RETRY__MULTIPLIER", "1.5"),
    ("SERVER__LISTEN", "127.0.0.1:0"),
    ("SERVER__WORKERS", "1"),
    ("SVIX__APP_ID", "sandbox"),
    ("STORE__LEASE_MS", "1000"),
];

/// Lays settings over the quick ones and names them as the environment does.
pub(crate) fn environment(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    let name = |key: &str| format!("SVIX_HOOKS__{key}");
    let mut all: Vec<(String, String)> = Vec::new();
    for (key, value) in QUICK.iter().chain(settings) {
        all.retain(|(known, _)| *known != name(key));
        all.push((name(key), (*value).to_owned()));
    }
    secrecy::keep_settings(&all);
    all
}
