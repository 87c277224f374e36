//! How fast dead letters are sent again, and when that stops by itself.

use crate::domain::{RedriveState, Timestamp};

/// What of its rate a redrive may make up for after a standstill, in microseconds, beside one whole notification.
/// Another replica may take a second to look, and more to have its turn at a busy database.
const CATCH_UP_US: i64 = 3_000_000;

/// For how many seconds of its rate notifications of a redrive may be under way.
const WINDOW_S: f64 = 5.0;

/// How many may be under way at least and at most, whatever the rate.
const WINDOW: (f64, f64) = (100.0, 5000.0);

/// How many must have come to an end before the share of those that failed again says anything.
const SAMPLE: i64 = 20;

/// How a redrive has come along.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RedriveProgress {
    /// How many it puts back a second.
    pub rate: f64,
    /// Up to when that rate has been used, in microseconds since 1970.
    pub paced_to_us: i64,
    /// How many that it put back have not come to an end.
    pub under_way: i64,
    /// The share of those that came to an end which may fail again.
    pub stop_ratio: Option<f64>,
    /// How many came to an end, since it was last resumed.
    pub settled: i64,
    /// How many of those are dead again.
    pub dead: i64,
}

impl RedriveProgress {
    /// Returns how many may be put back now. Few at a time are under way, so that they wait in the store where
    /// fresh notifications take the account's rate.
    pub fn allowance(&self, now: Timestamp) -> u32 {
        let since = micros(now) - self.start(now);
        let earned = (since as f64 * self.rate / 1e6).floor();
        let window = (self.rate * WINDOW_S).clamp(WINDOW.0, WINDOW.1);
        let room = window - self.under_way as f64;
        earned.min(room).max(0.0) as u32
    }

    /// Returns up to when the rate is used once so many more are put back.
    pub fn paced_to(&self, sent: usize, now: Timestamp) -> i64 {
        self.start(now) + (sent as f64 * 1e6 / self.rate).ceil() as i64
    }

    /// Returns what it comes to: it stops where too much failed again, and is complete where nothing is left.
    pub fn verdict(&self, nothing_left: bool) -> Option<RedriveState> {
        let failed_again = self.dead as f64 / self.settled.max(1) as f64;
        if self.settled >= SAMPLE && self.stop_ratio.is_some_and(|ratio| failed_again > ratio) {
            return Some(RedriveState::Stopped);
        }
        (nothing_left && self.under_way == 0).then_some(RedriveState::Completed)
    }

    fn start(&self, now: Timestamp) -> i64 {
        let catch_up = CATCH_UP_US.saturating_add((1e6 / self.rate).ceil() as i64);
        self.paced_to_us.max(micros(now).saturating_sub(catch_up))
    }
}

fn micros(moment: Timestamp) -> i64 {
    moment.as_millis().saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_stops_where_more_than_the_share_fails_again() {
        let at = |settled, dead, stop_ratio| RedriveProgress {
            settled,
            dead,
            stop_ratio,
            ..RedriveProgress::default()
        };
        let table = [
            (at(19, 19, Some(0.5)), false, None, "too few to tell"),
            (at(20, 10, Some(0.5)), false, None, "the share itself is allowed"),
            (at(20, 11, Some(0.5)), false, Some(RedriveState::Stopped), "more is not"),
            (at(20, 20, None), false, None, "no share was set"),
            (at(20, 20, None), true, Some(RedriveState::Completed), "nothing is left"),
            (at(20, 20, Some(0.1)), true, Some(RedriveState::Stopped), "nor is it a success"),
        ];
        for (progress, nothing_left, right, why) in table {
            assert_eq!(progress.verdict(nothing_left), right, "{why}");
        }
        let waiting = RedriveProgress {
            under_way: 1,
            ..RedriveProgress::default()
        };
        assert_eq!(waiting.verdict(true), None, "one is under way");
    }

    proptest! {
        /// However irregularly it is looked at, the rate is kept, and used where looks are frequent.
        #[test]
        fn the_rate_is_kept_over_any_looks(rate in 0.1f64..5000.0, waits in prop::collection::vec(1u64..900, 1..60)) {
            let begun = Timestamp::from_millis(1_000_000);
            let mut progress = RedriveProgress { rate, paced_to_us: micros(begun), ..RedriveProgress::default() };
            let (mut now, mut sent) = (begun, 0.0);
            for wait in waits {
                now = now.after(std::time::Duration::from_millis(wait));
                let allowed = progress.allowance(now);
                progress.paced_to_us = progress.paced_to(allowed as usize, now);
                sent += f64::from(allowed);
            }
            let seconds = now.since(begun).as_secs_f64();
            prop_assert!(sent <= rate * seconds + 1e-6, "{sent} in {seconds} s");
            // What one look may take in is bounded by the window.
            prop_assert!(rate > 1000.0 || sent >= (rate * seconds - 1.0).floor() - 1e-6 , "{sent} in {seconds} s");
        }
    }
}
