//! Speaks with Svix: one place builds the requests, one place judges the answers.

mod account;
mod classify;
mod client;
mod excerpt;
mod guard;
mod probe;
mod request;
mod retry_after;
mod tls;
mod wire;

pub use account::{Account, AccountError};
pub use client::{Client, ClientError, ClientOptions, Exchange};
pub use probe::{Findings, Permission, probe};
pub use tls::{Roots, RootsError, tls_config};
