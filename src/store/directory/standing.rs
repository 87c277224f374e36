//! What holds back what is queued of a customer: a pause, or a rate of its own.

use std::time::Instant;

use crate::policy::{CustomerRate, CustomerSettings};

/// A rate that is in force.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateInForce {
    /// The rate.
    pub rate: CustomerRate,
    /// Since when. What went out before did not keep to it.
    pub since: Instant,
}

/// How a customer stands by what is set for it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Standing {
    paused: bool,
    pub(super) rate: Option<CustomerRate>,
}

impl Standing {
    pub(super) fn of(settings: &CustomerSettings) -> Self {
        Self {
            paused: settings.paused,
            rate: settings.rate,
        }
    }
}
