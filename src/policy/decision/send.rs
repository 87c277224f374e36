//! What follows an answer to a send, and what Svix turns out to hold.

use std::time::Duration;

use super::{Decision, Judge};
use crate::domain::{Age, Answer, ContentMatch, Reason, Stage, State, Step};

/// By how much a rounded `Date` header and two clocks of Svix's may mislead about a message's age.
const AGE_ERROR: Duration = Duration::from_secs(2);

/// By how much two clocks that agree may.
const EXACT_AGE_ERROR: Duration = Duration::from_millis(250);

/// How often a message that Svix does not hold is sent again at once, before that spends attempts.
const SENDS_AT_ONCE: u32 = 3;

impl Judge<'_> {
    pub(super) fn after_send(&mut self, answer: &Answer) -> Decision {
        match answer {
            Answer::Accepted { message_id, age } => {
                self.progress.message_id.clone_from(message_id);
                if self.is_of_another(*age) {
                    self.progress.ambiguous = true;
                    return self.confirm();
                }
                self.progress.ambiguous |= self.predates_this_holder(*age) || self.is_of_doubtful_send(*age);
                self.accepted()
            }
            Answer::Conflict => {
                self.progress.ambiguous |= self.in_doubt();
                self.confirm()
            }
            Answer::Rejected => self.refused(Reason::Rejected),
            Answer::NotFound => self.refused(Reason::Unroutable),
            Answer::Ambiguous | Answer::Panicked => {
                self.progress.ambiguous = true;
                self.note_doubt();
                self.spend(answer)
            }
            Answer::Unavailable { may_hold: true, .. } => {
                self.note_doubt();
                self.spend(answer)
            }
            _ => self.spend(answer),
        }
    }

    pub(super) fn after_fetch_message(&mut self, answer: &Answer) -> Decision {
        match answer {
            Answer::Message {
                message_id,
                content,
                age,
            } => {
                let ours = match content {
                    ContentMatch::Same => true,
                    ContentMatch::Different => false,
                    // Without the content, only its age tells that it is not another's.
                    ContentMatch::Unknown => age.is_some_and(|age| age.passed <= self.age() + error(age)),
                };
                if !ours {
                    return Decision::Settle(State::Dead, Some(Reason::EventIdTaken));
                }
                self.progress.message_id.clone_from(message_id);
                self.accepted()
            }
            Answer::NotFound => self.not_held(answer),
            _ => self.spend(answer),
        }
    }

    fn confirm(&mut self) -> Decision {
        self.progress.stage = Stage::Confirm;
        Decision::Next(Step::FetchMessage)
    }

    /// Svix refuses the message: its end, unless an earlier send may have brought it there.
    fn refused(&mut self, reason: Reason) -> Decision {
        if self.in_doubt() && self.case.hold.absent == 0 {
            self.confirm()
        } else {
            Decision::Settle(State::Dead, Some(reason))
        }
    }

    /// Svix does not hold it: the conflict was about the application being created twice at once, or
    /// what may have been sent never arrived.
    fn not_held(&mut self, answer: &Answer) -> Decision {
        self.progress.stage = Stage::Send;
        if let Some(deadline) = self.case.deadline
            && deadline.is_over(self.case.now)
        {
            return Decision::Settle(State::Expired, Some(deadline.reason()));
        }
        if let Some(reason) = self.case.hold.refused {
            return Decision::Settle(State::Dead, Some(reason));
        }
        if self.progress.spent >= self.rules.max_attempts {
            return Decision::Settle(State::Dead, Some(self.exhausted(answer)));
        }
        if self.case.hold.absent < SENDS_AT_ONCE {
            return Decision::Next(Step::Send);
        }
        self.spend(answer)
    }

    /// Returns for how long the notification has been here.
    fn age(&self) -> Duration {
        self.case.now.since(self.case.accepted_at)
    }

    /// Tells whether the message is older than anything that was sent for the notification: another system made it,
    /// under the same key.
    fn is_of_another(&self, age: Option<Age>) -> bool {
        let undated = self.progress.ambiguous && self.progress.doubt.is_none();
        let sent_since = match self.progress.doubt {
            _ if undated || self.case.suspect_until.is_some() => self.age(),
            Some(doubt) => self.case.now.since(doubt.since),
            None => self.case.took,
        };
        age.is_some_and(|age| age.passed > sent_since + error(age))
    }

    /// Tells whether the message may stem from a holder before this one, whose attempt left no record.
    fn predates_this_holder(&self, age: Option<Age>) -> bool {
        self.case.suspect_until.is_some_and(|until| {
            age.is_none_or(|age| self.case.now.before(age.passed) < until.after(AGE_ERROR))
        })
    }

    /// Tells whether the message may stem from an earlier send whose answer did not say that it was stored.
    fn is_of_doubtful_send(&self, age: Option<Age>) -> bool {
        let Some(doubt) = self.progress.doubt else {
            return false;
        };
        let since = self.case.now.since(doubt.until);
        age.is_none_or(|age| {
            if age.exact {
                // Nearer to this request than to the end of the one before: clocks may differ by half of what is between.
                age.passed > self.case.took + since.saturating_sub(self.case.took) / 2
            } else {
                age.passed + AGE_ERROR > since
            }
        })
    }
}

fn error(age: Age) -> Duration {
    if age.exact { EXACT_AGE_ERROR } else { AGE_ERROR }
}
