//! What replicas share of an account: slices of its rate, and its gate.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::StoreError;
use crate::domain::{AccountName, Shut, Timestamp};

/// Asks for a slice of an account's rate.
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

/// A slice of an account's rate.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Permits, which are good for a short time only; none where the gate is shut.
    pub granted: u32,
    /// How the account's gate stands for all replicas.
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
    /// Takes a slice of an account's rate.
    fn slice(&self, account: AccountName, request: SliceRequest) -> BoxFuture<'_, Result<Slice, StoreError>>;

    /// Says how a gate stands from now on; returns its version.
    fn set_gate(&self, account: AccountName, gate: SharedGate) -> BoxFuture<'_, Result<i64, StoreError>>;
}
