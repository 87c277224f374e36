//! Which fault hits which request: faults and a number make a plan for one request.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::answer::Answer;
use super::dice::falls;
use super::faults::Faults;

/// What happens to a request instead of its work.
#[derive(Debug)]
pub(super) enum Instead {
    /// It is answered with this.
    Answer(Answer),
    /// It is never answered.
    Hang,
    /// Its connection is broken.
    Break,
}

/// What happens to a request after its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is answered.
    #[default]
    Answer,
    /// It is never answered.
    Hang,
    /// Its connection is broken.
    Break,
    /// It is answered 500.
    Fail,
}

/// What happens to one request.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What happens instead of its work.
    pub(super) instead: Option<Instead>,
    /// How long its answer is held back.
    pub(super) delay: Duration,
    /// How it ends.
    pub(super) ending: Ending,
    /// Whether its message is never dispatched.
    pub(super) lose_dispatch: bool,
    /// Whether its idempotency key is not remembered.
    pub(super) forget_key: bool,
    /// Whether the body of an error repeats the `Authorization` header.
    pub(super) echo_authorization: bool,
}

/// The faults in force, and how often they have struck.
#[derive(Debug)]
pub(super) struct Planner {
    seed: u64,
    /// Whether there are any; the plain path looks no further.
    any: AtomicBool,
    campaign: Mutex<Arc<Campaign>>,
}

/// Faults since they were set.
#[derive(Debug)]
struct Campaign {
    faults: Faults,
    number: AtomicU64,
    left: AtomicU64,
}

/// One stream of throws for each question, so that one does not follow from another.
#[derive(Clone, Copy)]
enum Question {
    Status = 1,
    Hang,
    Break,
    LoseDispatch,
    LoseAnyDispatch,
    ForgetKey,
    Fail,
}

impl Planner {
    /// Starts without faults.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            any: AtomicBool::new(false),
            campaign: Mutex::new(Arc::new(Campaign::new(Faults::default()))),
        }
    }

    /// Puts these faults in force in place of those before.
    pub(super) fn set(&self, faults: Faults) {
        let any = faults != Faults::default();
        *self.campaign.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Campaign::new(faults));
        self.any.store(any, Ordering::Release);
    }

    /// Returns the faults in force.
    pub(super) fn faults(&self) -> Faults {
        self.campaign().faults.clone()
    }

    /// Decides what happens to the next request.
    pub(super) fn next(&self, posts_message: bool, event_id: Option<&str>) -> Plan {
        if !self.any.load(Ordering::Acquire) {
            return Plan::default();
        }
        let campaign = self.campaign();
        let faults = &campaign.faults;
        let untouched = || Plan {
            echo_authorization: faults.echo_authorization,
            ..Plan::default()
        };
        let is_spared = |start: &String| !event_id.is_some_and(|id| id.starts_with(start.as_str()));
        if faults.only_messages && !posts_message || faults.only_events.as_ref().is_some_and(is_spared) {
            return untouched();
        }
        let number = campaign.number.fetch_add(1, Ordering::Relaxed);
        let plan = self.plan(faults, number, posts_message);
        if plan.touches() && !campaign.strike() {
            untouched()
        } else {
            plan
        }
    }

    fn campaign(&self) -> Arc<Campaign> {
        Arc::clone(&self.campaign.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn plan(&self, faults: &Faults, number: u64, posts_message: bool) -> Plan {
        let falls = |question: Question, share| falls(self.seed ^ ((question as u64) << 32), number, share);
        let instead = if faults.hang_before {
            Some(Instead::Hang)
        } else if faults.drop_before {
            Some(Instead::Break)
        } else if let Some(status) = faults
            .status
            .filter(|_| falls(Question::Status, faults.status_ratio))
        {
            Some(Instead::Answer(answer(faults, status)))
        } else if faults.refuse_tokens {
            Some(Instead::Answer(Answer::unauthorized()))
        } else {
            None
        };
        let works = posts_message && instead.is_none();
        let ending = if works && falls(Question::Hang, faults.hang_ratio) {
            Ending::Hang
        } else if works && falls(Question::Break, faults.drop_ratio) {
            Ending::Break
        } else if works && falls(Question::Fail, faults.fail_ratio) {
            Ending::Fail
        } else {
            Ending::Answer
        };
        let (fails, unanswered) = (ending == Ending::Fail, matches!(ending, Ending::Hang | Ending::Break));
        Plan {
            instead,
            delay: Duration::from_millis(faults.delay_ms),
            ending,
            lose_dispatch: fails
                || unanswered && falls(Question::LoseDispatch, faults.lose_dispatch_ratio)
                || works && falls(Question::LoseAnyDispatch, faults.lose_any_dispatch_ratio),
            forget_key: fails || unanswered && falls(Question::ForgetKey, faults.forget_key_ratio),
            echo_authorization: faults.echo_authorization,
        }
    }
}

impl Campaign {
    fn new(faults: Faults) -> Self {
        let left = AtomicU64::new(faults.fault_limit.unwrap_or(u64::MAX));
        Self {
            faults,
            number: AtomicU64::new(0),
            left,
        }
    }

    /// Takes one of the strikes that are left; says whether there was one.
    fn strike(&self) -> bool {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
    }
}

impl Plan {
    /// Tells whether the request is touched at all.
    fn touches(&self) -> bool {
        self.instead.is_some() || !self.delay.is_zero() || self.ending != Ending::Answer || self.lose_dispatch
    }
}

fn answer(faults: &Faults, status: u16) -> Answer {
    let answer = match &faults.body {
        Some(body) => Answer::raw(status, body.clone().into()),
        None if status < 300 => Answer::raw(status, "{}".into()),
        None => Answer::error(status, "sandbox_fault", "The sandbox was told to answer this"),
    };
    answer.with_retry_after(faults.retry_after.clone())
}

#[cfg(test)]
mod tests {
    use super::{Ending, Faults, Planner};

    fn endings(planner: &Planner, faults: &Faults) -> Vec<Ending> {
        planner.set(faults.clone());
        (0..200).map(|_| planner.next(true, None).ending).collect()
    }

    #[test]
    fn the_same_faults_hit_the_same_requests_again() {
        let planner = Planner::new(42);
        let faults = Faults {
            hang_ratio: 0.3,
            drop_ratio: 0.3,
            ..Faults::default()
        };
        let first = endings(&planner, &faults);
        assert_eq!(first, endings(&planner, &faults));
        for ending in [Ending::Answer, Ending::Hang, Ending::Break] {
            assert!(first.contains(&ending), "{ending:?}");
        }
    }

    #[test]
    fn the_limit_counts_only_requests_that_are_touched() {
        let planner = Planner::new(42);
        let faults = Faults {
            drop_ratio: 0.5,
            fault_limit: Some(3),
            ..Faults::default()
        };
        let broken = endings(&planner, &faults)
            .iter()
            .filter(|ending| **ending == Ending::Break)
            .count();
        assert_eq!(broken, 3);
    }

    #[test]
    fn faults_of_messages_only_leave_other_requests_alone() {
        let planner = Planner::new(42);
        planner.set(Faults {
            hang_before: true,
            only_messages: true,
            ..Faults::default()
        });
        assert!(planner.next(false, None).instead.is_none());
        assert!(planner.next(true, None).instead.is_some());
    }

    #[test]
    fn faults_of_some_events_leave_others_alone() {
        let planner = Planner::new(42);
        planner.set(Faults {
            only_events: Some("bad".into()),
            ..Faults::answering(403)
        });
        let is_hit = |event_id| planner.next(true, event_id).instead.is_some();
        assert_eq!([Some("bad_1"), Some("evt_bad"), None].map(is_hit), [true, false, false]);
    }
}
