//! From "so many per second, so many at once" to a bucket that never lets more through.
//!
//! A bucket that refills in ticks can be drained just before a tick and again just after it, so a
//! bucket of `burst` would let `burst + refill` through in no time. The capacity is therefore the
//! burst less one refill, less what requests may bunch up on their way to Svix.

use std::time::Duration;

/// How unevenly requests that left at an even pace may arrive.
const BUNCHING_S: f64 = 0.010;

/// The longest tick that is considered where a rate does not divide evenly, in milliseconds.
const LONGEST_TICK_MS: u32 = 100;

/// The settings of a bucket that keeps an account's rate over every window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Permits that the bucket holds at most.
    pub capacity: usize,
    /// Permits that one tick adds.
    pub refill: usize,
    /// Whole milliseconds from tick to tick.
    pub interval: Duration,
}

impl Pace {
    /// Finds the settings for `per_second` (above 0) and `burst` (at least 2) requests.
    pub fn new(per_second: f64, burst: u32) -> Self {
        let (refill, interval_ms) = best_tick(per_second, f64::from((burst / 4).max(1)));
        let capacity = f64::from(burst) - refill - bunching(per_second, f64::from(burst));
        Self {
            capacity: whole(capacity.max(1.0)),
            refill: whole(refill),
            interval: Duration::from_millis(interval_ms),
        }
    }
}

/// Returns how many requests of a burst must be held back for those that bunch up on their way.
pub(super) fn bunching(per_second: f64, burst: f64) -> f64 {
    (per_second * BUNCHING_S).ceil().min((burst / 4.0).floor())
}

/// Finds the tick that comes closest to the rate from below: (permits, milliseconds).
fn best_tick(per_second: f64, most: f64) -> (f64, u64) {
    let single = (1.0, (1000.0 / per_second).ceil().max(1.0));
    let best = (10..=LONGEST_TICK_MS)
        .map(|ms| ((per_second * f64::from(ms) / 1000.0).floor().min(most), f64::from(ms)))
        .filter(|(refill, _)| *refill >= 1.0)
        .chain([single])
        .reduce(|best, next| {
            if next.0 / next.1 > best.0 / best.1 {
                next
            } else {
                best
            }
        })
        .unwrap_or(single);
    (best.0, whole(best.1) as u64)
}

/// Cuts a positive number to a whole one; what is too large stays at the largest.
fn whole(number: f64) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_is_one_permit_every_200_ms() {
        let pace = Pace::new(5.0, 10);
        assert_eq!((pace.refill, pace.interval.as_millis(), pace.capacity), (1, 200, 8));
    }

    #[test]
    fn common_rates_are_used_to_at_least_ninety_percent() {
        for (rate, burst) in [
            (0.5, 2),
            (5.0, 10),
            (7.0, 10),
            (50.0, 10),
            (75.0, 20),
            (200.0, 50),
            (800.0, 100),
        ] {
            let pace = Pace::new(rate, burst);
            let reached = pace.refill as f64 / pace.interval.as_secs_f64();
            assert!(reached > rate * 0.9, "{rate}: {reached}");
        }
    }

    proptest! {
        /// The worst case: a full bucket drained, then every tick taken as it comes, the first at once.
        #[test]
        fn no_window_sees_more_than_burst_plus_rate_times_t(rate in 0.01f64..5000.0, burst in 2u32..10_000, ticks in 0u32..1000) {
            let pace = Pace::new(rate, burst);
            let sent = pace.capacity + pace.refill * (ticks as usize + 1);
            let window = pace.interval.as_secs_f64() * f64::from(ticks);
            prop_assert!(sent as f64 <= f64::from(burst) + rate * window + 1e-6);
        }
    }
}
