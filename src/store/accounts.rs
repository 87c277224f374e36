//! What replicas share: slices of the rates of accounts and customers, and the gates of accounts.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::StoreError;
use crate::domain::{AccountName, Customer, Shut, Timestamp};

/// Whose rate replicas share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateOwner {
    /// All that goes out through an account.
    Account(AccountName),
    /// All that goes out for a customer with a rate of its own.
    Customer(Customer),
}

impl RateOwner {
    /// Returns the name of its budget. No account can have that of a customer: its name has no colon.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Account(name) => name.as_str().to_owned(),
            Self::Customer(customer) => format!("customer:{customer}"),
        }
    }
}

/// Asks for a slice of a rate.
#[derive(Debug, Clone, Copy)]
pub struct SliceRequest {
    /// Permits that would be of use.
    pub want: u32,
    /// Permits that the budget holds at most.
    pub capacity: u32,
    /// Microseconds in which it gains one.
    pub interval_us: u64,
    /// How long the next probe waits for the answer to one that this slice allows.
    pub probe_wait: Duration,
}

/// A slice of a rate.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Permits, which are good for a short time only; none where the gate is shut.
    pub granted: u32,
    /// How long it takes until the budget has another.
    pub next_in: Duration,
    /// How the account's gate stands for all replicas; that of a customer is open.
    pub gate: SharedGate,
}

/// How an account's gate stands for all replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedGate {
    /// What shuts it, if anything does.
    pub shut: Option<Shut>,
    /// Since when.
    pub since: Timestamp,
    /// Until when nothing goes out, or nothing but a probe.
    pub until: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

/// The accounts of a store that replicas share.
pub(super) trait SharedAccounts: Send + Sync + 'static {
    /// Takes a slice of a rate.
    fn slice(&self, owner: RateOwner, request: SliceRequest) -> BoxFuture<'_, Result<Slice, StoreError>>;

    /// Says how a gate stands from now on; returns its version.
    fn set_gate(&self, account: AccountName, gate: SharedGate) -> BoxFuture<'_, Result<i64, StoreError>>;
}
