//! The search for a dispatch: the attempts that Svix made, then the endpoints that it made none to.

use std::time::Duration;

use super::{Decision, Judge};
use crate::domain::{Answer, Look, Reason, Stage, State, Step};

/// The most endpoints that are asked to be sent one message again.
const ENDPOINTS_MAX: usize = 1000;

/// The most pages of one list that are looked at, so that a list without an end is not followed for ever.
const PAGES_MAX: u32 = 20;

/// The waits between resends, as multiples of the first: the schedule by which Svix itself tries an endpoint again.
const RESEND_FACTORS: [u32; 7] = [1, 60, 360, 1440, 3600, 7200, 7200];

impl Judge<'_> {
    pub(super) fn after_fetch_attempts(&mut self, answer: &Answer, look: Look) -> Decision {
        let Stage::Prove { since, resends } = self.progress.stage else {
            return self.start_again(answer);
        };
        match answer {
            // Svix tries again by itself what it dispatched by itself.
            Answer::Attempts { dispatched: true, .. } => Decision::Settle(State::Delivered, None),
            Answer::Attempts { reached, next, .. } => {
                let look = onward(look, reached, next);
                if look.iterator.is_some() {
                    return Decision::Next(Step::FetchAttempts(look));
                }
                let settled_at = since.after(self.rules.settle);
                // An endpoint that was asked to be sent it may be done sooner.
                let may_be_done = resends > 0 && !look.reached.is_empty();
                if self.case.now < settled_at && !may_be_done {
                    return Decision::Retry(settled_at);
                }
                Decision::Next(Step::ListEndpoints {
                    look: Look {
                        reached: look.reached,
                        ..Look::default()
                    },
                    found: Vec::new(),
                })
            }
            Answer::NotFound => self.start_again(answer),
            _ => self.spend(answer),
        }
    }

    pub(super) fn after_list_endpoints(
        &mut self,
        answer: &Answer,
        look: Look,
        mut found: Vec<String>,
    ) -> Decision {
        let Stage::Prove { since, resends } = self.progress.stage else {
            return self.start_again(answer);
        };
        match answer {
            Answer::Endpoints { matching, next } => {
                for endpoint in matching {
                    let is_known = look.reached.contains(endpoint) || found.contains(endpoint);
                    if !is_known && found.len() < ENDPOINTS_MAX {
                        found.push(endpoint.clone());
                    }
                }
                let look = onward(look, &[], next);
                if look.iterator.is_some() && found.len() < ENDPOINTS_MAX {
                    return Decision::Next(Step::ListEndpoints { look, found });
                }
                // A list that was not seen to its end does not say that there is no endpoint left.
                if found.is_empty() && next.is_some() {
                    return self.spend(answer);
                }
                if found.is_empty() {
                    return Decision::Settle(State::Delivered, None);
                }
                let again_at = since.after(self.resend_wait(resends));
                if self.case.now < again_at {
                    return Decision::Retry(again_at);
                }
                if resends >= self.rules.max_resends {
                    return Decision::Settle(State::Dead, Some(Reason::Undispatched));
                }
                Decision::Next(Step::Resend { endpoints: found })
            }
            Answer::NotFound => Decision::Settle(State::Dead, Some(Reason::Unroutable)),
            _ => self.spend(answer),
        }
    }

    /// A resend that may have worked is not repeated: the next look at the attempts tells.
    pub(super) fn after_resend(&mut self, answer: &Answer, mut endpoints: Vec<String>) -> Decision {
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

    /// Returns how long after the last of so many resends the next one is due. An attempt is seen when it ends, so no
    /// resend follows before the settling time is over; the last one has that long to be seen.
    fn resend_wait(&self, resends: u32) -> Duration {
        let place = usize::try_from(resends).unwrap_or(usize::MAX);
        if resends == 0 || resends >= self.rules.max_resends {
            return self.rules.settle;
        }
        let factor = RESEND_FACTORS.get(place - 1).or(RESEND_FACTORS.last());
        let wait = self
            .rules
            .resend_backoff
            .saturating_mul(factor.copied().unwrap_or(1));
        wait.max(self.rules.settle)
    }
}

/// Adds a page to what a look has seen. Where there is a further one that is looked at, the iterator says where.
fn onward(mut look: Look, reached: &[String], next: &Option<String>) -> Look {
    for endpoint in reached {
        if look.reached.len() < ENDPOINTS_MAX && !look.reached.contains(endpoint) {
            look.reached.push(endpoint.clone());
        }
    }
    look.pages += 1;
    // The same place again leads nowhere.
    let goes_on = look.pages < PAGES_MAX && look.iterator != *next;
    look.iterator = next.clone().filter(|_| goes_on);
    look
}
