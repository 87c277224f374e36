//! How long to wait before the next attempt: exponential, bounded, with jitter both ways.

use std::time::Duration;

/// The shape of the waits between attempts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The wait after the first failed attempt.
    pub initial: Duration,
    /// The factor from one wait to the next, at least 1.
    pub multiplier: f64,
    /// The longest wait, before jitter.
    pub max: Duration,
    /// The share of a wait, 0 to 1, by which it may be shorter or longer.
    pub jitter: f64,
}

impl Backoff {
    /// Returns the wait after the `spent`-th failed attempt (from 1 on); `chance` is in 0..1.
    pub fn delay(&self, spent: u32, chance: f64) -> Duration {
        let exponent = i32::try_from(spent.saturating_sub(1)).unwrap_or(i32::MAX);
        let max = self.max.as_secs_f64();
        let plain = (self.initial.as_secs_f64() * self.multiplier.powi(exponent)).min(max);
        let factor = 1.0 + self.jitter * (2.0 * chance - 1.0);
        Duration::try_from_secs_f64(plain * factor).unwrap_or(self.max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff {
        initial: Duration::from_secs(1),
        multiplier: 4.0,
        max: Duration::from_secs(3600),
        jitter: 0.2,
    };

    #[test]
    fn waits_grow_by_the_multiplier_up_to_the_maximum() {
        let middle = |spent| BACKOFF.delay(spent, 0.5).as_secs();
        assert_eq!([1, 2, 3, 4, 7, 8].map(middle), [1, 4, 16, 64, 3600, 3600]);
    }

    proptest! {
        #[test]
        fn every_wait_stays_within_its_bounds(spent in 0u32.., chance in 0.0f64..1.0) {
            let delay = BACKOFF.delay(spent, chance);
            prop_assert!(delay >= BACKOFF.initial.mul_f64(0.8));
            prop_assert!(delay <= BACKOFF.max.mul_f64(1.2));
        }
    }
}
