//! The commands for operators, as people and scripts run them against a service.

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

mod asking;
mod command;
mod looking;
mod purging;
mod redriving;
mod scripted;
