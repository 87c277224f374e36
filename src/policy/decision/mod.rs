//! What an answer from Svix leads to: the one place where a notification's fate is decided.

mod hold;
mod prove;
mod send;

use std::time::Duration;

use super::{Backoff, Deadline, Overdue, ask_first};
use crate::domain::{Answer, Doubt, Look, Progress, Reason, Stage, State, Step, Timestamp};
pub use hold::Hold;

/// What an operator set for retries and for the check after an ambiguous attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Attempts after which a notification is dead.
    pub max_attempts: u32,
    /// The age from which on a notification is not sent any more.
    pub max_age: Option<Duration>,
    /// The waits between attempts.
    pub backoff: Backoff,
    /// The longest wait that a `Retry-After` is followed for.
    pub max_retry_after: Duration,
    /// Whether a dispatch must be seen after an ambiguous attempt.
    pub verify: bool,
    /// How long Svix gets to show an attempt before it is asked to send again.
    pub settle: Duration,
    /// How often Svix is asked to send again.
    pub max_resends: u32,
    /// The wait between the first time that Svix is asked to send again and the second; later ones are longer.
    pub resend_backoff: Duration,
    /// How long after a send that may have reached Svix it is asked what it holds before the next send: it does not
    /// know keys and event ids for ever.
    pub confirm_after: Duration,
}

/// The circumstances of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// When the notification was accepted.
    pub accepted_at: Timestamp,
    /// From when on the notification is not sent any more.
    pub deadline: Option<Deadline>,
    /// Until when an earlier holder may have sent it without recording that.
    pub suspect_until: Option<Timestamp>,
    /// Whether a failure counts against the retry policy.
    pub counts: bool,
    /// Whether the request carried a token that another has taken the place of.
    pub superseded: bool,
    /// What Svix has said since the notification was taken from the store.
    pub hold: Hold,
    /// How long the request took.
    pub took: Duration,
    /// The present time.
    pub now: Timestamp,
    /// A number in 0..1 for the jitter.
    pub chance: f64,
}

/// What happens to the notification next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Its way ends in this state.
    Settle(State, Option<Reason>),
    /// It is tried again at that time.
    Retry(Timestamp),
    /// This request follows at once.
    Next(Step),
}

/// Decides what an answer to `step` leads to, and brings `progress` up to date.
pub fn decide(step: Step, answer: &Answer, case: &Case, rules: &Rules, progress: &mut Progress) -> Decision {
    progress.attempts = progress.attempts.saturating_add(1);
    let mut judge = Judge {
        case,
        rules,
        progress,
    };
    match answer {
        Answer::Limited { retry_after } => judge.wait(*retry_after),
        Answer::Refused if case.superseded => {
            judge.progress.credential = None;
            Decision::Next(step)
        }
        Answer::Refused => judge.wait(None),
        Answer::Broken => judge.again(step),
        _ => match step {
            Step::Send => judge.after_send(answer),
            Step::FetchMessage => judge.after_fetch_message(answer),
            Step::FetchAttempts(look) => judge.after_fetch_attempts(answer, look),
            Step::ListEndpoints { look, found } => judge.after_list_endpoints(answer, look, found),
            Step::Resend { endpoints } => judge.after_resend(answer, endpoints),
        },
    }
}

/// Returns the request that a notification's way starts with when it comes from the store.
pub fn first_step(progress: &Progress) -> Step {
    match progress.stage {
        Stage::Send => Step::Send,
        Stage::Confirm => Step::FetchMessage,
        Stage::Prove { .. } => Step::FetchAttempts(Look::default()),
    }
}

/// Tells whether Svix must be asked what it holds before the notification is sent: an earlier send may have reached it
/// so long ago that it no longer knows the key or the event id, and would make a second message.
///
/// `suspect` tells whether an earlier holder may have sent it at any time since it was accepted.
pub fn must_confirm(
    progress: &Progress,
    accepted_at: Timestamp,
    suspect: bool,
    now: Timestamp,
    after: Duration,
) -> bool {
    // What was stored before the times were noted says only that there was such a send.
    let undated = progress.ambiguous && progress.doubt.is_none();
    let since = if suspect || undated {
        Some(accepted_at)
    } else {
        progress.doubt.map(|doubt| doubt.since)
    };
    progress.stage == Stage::Send && since.is_some_and(|since| now.since(since) >= after)
}

struct Judge<'a> {
    case: &'a Case,
    rules: &'a Rules,
    progress: &'a mut Progress,
}

impl Judge<'_> {
    /// Svix has the message: enough, unless a dispatch must be seen.
    fn accepted(&mut self) -> Decision {
        if self.progress.ambiguous && self.rules.verify {
            self.progress.stage = Stage::Prove {
                since: self.case.now,
                resends: 0,
            };
            Decision::Next(Step::FetchAttempts(Look::default()))
        } else {
            Decision::Settle(State::Delivered, None)
        }
    }

    /// Tells whether a request was, or may have been, made of which it is not known what came of it.
    fn is_ambiguous(&self) -> bool {
        self.progress.ambiguous || self.case.suspect_until.is_some()
    }

    /// Tells whether Svix may hold the message though no answer said so.
    fn in_doubt(&self) -> bool {
        self.is_ambiguous() || self.progress.doubt.is_some()
    }

    fn note_doubt(&mut self) {
        self.progress.doubt = Some(Doubt::add(self.progress.doubt, self.case.now, self.case.took));
    }

    /// Makes the same request again at once and at no cost. Each time an idle connection is gone, and those come from
    /// answers that were good, so there is an end of it.
    fn again(&mut self, step: Step) -> Decision {
        if step == Step::Send {
            self.progress.ambiguous = true;
            self.note_doubt();
        }
        match self.retry(Duration::ZERO) {
            Decision::Retry(due) if due == self.case.now => Decision::Next(step),
            decision => decision,
        }
    }

    /// Tries again later at no cost: the account, not the notification, is what stands in the way.
    fn wait(&mut self, retry_after: Option<Duration>) -> Decision {
        let asked = retry_after.unwrap_or_default().min(self.rules.max_retry_after);
        self.retry(asked.max(self.rules.backoff.initial))
    }

    /// Tries again later, unless this was the last attempt that the policy allows. To learn what became of a message
    /// that Svix may hold, as many again are allowed.
    fn spend(&mut self, answer: &Answer) -> Decision {
        let asked = match answer {
            Answer::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        };
        if !self.case.counts {
            return self.wait(asked);
        }
        self.progress.spent = self.progress.spent.saturating_add(1);
        let delay = self.rules.backoff.delay(self.progress.spent, self.case.chance);
        let delay = delay.max(asked.unwrap_or_default().min(self.rules.max_retry_after));
        let sends = self.progress.stage == Stage::Send;
        let most = self.rules.max_attempts.saturating_mul(2);
        let allowed = if sends { self.rules.max_attempts } else { most };
        if self.progress.spent < allowed {
            self.retry(delay)
        } else if sends && self.is_ambiguous() && self.progress.spent < most {
            // Svix gets its time to finish what it may have begun.
            ask_first(self.progress);
            Decision::Retry(self.case.now.after(delay.max(self.rules.settle)))
        } else {
            Decision::Settle(State::Dead, Some(self.exhausted(answer)))
        }
    }

    fn exhausted(&self, answer: &Answer) -> Reason {
        match (&self.progress.stage, answer) {
            (_, Answer::Panicked) => Reason::Panicked,
            (Stage::Prove { .. }, _) => Reason::Undispatched,
            _ => Reason::Exhausted,
        }
    }

    fn start_again(&mut self, answer: &Answer) -> Decision {
        self.progress.stage = Stage::Send;
        self.spend(answer)
    }

    /// Plans the next attempt, never one that would send at or past the deadline: what is surely
    /// unsent ends. What Svix may hold is asked about instead, once Svix has had its time to finish
    /// what it may have begun.
    fn retry(&mut self, delay: Duration) -> Decision {
        let due = self.case.now.after(delay);
        let (deadline, suspect) = (self.case.deadline, self.case.suspect_until.is_some());
        match deadline.and_then(|deadline| deadline.overdue(due, suspect, self.progress)) {
            None => Decision::Retry(due),
            Some(Overdue::Unsent(reason)) => Decision::Settle(State::Expired, Some(reason)),
            Some(Overdue::Unclear) => {
                ask_first(self.progress);
                Decision::Retry(self.case.now.after(delay.max(self.rules.settle)))
            }
        }
    }
}

#[cfg(test)]
mod tests;
