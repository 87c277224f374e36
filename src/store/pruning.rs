//! When the writer deletes what is over, and how much at once: in small steps with long pauses, so that it is
//! never what an accept waits for.

use std::time::{Duration, Instant};

use super::retention::{Cutoffs, Retention};
use crate::domain::Timestamp;

/// How many times as long as a step the pause after it is: deleting gets a seventh of the writer's time.
const PAUSE: u32 = 6;

/// How long a step should take at most; after a longer one the next is smaller.
const LONG: Duration = Duration::from_millis(8);

/// After a shorter one the next is larger.
const SHORT: Duration = Duration::from_millis(4);

/// How many rows or cells one step takes in.
const LARGEST: u32 = 500;
const SMALLEST: u32 = 20;

/// How often it is looked for what is over by now.
const ROUND: Duration = Duration::from_secs(60);

/// How often rows that a look has passed by are looked at again: they stayed because they came to their end
/// late, or are dead and have a longer time, or wait.
const REVIEW: Duration = Duration::from_secs(3600);

/// One step of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Rows after this one.
    Rows { after: i64, limit: u32 },
    /// Counts by minute, and redrives.
    Counts { limit: u32 },
    /// The space that all that took.
    Space,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// It looked at the rows up to this one, or at none that could be over.
    Rows(Option<i64>),
    /// It did what it was to, and there may be more.
    More,
    /// Nothing is left.
    Nothing,
}

/// The place in the work. A round is all rows that may be over, then counts, then space.
#[derive(Debug)]
pub(super) struct Pruning {
    retention: Retention,
    step: Step,
    limit: u32,
    next: Instant,
    /// Of the round under way, so that it has an end whatever grows old meanwhile.
    cutoffs: Option<Cutoffs>,
    review: Instant,
    looked_to: i64,
}

impl Pruning {
    pub(super) fn new(retention: Retention, now: Instant) -> Self {
        Self {
            retention,
            step: Step::Space,
            limit: LARGEST,
            next: now,
            cutoffs: None,
            review: now,
            looked_to: 0,
        }
    }

    /// Returns when the next step is due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Returns the step that is due, if one is.
    pub(super) fn due(&mut self, now: Instant, time: Timestamp) -> Option<(Step, Cutoffs)> {
        if now < self.next {
            return None;
        }
        let cutoffs = match self.cutoffs {
            Some(cutoffs) => cutoffs,
            None => self.begin(now, time),
        };
        Some((self.step, cutoffs))
    }

    fn begin(&mut self, now: Instant, time: Timestamp) -> Cutoffs {
        if now >= self.review {
            self.review = now + REVIEW;
            self.looked_to = 0;
        }
        self.step = self.rows();
        *self.cutoffs.insert(self.retention.cutoffs(time))
    }

    /// Notes what the step came to that was begun at one moment and ended at another.
    pub(super) fn done(&mut self, began: Instant, ended: Instant, done: Done) {
        let took = ended.saturating_duration_since(began);
        if took > LONG {
            self.limit = (self.limit / 2).max(SMALLEST);
        } else if took < SHORT {
            self.limit = (self.limit * 2).min(LARGEST);
        }
        self.next = ended + took * PAUSE;
        self.step = match (self.step, done) {
            (_, Done::Rows(Some(row))) => {
                self.looked_to = row;
                self.rows()
            }
            (Step::Rows { .. }, _) | (Step::Counts { .. }, Done::More) => Step::Counts { limit: self.limit },
            (Step::Counts { .. }, _) | (Step::Space, Done::More) => Step::Space,
            (Step::Space, _) => {
                self.rest(ended);
                Step::Space
            }
        };
    }

    /// Notes that a step could not be done: the rest has time.
    pub(super) fn failed(&mut self, now: Instant) {
        self.limit = (self.limit / 2).max(SMALLEST);
        self.rest(now);
    }

    fn rest(&mut self, now: Instant) {
        self.cutoffs = None;
        self.next = now + ROUND;
    }

    fn rows(&self) -> Step {
        Step::Rows {
            after: self.looked_to,
            limit: self.limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Timestamp = Timestamp::from_millis(1_000_000_000_000);

    fn pruning() -> (Pruning, Instant) {
        let now = Instant::now();
        let retention = Retention {
            settled: Duration::from_secs(60),
            ..Retention::default()
        };
        (Pruning::new(retention, now), now)
    }

    /// Takes the step that is due; it takes so long and comes to this. Returns it, and when it ended.
    fn take(pruning: &mut Pruning, now: Instant, takes: Duration, done: Done) -> (Step, Instant) {
        let (step, _) = pruning.due(now, TIME).expect("a step is due");
        pruning.done(now, now + takes, done);
        (step, now + takes)
    }

    #[test]
    fn a_round_goes_over_rows_then_counts_then_space_and_then_rests() {
        let (mut pruning, mut now) = pruning();
        let mut steps = Vec::new();
        for done in [
            Done::Rows(Some(500)),
            Done::Rows(Some(900)),
            Done::Rows(None),
            Done::More,
            Done::Nothing,
            Done::More,
            Done::Nothing,
        ] {
            now = pruning.next().max(now);
            let (step, ended) = take(&mut pruning, now, Duration::from_millis(1), done);
            steps.push(step);
            now = ended;
        }
        let rows = |after| Step::Rows {
            after,
            limit: LARGEST,
        };
        let counts = Step::Counts { limit: LARGEST };
        let expected = [
            rows(0),
            rows(500),
            rows(900),
            counts,
            counts,
            Step::Space,
            Step::Space,
        ];
        assert_eq!(steps, expected);
        assert_eq!(pruning.next(), now + ROUND);
        assert_eq!(pruning.due(now, TIME), None);
        let (step, _) = pruning.due(pruning.next(), TIME).unwrap();
        assert_eq!(step, rows(900), "what it has looked at is not looked at each minute");
        let (_, cutoffs) = pruning.due(now + REVIEW, TIME.after(ROUND)).unwrap();
        assert_eq!(
            cutoffs.settled,
            TIME.before(Duration::from_secs(60)),
            "a round has its cutoffs from its start"
        );
    }

    #[test]
    fn what_stayed_is_looked_at_again_in_time() {
        let (mut pruning, start) = pruning();
        let mut looked_at_again = Vec::new();
        let mut now = start;
        while now < start + 3 * REVIEW {
            for done in [
                Done::Rows(Some(77)),
                Done::Rows(None),
                Done::Nothing,
                Done::Nothing,
            ] {
                let (step, _) = take(&mut pruning, now, Duration::ZERO, done);
                if matches!(step, Step::Rows { after: 0, .. }) {
                    looked_at_again.push(now.duration_since(start));
                }
            }
            now = pruning.next();
        }
        assert_eq!(looked_at_again, [Duration::ZERO, REVIEW, 2 * REVIEW]);
    }

    #[test]
    fn it_takes_no_more_than_its_share_of_the_time_and_always_gets_on() {
        let (mut pruning, start) = pruning();
        let mut chance = fastrand::Rng::with_seed(7);
        let (mut now, mut busy, mut row) = (start, Duration::ZERO, 0);
        for _ in 0..1000 {
            // The writer comes by now and then, never in vain for long.
            while now < pruning.next() {
                assert_eq!(pruning.due(now, TIME), None);
                now += Duration::from_micros(chance.u64(1..5000));
            }
            let takes = Duration::from_micros(chance.u64(100..30_000));
            row += 1;
            (_, now) = take(&mut pruning, now, takes, Done::Rows(Some(row)));
            busy += takes;
        }
        let end = pruning.next();
        assert!(busy * (PAUSE + 1) <= end.duration_since(start), "a seventh at most");
        assert!(busy * (PAUSE + 2) >= end.duration_since(start), "and not much less");
    }

    #[test]
    fn steps_become_smaller_where_they_take_long_and_larger_again() {
        let (mut pruning, mut now) = pruning();
        let mut limits = Vec::new();
        let millis = [1, 9, 20, 6, 50, 90, 90, 90, 90, 1, 1];
        for (row, took) in (1..).zip(millis) {
            now = pruning.next().max(now);
            let done = Done::Rows(Some(row));
            let (step, _) = take(&mut pruning, now, Duration::from_millis(took), done);
            if let Step::Rows { limit, .. } = step {
                limits.push(limit);
            }
        }
        assert_eq!(limits, [500, 500, 250, 125, 125, 62, 31, 20, 20, 20, 40]);
    }

    #[test]
    fn after_a_failure_it_rests_and_goes_on_where_it_was() {
        let (mut pruning, now) = pruning();
        let (_, now) = take(&mut pruning, now, Duration::ZERO, Done::Rows(Some(500)));
        pruning.failed(now);
        assert_eq!(pruning.due(now, TIME), None);
        let (step, _) = pruning.due(now + ROUND, TIME).unwrap();
        assert_eq!(
            step,
            Step::Rows {
                after: 500,
                limit: LARGEST / 2
            }
        );
    }
}
