//! Svix, or what stands in its place, answers in every wrong way: after each, the event is in the one right state, what
//! follows is unharmed, and memory stays within a bound.

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

mod holding;
mod playing;
mod row;
mod script;
mod stand_in;
mod wire;

mod coding;
mod cut;
mod framing;
mod interim;
mod meaning;
mod size;
mod status;
mod timing;
