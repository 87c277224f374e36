//! Events of all sizes, from the smallest that there is to the largest that is allowed: as a backlog, as retries,
//! as redrives and as they come, on either store.
//!
//! Each becomes one message with its bytes unchanged. What it costs is asserted without a clock: the memory at its
//! peak, the bytes that are written and read for each byte of an event, and how many large events go before a small
//! one. Room for events is small here, so that a backlog of some seconds is many times larger.
//!
//! ```text
//! sized   events of a size        usage   what the service took, and what it may take
//! stage   a store, a Svix and the service between them
//! ```

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

mod sized;
mod stage;
mod usage;

mod backlogs;
mod live;
mod look_ups;
mod neighbours;
mod redrives;
mod retries;
