//! The rate of a customer, inside that of its account.

use std::ops::RangeInclusive;
use std::time::Instant;

use serde::Serialize;

use super::members::Members;
use crate::policy::{Bucket, Share};

/// Requests per second that can be set.
pub(super) const PER_SECOND: RangeInclusive<f64> = 0.001..=1e6;

/// Bursts that can be set.
pub(super) const BURST: RangeInclusive<u64> = 2..=1_000_000;

/// Where no burst is set, it is worth so many seconds.
const BURST_S: f64 = 2.0;

/// How fast requests of one customer may go out, over any window and all replicas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerRate {
    /// Requests per second.
    pub requests_per_second: f64,
    /// Requests that may go out at once after a pause; else what two seconds are worth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

impl CustomerRate {
    pub(super) fn read(members: &mut Members<'_>) -> Option<Self> {
        let requests_per_second =
            members.required("requestsPerSecond", |members, name| members.number(name, PER_SECOND));
        let burst = members.whole("burst", BURST);
        Some(Self {
            requests_per_second: requests_per_second?,
            burst: burst.and_then(|burst| u32::try_from(burst).ok()),
        })
    }

    /// Returns how many requests may go out at once after a pause.
    pub fn burst(self) -> u32 {
        let usual = (self.requests_per_second * BURST_S).ceil();
        self.burst
            .unwrap_or_else(|| usual.clamp(*BURST.start() as f64, *BURST.end() as f64) as u32)
    }

    /// Makes the bucket that keeps it in one process, empty at that time.
    pub fn bucket(self, empty_at: Instant) -> Bucket {
        Bucket::empty(self.requests_per_second, self.burst(), empty_at)
    }

    /// Finds the settings of the budget that keeps it over all replicas. Where its burst is worth too short a time for
    /// slices to arrive in, replicas use less of it.
    pub fn share(self) -> Share {
        Share::usable(self.requests_per_second, self.burst())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::CustomerSettings;
    use super::*;

    fn read(rate: Value) -> Result<Option<CustomerRate>, Vec<String>> {
        let document = json!({ "rate": rate });
        let read = CustomerSettings::read(document.as_object().unwrap());
        read.map(|settings| settings.rate)
            .map_err(|faults| faults.into_iter().map(|fault| fault.pointer).collect())
    }

    #[test]
    fn the_bounds_are_those_of_an_account() {
        let table = [
            (json!({"requestsPerSecond": 0.001}), Ok(2), "the lowest, with the smallest burst"),
            (json!({"requestsPerSecond": 1e6}), Ok(1_000_000), "the highest, with the largest"),
            (json!({"requestsPerSecond": 7.3}), Ok(15), "two seconds' worth"),
            (json!({"requestsPerSecond": 5, "burst": 3}), Ok(3), "as it is set"),
            (json!({"requestsPerSecond": 0}), Err(vec!["/rate/requestsPerSecond"]), "too low"),
            (json!({"requestsPerSecond": 2e6}), Err(vec!["/rate/requestsPerSecond"]), "too high"),
            (json!({"requestsPerSecond": 5, "burst": 1}), Err(vec!["/rate/burst"]), "too small"),
            (json!({"requestsPerSecond": 5, "burst": 1_000_001}), Err(vec!["/rate/burst"]), "too large"),
            (json!({"requestsPerSecond": 5, "burst": 2.5}), Err(vec!["/rate/burst"]), "no whole number"),
            (json!({"burst": 5}), Err(vec!["/rate/requestsPerSecond"]), "a burst of what?"),
            (json!({}), Err(vec!["/rate/requestsPerSecond"]), "nothing"),
            (json!(5), Err(vec!["/rate"]), "no object"),
            (json!({"requestsPerSecond": 5, "per": "s"}), Err(vec!["/rate/per"]), "no such member"),
        ];
        for (rate, right, why) in table {
            let found = read(rate).map(|rate| rate.unwrap().burst());
            let right = right.map_err(|pointers| pointers.into_iter().map(str::to_owned).collect());
            assert_eq!(found, right, "{why}");
        }
        assert_eq!(read(Value::Null), Ok(None));
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        for document in [
            json!({"requestsPerSecond": 2.5, "burst": 5}),
            json!({"requestsPerSecond": 2.5}),
        ] {
            let rate = read(document.clone()).unwrap().unwrap();
            assert_eq!(serde_json::to_value(rate).unwrap(), document);
        }
    }

    #[test]
    fn replicas_can_use_every_rate() {
        for (requests_per_second, burst) in [(0.001, None), (1e6, None), (1e6, Some(2)), (1000.0, Some(3))] {
            let rate = CustomerRate {
                requests_per_second,
                burst,
            };
            assert!(rate.share().is_usable(), "{rate:?}");
        }
    }
}
