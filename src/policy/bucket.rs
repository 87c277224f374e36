//! A bucket of permits in exact time: it knows when the next one is there, so whoever waits need not look before.
//!
//! A generic cell rate algorithm: permits come one by one, so over any window of length t at most
//! `capacity + rate × t` are taken. The capacity is the burst less what requests may bunch up on their way to Svix.

use std::time::{Duration, Instant};

use super::pace::bunching;

/// Permits that come at an even pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The time in which it fills up but for one permit.
    slack: Duration,
    /// The time in which it gains one.
    interval: Duration,
    full_at: Instant,
}

impl Bucket {
    /// Makes one for `per_second` (above 0) and `burst` (at least 2) requests that is empty at that time.
    #[must_use]
    pub fn empty(per_second: f64, burst: u32, at: Instant) -> Self {
        let held_back = bunching(per_second, f64::from(burst)).max(1.0) as u32;
        let interval = Duration::from_nanos((1e9 / per_second).ceil() as u64);
        let slack = interval * burst.saturating_sub(held_back + 1);
        Self {
            slack,
            interval,
            full_at: at + slack + interval,
        }
    }

    /// Returns when there is a permit: `now` where there is one.
    #[must_use]
    pub fn next_at(&self, now: Instant) -> Instant {
        let to_full = self.full_at.saturating_duration_since(now);
        now + to_full.saturating_sub(self.slack)
    }

    /// Takes a permit, which there is.
    pub fn take(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + self.interval;
    }

    /// Tells whether it holds all that it can.
    #[must_use]
    pub fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes whatever there is at that time.
    fn drain(bucket: &mut Bucket, now: Instant) -> usize {
        let mut taken = 0;
        while bucket.next_at(now) <= now {
            bucket.take(now);
            taken += 1;
        }
        taken
    }

    #[test]
    fn it_starts_empty_and_says_to_the_nanosecond_when_the_next_permit_is_there() {
        let (start, interval) = (Instant::now(), Duration::from_millis(200));
        let mut bucket = Bucket::empty(5.0, 10, start);
        assert_eq!(bucket.next_at(start), start + interval);
        let just_before = start + interval - Duration::from_nanos(1);
        assert_eq!(drain(&mut bucket, just_before), 0);
        assert_eq!(drain(&mut bucket, start + interval), 1);
        assert_eq!(bucket.next_at(start + interval), start + interval * 2);
        let rested = start + Duration::from_secs(3600);
        assert!(bucket.is_full(rested));
        assert_eq!(drain(&mut bucket, rested), 9, "one of the burst is for those that bunch up");
        assert!(!bucket.is_full(rested) && bucket.next_at(rested) == rested + interval);
    }

    #[test]
    fn every_rate_and_burst_that_can_be_set_lets_something_out() {
        for (rate, burst) in [
            (0.001, 2),
            (0.001, 1_000_000),
            (1e6, 2),
            (1e6, 1_000_000),
            (50.0, 3),
            (1000.0, 4),
        ] {
            let start = Instant::now();
            let mut bucket = Bucket::empty(rate, burst, start);
            let second = Duration::from_secs(1);
            let next = bucket.next_at(start);
            assert!(next > start && next <= start + 1000 * second, "{rate}/s, burst {burst}");
            assert_eq!(drain(&mut bucket, next), 1, "{rate}/s, burst {burst}");
        }
    }

    proptest! {
        /// Whoever takes all there is after each of any waits takes at most burst + rate × t in any window.
        #[test]
        fn no_window_sees_more_than_burst_plus_rate_times_t(
            rate in 0.01f64..5000.0, burst in 2u32..200, waits in prop::collection::vec(0u64..400_000, 1..60),
        ) {
            let start = Instant::now();
            let mut bucket = Bucket::empty(rate, burst, start);
            let (mut now, mut grants) = (start, Vec::new());
            for micros in waits {
                // Waits are worth some permits, or a part of one, at any rate.
                now += Duration::from_micros(micros).div_f64(rate.min(1000.0));
                grants.push((now, drain(&mut bucket, now)));
            }
            for (first, (from, _)) in grants.iter().enumerate() {
                let mut sum = 0;
                for (to, granted) in grants.iter().skip(first) {
                    sum += granted;
                    let most = f64::from(burst) + rate * to.duration_since(*from).as_secs_f64();
                    prop_assert!(sum as f64 <= most + 1e-6, "{} within {:?}", sum, to.duration_since(*from));
                }
            }
        }
    }
}
