//! When the attempts of one customer are made again, and what of that the customer may set itself.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Serialize;

use super::members::{Fault, Members};
use crate::policy::{Backoff, Rules};

const WAIT_MS: RangeInclusive<u64> = 1..=604_800_000;

/// When a failed attempt is made again, as far as that is set for a customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetrySettings {
    /// Attempts after which a notification is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// The wait after the first failed attempt, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_backoff_ms: Option<u64>,
    /// The factor from one wait to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multiplier: Option<f64>,
    /// The longest wait, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_backoff_ms: Option<u64>,
    /// The share of a wait by which it may be shorter or longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
    /// The age from which on a notification is not sent any more, in seconds; 0 is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_s: Option<u64>,
    /// How long one request may take, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout_ms: Option<u64>,
}

/// The most that a customer may set of its own retries: what the operator has set for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryBounds {
    /// Attempts.
    pub max_attempts: u32,
    /// Any wait, in milliseconds.
    pub max_backoff_ms: u64,
    /// The age, in seconds; none where it has no bound.
    pub max_age_s: Option<u64>,
    /// The time of one request, in milliseconds.
    pub request_timeout_ms: u64,
}

impl RetrySettings {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn read(members: &mut Members<'_>) -> Self {
        let read = Self {
            max_attempts: members
                .whole("maxAttempts", 1..=1000)
                .and_then(|attempts| u32::try_from(attempts).ok()),
            initial_backoff_ms: members.whole("initialBackoffMs", WAIT_MS),
            multiplier: members.number("multiplier", 1.0..=1000.0),
            max_backoff_ms: members.whole("maxBackoffMs", WAIT_MS),
            jitter: members.number("jitter", 0.0..=1.0),
            max_age_s: members.whole("maxAgeS", 0..=315_360_000),
            request_timeout_ms: members.whole("requestTimeoutMs", 1..=600_000),
        };
        if let (Some(initial), Some(max)) = (read.initial_backoff_ms, read.max_backoff_ms)
            && initial > max
        {
            let other = members.name("initialBackoffMs");
            members.fault("maxBackoffMs", format!("is {max}, less than {other}, which is {initial}"));
        }
        read
    }

    pub(super) fn rules(&self, all: &Rules) -> Rules {
        let millis = |set: Option<u64>, all| set.map_or(all, Duration::from_millis);
        let max_age = match self.max_age_s {
            None => all.max_age,
            Some(0) => None,
            Some(seconds) => Some(Duration::from_secs(seconds)),
        };
        Rules {
            max_attempts: self.max_attempts.unwrap_or(all.max_attempts),
            max_age,
            backoff: Backoff {
                initial: millis(self.initial_backoff_ms, all.backoff.initial),
                multiplier: self.multiplier.unwrap_or(all.backoff.multiplier),
                max: millis(self.max_backoff_ms, all.backoff.max),
                jitter: self.jitter.unwrap_or(all.backoff.jitter),
            },
            ..*all
        }
    }

    /// Says what of it goes beyond the bounds and is not as it was `before`: what an admin has set may stay.
    pub fn beyond(&self, before: &Self, bounds: &RetryBounds) -> Vec<Fault> {
        let attempts = |settings: &Self| settings.max_attempts.map(u64::from);
        let most = |number: u64| Some(number);
        let table = [
            ("maxAttempts", attempts(self), attempts(before), most(bounds.max_attempts.into())),
            (
                "initialBackoffMs",
                self.initial_backoff_ms,
                before.initial_backoff_ms,
                most(bounds.max_backoff_ms),
            ),
            ("maxBackoffMs", self.max_backoff_ms, before.max_backoff_ms, most(bounds.max_backoff_ms)),
            ("maxAgeS", self.max_age_s, before.max_age_s, bounds.max_age_s),
            (
                "requestTimeoutMs",
                self.request_timeout_ms,
                before.request_timeout_ms,
                most(bounds.request_timeout_ms),
            ),
        ];
        let mut faults = Vec::new();
        for (name, now, before, most) in table {
            let (Some(set), Some(most)) = (now, most) else {
                continue;
            };
            // No bound on the age is more than any.
            let is_endless = name == "maxAgeS" && set == 0;
            if now != before && (set > most || is_endless) {
                faults.push(Fault {
                    pointer: format!("/retry/{name}"),
                    detail: format!("is {set}; a customer may set {most} at most, which holds for all"),
                });
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_stays_within_what_holds_for_all() {
        let bounds = RetryBounds {
            max_attempts: 8,
            max_backoff_ms: 1000,
            max_age_s: Some(60),
            request_timeout_ms: 500,
        };
        let most = RetrySettings {
            max_attempts: Some(8),
            initial_backoff_ms: Some(1000),
            multiplier: Some(1000.0),
            max_backoff_ms: Some(1000),
            jitter: Some(1.0),
            max_age_s: Some(60),
            request_timeout_ms: Some(500),
        };
        let more = RetrySettings {
            max_attempts: Some(9),
            initial_backoff_ms: Some(1001),
            max_backoff_ms: Some(1001),
            max_age_s: Some(61),
            request_timeout_ms: Some(501),
            ..most
        };
        let endless = RetrySettings {
            max_age_s: Some(0),
            ..most
        };
        let unbounded = RetryBounds {
            max_age_s: None,
            ..bounds
        };
        let nothing = RetrySettings::default();
        let all = [
            "/retry/maxAttempts",
            "/retry/initialBackoffMs",
            "/retry/maxBackoffMs",
            "/retry/maxAgeS",
            "/retry/requestTimeoutMs",
        ];
        let table: [(_, _, _, &[&str], _); 6] = [
            (most, nothing, bounds, &[], "as much as all have"),
            (nothing, more, bounds, &[], "what is not set is as for all"),
            (more, nothing, bounds, &all, "more"),
            (more, more, bounds, &[], "an admin has set it"),
            (endless, nothing, bounds, &["/retry/maxAgeS"], "for ever is longer"),
            (endless, nothing, unbounded, &[], "where that holds for all"),
        ];
        for (set, before, bounds, right, why) in table {
            let faults = set.beyond(&before, &bounds);
            let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
            assert_eq!(pointers, right, "{why}");
        }
    }
}
