//! Speaks with Svix: one place builds the requests, one place judges the answers.

mod account;
mod body;
mod budget;
mod classify;
mod client;
mod connect;
mod connection;
mod excerpt;
mod failure;
mod guard;
mod origin;
mod pool;
mod probe;
mod request;
mod retry_after;
mod socket;
mod tls;
mod transport;
mod wire;

pub use account::{Account, AccountError};
pub use client::{Client, ClientError, ClientOptions, Exchange};
pub use probe::{Findings, Permission, probe};
pub use tls::{Roots, RootsError, tls_config};

#[cfg(test)]
mod tests;
