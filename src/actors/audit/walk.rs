//! Which minute the check looks at next, and what it knows to differ.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::domain::Customer;
use crate::store::{Compared, Difference, Pick};

/// Differences that are remembered at most; more are found again once some of these are mended.
const KNOWN: usize = 1000;

/// What one step looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// A minute that differed.
    Again(i64),
    /// Those that have ended since the walk began.
    New(Range<i64>),
    /// Those that the walk has not come to yet.
    Old(Range<i64>),
}

impl Look {
    /// Returns among which minutes it looks, and for which of them.
    pub(super) fn target(&self) -> (Range<i64>, Pick) {
        match self {
            Self::Again(minute) => (*minute..minute.saturating_add(1), Pick::Newest),
            Self::New(minutes) => (minutes.clone(), Pick::Oldest),
            Self::Old(minutes) => (minutes.clone(), Pick::Newest),
        }
    }
}

/// Goes from the newest minute that has ended to the oldest and begins anew, takes in between what has
/// ended meanwhile, and comes back to what differs every other step.
pub(super) struct Walk {
    /// Up to where all minutes have been looked at, or are about to be.
    front: i64,
    /// The minute that the walk has come down to.
    down_to: i64,
    again: bool,
    last_again: i64,
}

impl Walk {
    /// Begins with the minutes before this one.
    pub(super) fn new(ended: i64) -> Self {
        Self {
            front: ended,
            down_to: ended,
            again: false,
            last_again: i64::MIN,
        }
    }

    /// Decides what to look at, where the minutes before `ended` have ended.
    pub(super) fn next(&mut self, ended: i64, known: &Known) -> Look {
        self.again = !self.again;
        if self.again
            && let Some(minute) = known.minute_after(self.last_again)
        {
            self.last_again = minute;
            return Look::Again(minute);
        }
        if self.front < ended {
            return Look::New(self.front..ended);
        }
        Look::Old(i64::MIN..self.down_to)
    }

    /// Moves on by what a look came to. Returns whether the end was reached.
    pub(super) fn seen(&mut self, look: &Look, compared: &Compared) -> bool {
        match (look, compared) {
            (Look::New(_), Compared::Minute { minute, .. } | Compared::GaveUp { minute }) => {
                self.front = minute.saturating_add(1);
            }
            (Look::New(minutes), Compared::Nothing) => self.front = minutes.end,
            (Look::Old(_), Compared::Minute { minute, .. } | Compared::GaveUp { minute }) => {
                self.down_to = *minute;
            }
            (Look::Old(_), Compared::Nothing) => {
                let moved = self.down_to != self.front;
                self.down_to = self.front;
                return moved;
            }
            (Look::Again(_), _) | (_, Compared::Busy) => {}
        }
        false
    }
}

/// What is known to differ.
#[derive(Default)]
pub(super) struct Known(BTreeMap<(Option<i64>, Customer), Difference>);

/// What a look changed of what is known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// What differs and did not, or differs in another way.
    pub(super) found: Vec<Difference>,
    /// How many do not differ any more.
    pub(super) mended: usize,
}

impl Known {
    /// Takes over what a look found among what it `covered`.
    pub(super) fn update(&mut self, covered: impl Fn(&Difference) -> bool, found: &[Difference]) -> News {
        let before = self.0.len();
        self.0
            .retain(|_, known| !covered(known) || found.iter().any(|found| is_same(found, known)));
        let mut news = News {
            found: Vec::new(),
            mended: before - self.0.len(),
        };
        for difference in found {
            let place = (difference.minute, difference.customer.clone());
            let known = self.0.get(&place);
            if known == Some(difference) || (known.is_none() && self.0.len() >= KNOWN) {
                continue;
            }
            self.0.insert(place, difference.clone());
            news.found.push(difference.clone());
        }
        news
    }

    pub(super) fn all(&self) -> Arc<[Difference]> {
        self.0.values().cloned().collect()
    }

    /// Returns the next minute that differs, round and round.
    fn minute_after(&self, minute: i64) -> Option<i64> {
        let mut minutes = self.0.keys().filter_map(|(minute, _)| *minute);
        let first = minutes.next()?;
        Some(
            std::iter::once(first)
                .chain(minutes)
                .find(|known| *known > minute)
                .unwrap_or(first),
        )
    }
}

/// Tells whether two differences are about the same counts.
fn is_same(one: &Difference, other: &Difference) -> bool {
    one.minute == other.minute && one.customer == other.customer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::examples::customer;

    fn difference(name: &str, minute: Option<i64>, unaccounted: i64) -> Difference {
        Difference {
            customer: customer(name),
            minute,
            unaccounted,
            states: Vec::new(),
        }
    }

    fn compared(minute: i64) -> Compared {
        Compared::Minute {
            minute,
            differences: Vec::new(),
        }
    }

    #[test]
    fn the_walk_goes_down_takes_in_what_has_ended_and_begins_anew() {
        let (mut walk, known) = (Walk::new(100), Known::default());
        assert_eq!(walk.next(100, &known), Look::Old(i64::MIN..100));
        assert!(!walk.seen(&Look::Old(i64::MIN..100), &compared(99)));
        let look = walk.next(102, &known);
        assert_eq!(look, Look::New(100..102));
        walk.seen(&look, &Compared::Busy);
        assert_eq!(walk.next(102, &known), look, "what could not be looked at stays next");
        walk.seen(&look, &compared(100));
        assert_eq!(walk.next(102, &known), Look::New(101..102));
        walk.seen(&Look::New(101..102), &Compared::Nothing);
        let look = walk.next(102, &known);
        assert_eq!(look, Look::Old(i64::MIN..99));
        walk.seen(&look, &Compared::GaveUp { minute: 40 });
        let look = walk.next(102, &known);
        assert_eq!(look, Look::Old(i64::MIN..40), "what takes too long is passed over");
        assert!(walk.seen(&look, &Compared::Nothing), "the end");
        assert_eq!(walk.next(102, &known), Look::Old(i64::MIN..102));
    }

    #[test]
    fn what_differs_is_looked_at_again_every_other_step_in_turn() {
        let (mut walk, mut known) = (Walk::new(100), Known::default());
        let found = [
            difference("a", Some(7), 1),
            difference("a", Some(5), 1),
            difference("a", None, 1),
        ];
        known.update(|_| true, &found);
        let looks: Vec<Look> = (0..6).map(|_| walk.next(100, &known)).collect();
        let old = Look::Old(i64::MIN..100);
        let right = [
            Look::Again(5),
            old.clone(),
            Look::Again(7),
            old.clone(),
            Look::Again(5),
            old,
        ];
        assert_eq!(looks, right);
    }

    #[test]
    fn only_what_is_new_or_changed_is_news() {
        let mut known = Known::default();
        let of_minute = |difference: &Difference| difference.minute == Some(5);
        let found = [difference("a", Some(5), 1), difference("b", Some(5), 1)];
        assert_eq!(known.update(of_minute, &found).found, found);
        assert_eq!(known.update(of_minute, &found), News::default());
        assert_eq!(known.update(|difference| difference.minute == Some(6), &[]), News::default());
        let changed = [difference("b", Some(5), 2)];
        let news = known.update(of_minute, &changed);
        assert_eq!((news.found, news.mended), (changed.to_vec(), 1));
        assert_eq!(known.all().len(), 1);
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let mut known = Known::default();
        let found: Vec<_> = (0..2000).map(|minute| difference("a", Some(minute), 1)).collect();
        assert_eq!(known.update(|_| true, &found).found.len(), KNOWN);
        assert_eq!(known.update(|_| false, &found), News::default());
    }
}
