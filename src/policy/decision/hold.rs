//! What Svix has said of a notification since it was taken from the store.

use crate::domain::{AnswerKind, Attempt, Reason, Step};

/// What Svix has said of a notification since it was taken from the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold {
    /// How often it was said to hold nothing under the event id.
    pub absent: u32,
    /// What the last send ends the notification for, where Svix refused it.
    pub refused: Option<Reason>,
}

impl Hold {
    /// Sums up the requests that were made.
    pub fn of(attempts: &[Attempt]) -> Self {
        let mut hold = Self::default();
        for attempt in attempts {
            let fetched = attempt.step == Step::FetchMessage.as_str();
            hold.absent += u32::from(fetched && attempt.answer == AnswerKind::NotFound);
            if attempt.step == Step::Send.as_str() {
                hold.refused = match attempt.answer {
                    AnswerKind::Rejected => Some(Reason::Rejected),
                    AnswerKind::NotFound => Some(Reason::Unroutable),
                    _ => None,
                };
            }
        }
        hold
    }
}
