//! From an account's rate to the slices of it that replicas take from a budget they share.
//!
//! A slice is granted at one moment and used within its validity, so in a window of length t go out at
//! most as many requests as were granted in t + validity. The budget's capacity is therefore the burst
//! less what the rate makes of the validity, less what requests may bunch up on their way to Svix.

use std::time::Duration;

use super::pace::bunching;

/// The longest time for which a slice is good.
const MAX_VALIDITY_S: f64 = 1.0;

/// The shortest validity with which replicas get anywhere: a few trips to the database.
const MIN_VALIDITY: Duration = Duration::from_millis(20);

/// The settings of a budget that keeps an account's rate over every window and all replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Permits that the budget holds at most.
    pub capacity: u32,
    /// Microseconds in which the budget gains a permit, rounded up.
    pub interval_us: u64,
    /// How long a slice is good, from when it was asked for.
    pub validity: Duration,
}

impl Share {
    /// Finds the settings for `per_second` (above 0) and `burst` (at least 2) requests.
    pub fn new(per_second: f64, burst: u32) -> Self {
        let burst = f64::from(burst);
        let validity = (burst / 2.0 / per_second).min(MAX_VALIDITY_S);
        let capacity = burst - per_second * validity - bunching(per_second, burst);
        Self {
            capacity: capacity.floor().max(1.0) as u32,
            interval_us: (1e6 / per_second).ceil() as u64,
            validity: Duration::from_secs_f64(validity),
        }
    }

    /// The same with a rate as low as its burst needs for replicas to make use of it.
    pub fn usable(per_second: f64, burst: u32) -> Self {
        let most = f64::from(burst) / 2.0 / MIN_VALIDITY.as_secs_f64();
        Self::new(per_second.min(most), burst)
    }

    /// Tells whether replicas can make use of it: else their slices are stale when they arrive.
    pub fn is_usable(self) -> bool {
        self.validity >= MIN_VALIDITY
    }

    /// How long to wait from one slice to the next, so that slices are worth their trip and nothing
    /// that the budget gains meanwhile is lost.
    pub fn pause(self) -> Duration {
        (self.validity / 2).min(Duration::from_micros(self.interval_us) * self.capacity / 2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn common_rates_leave_a_budget_worth_sharing() {
        let table = [
            ((5.0, 10), (4, 200_000, 1000)),
            ((50.0, 10), (4, 20_000, 100)),
            ((1000.0, 100), (40, 1000, 50)),
        ];
        for ((rate, burst), (capacity, interval_us, validity_ms)) in table {
            let share = Share::new(rate, burst);
            let found = (share.capacity, share.interval_us, share.validity.as_millis());
            assert_eq!(found, (capacity, interval_us, validity_ms), "{rate}/s, burst {burst}");
            assert!(share.is_usable());
        }
        assert!(!Share::new(1000.0, 2).is_usable());
    }

    proptest! {
        /// The worst case: a full budget is granted and kept until it is nearly stale, then used
        /// together with all that is granted from then on.
        #[test]
        fn no_window_sees_more_than_burst_plus_rate_times_t(rate in 0.01f64..5000.0, burst in 4u32..10_000, millis in 0u32..10_000) {
            let share = Share::new(rate, burst);
            let window = f64::from(millis) / 1000.0;
            let granted = f64::from(share.capacity) + (window + share.validity.as_secs_f64()) * 1e6 / share.interval_us as f64;
            prop_assert!(granted <= f64::from(burst) + rate * window + 1e-6);
        }
    }
}
