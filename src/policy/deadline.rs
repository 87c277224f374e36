//! Until when a notification may be sent, and what becomes of it from then on.

use std::time::Duration;

use crate::domain::{Progress, Reason, Stage, Timestamp};

/// The moment from which on a notification is not sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    at: Timestamp,
    reason: Reason,
}

/// What a notification comes to whose deadline is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// Svix cannot hold it: it ends for this reason.
    Unsent(Reason),
    /// Svix may hold it: that is looked into before anything is said of it.
    Unclear,
}

impl Deadline {
    /// Finds the deadline of what was accepted then: the earlier of what the event says and what an
    /// operator allows.
    pub fn of(
        accepted_at: Timestamp,
        expires_at: Option<Timestamp>,
        max_age: Option<Duration>,
    ) -> Option<Self> {
        let own = expires_at.map(|at| Self {
            at,
            reason: Reason::PastExpiry,
        });
        let age = max_age.map(|age| Self {
            at: accepted_at.after(age),
            reason: Reason::TooOld,
        });
        [own, age]
            .into_iter()
            .flatten()
            .min_by_key(|deadline| deadline.at)
    }

    /// Tells whether nothing is sent at that time any more.
    pub fn is_over(self, at: Timestamp) -> bool {
        at >= self.at
    }

    /// Returns why what was not sent by then ends.
    pub fn reason(self) -> Reason {
        self.reason
    }

    /// Tells what becomes of a notification that would be sent at that time, where it is too late for
    /// that. `suspect` tells whether an earlier holder may have sent it. What Svix is known to hold, or
    /// is being asked about, is not sent and so never too late.
    pub fn overdue(self, at: Timestamp, suspect: bool, progress: &Progress) -> Option<Overdue> {
        if progress.stage != Stage::Send || !self.is_over(at) {
            return None;
        }
        Some(if progress.ambiguous || suspect {
            Overdue::Unclear
        } else {
            Overdue::Unsent(self.reason)
        })
    }
}

/// Lets the next request ask whether Svix holds the notification rather than send it. Where it does,
/// a dispatch must be seen.
pub fn ask_first(progress: &mut Progress) {
    progress.stage = Stage::Confirm;
    progress.ambiguous = true;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn the_earlier_of_both_is_the_deadline_and_its_reason() {
        let table = [
            (None, None, None, "neither is set"),
            (Some(130), None, Some((130, Reason::PastExpiry)), "the event's own only"),
            (None, Some(20), Some((120, Reason::TooOld)), "the greatest age only"),
            (Some(130), Some(20), Some((120, Reason::TooOld)), "the age is reached first"),
            (Some(110), Some(20), Some((110, Reason::PastExpiry)), "the event's own is reached first"),
            (Some(120), Some(20), Some((120, Reason::PastExpiry)), "at once: the event speaks for itself"),
            (Some(5), Some(20), Some((5, Reason::PastExpiry)), "before it was even accepted"),
        ];
        for (own, age, right, why) in table {
            let found = Deadline::of(at(100), own.map(at), age.map(Duration::from_secs));
            assert_eq!(
                found.map(|deadline| (deadline.at, deadline.reason())),
                right.map(|(s, r)| (at(s), r)),
                "{why}"
            );
        }
    }

    #[test]
    fn only_what_would_be_sent_can_be_too_late_and_only_what_is_surely_unsent_ends() {
        let deadline = Deadline::of(at(0), Some(at(10)), None).unwrap();
        let unsent = Some(Overdue::Unsent(Reason::PastExpiry));
        let prove = Stage::Prove {
            since: at(0),
            resends: 0,
        };
        let table = [
            (9, Stage::Send, false, false, None, "there is time left"),
            (10, Stage::Send, false, false, unsent, "the deadline itself is too late"),
            (11, Stage::Send, true, false, Some(Overdue::Unclear), "an attempt was ambiguous"),
            (11, Stage::Send, false, true, Some(Overdue::Unclear), "an earlier holder may have sent it"),
            (9, Stage::Send, true, true, None, "that alone ends nothing"),
            (11, Stage::Confirm, false, false, None, "it is being asked about"),
            (11, prove, true, false, None, "svix holds it"),
        ];
        for (seconds, stage, ambiguous, suspect, right, why) in table {
            let progress = Progress {
                stage,
                ambiguous,
                ..Progress::default()
            };
            assert_eq!(deadline.overdue(at(seconds), suspect, &progress), right, "{why}");
        }
    }
}
