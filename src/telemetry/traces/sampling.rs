//! Which events are traced: what their callers say, chance, and how many there may be in a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::domain::TraceParent;

/// Of the number that an [`Allowance`] is kept in, the bits that count.
const COUNT_BITS: u32 = 24;

/// What is decided about the trace of an event, once and for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Spans are made.
    Record,
    /// None are; what the caller says is passed on as it is.
    PassOn,
    /// None are, though the caller asked for them: there would be too many.
    Decline,
}

/// Decides by the caller's word, else by `chance` (0 to 1); `may` tells whether there may be one more.
pub(super) fn choose(caller: Option<TraceParent>, ratio: f64, chance: f64, may: impl Fn() -> bool) -> Choice {
    match caller {
        Some(caller) if !caller.sampled => Choice::PassOn,
        Some(_) if may() => Choice::Record,
        Some(_) => Choice::Decline,
        None if chance < ratio && may() => Choice::Record,
        None => Choice::PassOn,
    }
}

/// So many in each second and no more.
#[derive(Debug)]
pub(super) struct Allowance {
    most: u64,
    /// The second, and below it how many were taken within it.
    taken: AtomicU64,
}

impl Allowance {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most: u64::from(most).min((1 << COUNT_BITS) - 1),
            taken: AtomicU64::new(0),
        }
    }

    /// Takes one, where the second that is `since` the beginning has one left.
    pub(super) fn take(&self, since: Duration) -> bool {
        let second = since.as_secs();
        let next = |taken: u64| {
            let (before, count) = (taken >> COUNT_BITS, taken & ((1 << COUNT_BITS) - 1));
            // Threads may come with a time that is over by now.
            let (second, count) = if second > before {
                (second, 0)
            } else {
                (before, count)
            };
            (count < self.most).then_some(((second << COUNT_BITS) | count) + 1)
        };
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(sampled: bool) -> Option<TraceParent> {
        Some(TraceParent {
            trace: [1; 16],
            span: [2; 8],
            sampled,
        })
    }

    #[test]
    fn the_caller_decides_else_chance_and_never_too_many() {
        let table = [
            (parent(true), 0.0, 0.9, true, Choice::Record, "the caller asks for it"),
            (parent(true), 1.0, 0.0, false, Choice::Decline, "too many ask for it"),
            (parent(false), 1.0, 0.0, true, Choice::PassOn, "the caller does not want it"),
            (None, 0.1, 0.09, true, Choice::Record, "by chance"),
            (None, 0.1, 0.1, true, Choice::PassOn, "by chance not"),
            (None, 0.0, 0.0, true, Choice::PassOn, "a ratio of nothing"),
            (None, 1.0, 0.999, true, Choice::Record, "a ratio of all"),
            (None, 1.0, 0.0, false, Choice::PassOn, "there are too many"),
        ];
        for (caller, ratio, chance, may, choice, why) in table {
            assert_eq!(choose(caller, ratio, chance, || may), choice, "{why}");
        }
    }

    #[test]
    fn what_is_not_traced_by_chance_takes_nothing_of_the_allowance() {
        let untouched = || -> bool { unreachable!("it was asked") };
        assert_eq!(choose(None, 0.5, 0.7, untouched), Choice::PassOn);
        assert_eq!(choose(parent(false), 0.5, 0.7, untouched), Choice::PassOn);
    }

    #[test]
    fn each_second_has_its_number_and_what_is_left_of_it_is_lost() {
        let allowance = Allowance::new(3);
        let taken = |millis| {
            let at = Duration::from_millis(millis);
            (0..10).filter(|_| allowance.take(at)).count()
        };
        assert_eq!([taken(0), taken(999), taken(1000), taken(500), taken(1999)], [3, 0, 3, 0, 0]);
        assert!(allowance.take(Duration::from_secs(2)));
        assert_eq!(taken(3_600_000), 3);
    }

    #[test]
    fn threads_together_take_no_more_than_there_are() {
        let allowance = Allowance::new(10_000);
        let take = || (0..10_000).filter(|_| allowance.take(Duration::ZERO)).count();
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 10_000);
    }
}
