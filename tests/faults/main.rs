//! Faults of the service itself: panics put into every part of it, and what is reported of them.
//!
//! A binary of its own: the log, the panic hook and the reports belong to the whole process.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test or its support cannot do fails the test"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "it is shared with tests that need more of it"
)]
#[path = "../api/support/mod.rs"]
mod support;

mod faulty;
mod sentry;

mod actors;
mod deliveries;
mod handlers;
mod reporting;
mod sending;
