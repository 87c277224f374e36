//! What an answer from Svix leads to: the one place where a notification's fate is decided.

use std::time::Duration;

use super::{Backoff, Deadline, Overdue, ask_first};
use crate::domain::{Answer, ContentMatch, Progress, Reason, Stage, State, Step, Timestamp};

/// By how much two clocks and a rounded `Date` header may mislead about a message's age.
const AGE_ERROR: Duration = Duration::from_secs(2);

/// The most endpoints that are asked to be sent one message again.
const ENDPOINTS_MAX: usize = 1000;

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
}

/// The circumstances of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// From when on the notification is not sent any more.
    pub deadline: Option<Deadline>,
    /// Until when an earlier holder may have sent it without recording that.
    pub suspect_until: Option<Timestamp>,
    /// Whether a failure counts against the retry policy.
    pub counts: bool,
    /// Whether the request carried a token that another has taken the place of.
    pub superseded: bool,
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
            Step::FetchAttempts => judge.after_fetch_attempts(answer),
            Step::ListEndpoints { found, .. } => judge.after_list_endpoints(answer, found),
            Step::Resend { endpoints } => judge.after_resend(answer, endpoints),
        },
    }
}

/// Returns the request that a notification's way starts with when it comes from the store.
pub fn first_step(progress: &Progress) -> Step {
    match progress.stage {
        Stage::Send => Step::Send,
        Stage::Confirm => Step::FetchMessage,
        Stage::Prove { .. } => Step::FetchAttempts,
    }
}

struct Judge<'a> {
    case: &'a Case,
    rules: &'a Rules,
    progress: &'a mut Progress,
}

impl Judge<'_> {
    fn after_send(&mut self, answer: &Answer) -> Decision {
        match answer {
            Answer::Accepted { message_id, age } => {
                self.progress.message_id.clone_from(message_id);
                self.progress.ambiguous |= self.predates_this_holder(*age);
                self.accepted()
            }
            Answer::Conflict => {
                self.progress.ambiguous |= self.case.suspect_until.is_some();
                self.progress.stage = Stage::Confirm;
                Decision::Next(Step::FetchMessage)
            }
            Answer::Rejected => Decision::Settle(State::Dead, Some(Reason::Rejected)),
            Answer::NotFound => Decision::Settle(State::Dead, Some(Reason::Unroutable)),
            Answer::Ambiguous | Answer::Panicked => {
                self.progress.ambiguous = true;
                self.spend(answer)
            }
            _ => self.spend(answer),
        }
    }

    fn after_fetch_message(&mut self, answer: &Answer) -> Decision {
        match answer {
            Answer::Message {
                content: ContentMatch::Different,
                ..
            } => Decision::Settle(State::Dead, Some(Reason::EventIdTaken)),
            Answer::Message { message_id, .. } => {
                self.progress.message_id.clone_from(message_id);
                self.accepted()
            }
            Answer::NotFound => self.not_held(answer),
            _ => self.spend(answer),
        }
    }

    fn after_fetch_attempts(&mut self, answer: &Answer) -> Decision {
        let Stage::Prove { since, .. } = self.progress.stage else {
            return self.start_again(answer);
        };
        let settled_at = since.after(self.rules.settle);
        match answer {
            Answer::Attempts { any: true } => Decision::Settle(State::Delivered, None),
            Answer::Attempts { any: false } if self.case.now < settled_at => Decision::Retry(settled_at),
            Answer::Attempts { any: false } => Decision::Next(Step::ListEndpoints {
                iterator: None,
                found: Vec::new(),
            }),
            Answer::NotFound => self.start_again(answer),
            _ => self.spend(answer),
        }
    }

    fn after_list_endpoints(&mut self, answer: &Answer, mut found: Vec<String>) -> Decision {
        let Stage::Prove { resends, .. } = self.progress.stage else {
            return self.start_again(answer);
        };
        match answer {
            Answer::Endpoints { matching, next } => {
                found.extend_from_slice(matching);
                found.truncate(ENDPOINTS_MAX);
                match next {
                    Some(_) if found.len() < ENDPOINTS_MAX => Decision::Next(Step::ListEndpoints {
                        iterator: next.clone(),
                        found,
                    }),
                    _ if found.is_empty() => Decision::Settle(State::Delivered, None),
                    _ if resends >= self.rules.max_resends => {
                        Decision::Settle(State::Dead, Some(Reason::Undispatched))
                    }
                    _ => Decision::Next(Step::Resend { endpoints: found }),
                }
            }
            Answer::NotFound => Decision::Settle(State::Dead, Some(Reason::Unroutable)),
            _ => self.spend(answer),
        }
    }

    /// A resend that may have worked is not repeated: the next look at the attempts tells.
    fn after_resend(&mut self, answer: &Answer, mut endpoints: Vec<String>) -> Decision {
        let Stage::Prove { resends, .. } = self.progress.stage else {
            return self.start_again(answer);
        };
        if matches!(answer, Answer::Unavailable { .. }) {
            return self.spend(answer);
        }
        endpoints.pop();
        if !endpoints.is_empty() {
            return Decision::Next(Step::Resend { endpoints });
        }
        self.progress.stage = Stage::Prove {
            since: self.case.now,
            resends: resends.saturating_add(1),
        };
        Decision::Retry(
            self.case
                .now
                .after(self.rules.backoff.initial.min(self.rules.settle)),
        )
    }

    /// Svix has the message: enough, unless an attempt before was ambiguous.
    fn accepted(&mut self) -> Decision {
        if self.progress.ambiguous && self.rules.verify {
            self.progress.stage = Stage::Prove {
                since: self.case.now,
                resends: 0,
            };
            Decision::Next(Step::FetchAttempts)
        } else {
            Decision::Settle(State::Delivered, None)
        }
    }

    /// Tells whether the message may stem from a holder before this one, whose attempt left no record.
    fn predates_this_holder(&self, age: Option<Duration>) -> bool {
        self.case
            .suspect_until
            .is_some_and(|until| age.is_none_or(|age| self.case.now.before(age) < until.after(AGE_ERROR)))
    }

    /// Svix does not hold it: the conflict was about the application being created twice at once, or
    /// what may have been sent never arrived.
    fn not_held(&mut self, answer: &Answer) -> Decision {
        match self.case.deadline {
            Some(deadline) if deadline.is_over(self.case.now) => {
                Decision::Settle(State::Expired, Some(deadline.reason()))
            }
            _ => self.start_again(answer),
        }
    }

    fn start_again(&mut self, answer: &Answer) -> Decision {
        self.progress.stage = Stage::Send;
        self.spend(answer)
    }

    /// Makes the same request again at once and at no cost. Each time an idle connection is gone, and those come from
    /// answers that were good, so there is an end of it.
    fn again(&mut self, step: Step) -> Decision {
        self.progress.ambiguous |= step == Step::Send;
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

    /// Tries again later, unless this was the last attempt that the policy allows.
    fn spend(&mut self, answer: &Answer) -> Decision {
        let asked = match answer {
            Answer::Unavailable { retry_after } => *retry_after,
            _ => None,
        };
        if !self.case.counts {
            return self.wait(asked);
        }
        self.progress.spent = self.progress.spent.saturating_add(1);
        if self.progress.spent >= self.rules.max_attempts {
            return Decision::Settle(State::Dead, Some(self.exhausted(answer)));
        }
        let delay = self.rules.backoff.delay(self.progress.spent, self.case.chance);
        self.retry(delay.max(asked.unwrap_or_default().min(self.rules.max_retry_after)))
    }

    fn exhausted(&self, answer: &Answer) -> Reason {
        match (&self.progress.stage, answer) {
            (_, Answer::Panicked) => Reason::Panicked,
            (Stage::Prove { .. }, _) => Reason::Undispatched,
            _ => Reason::Exhausted,
        }
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
