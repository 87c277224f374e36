//! Alert rules and dashboard: as they stand, and with a real Prometheus beside a running service.
//!
//! Prometheus and promtool come from Debian's package; where they are missing, these tests fail.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test or its support cannot do fails the test"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "the tests of the API need the rest of it"
)]
#[path = "../api/support/mod.rs"]
mod support;

mod dashboard;
mod hurry;
mod outage;
mod query;
mod rules;
mod served;
mod server;
