//! Creating a message: the one operation that may have to wait for another with the same idempotency key.

use std::sync::{Arc, MutexGuard};

use actix_web::web::Data;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::call::Call;
use super::claim::Claim;
use super::keys::{Kept, Key, Standing};
use super::ledger::Ledger;
use super::message::{Content, Message, MessageOut};
use super::plan::{Ending, Plan};
use super::state::State;
use super::submission::Submission;

/// Creates a message, or answers again what its key was answered before; a key that is still held comes
/// along.
///
/// # Errors
/// The answer to give where it is not created.
pub(super) async fn create(
    state: &Data<State>,
    call: Call<'_>,
    application: &str,
    plan: &Plan,
) -> Result<(Answer, Option<Claim>), Answer> {
    let deadline = Instant::now() + state.key_wait;
    let with_content = call.query.with_content()?;
    let key = call.key();
    let read = call.submission.unwrap_or_else(|| Submission::read(b""));
    // Copied here, so that nothing is copied under the lock.
    let read = read.map(|submission| (Message::new(&submission), submission));
    loop {
        let bell = {
            let ledger = state.ledger();
            match key.and_then(|key| ledger.keys.get(key, state.now()).cloned()) {
                Some(Standing::Held(bell)) => bell.notified_owned(),
                standing => {
                    if let Some(Standing::Done { kept, .. }) = standing
                        && let Some(answer) = replay(&ledger, kept, with_content)
                    {
                        return Ok((answer, None));
                    }
                    let (message, submission) = read?;
                    return Taking {
                        state,
                        application,
                        plan,
                        key,
                        with_content,
                    }
                    .take(ledger, message, &submission);
                }
            }
        };
        // As Svix does where the first request does not come to its end.
        timeout_at(deadline, bell).await.map_err(|_| Answer::empty(500))?;
    }
}

/// Answers again what a finished request was answered, unless its message is forgotten.
pub(super) fn replay(ledger: &Ledger, kept: Kept, with_content: bool) -> Option<Answer> {
    match kept {
        Kept::Resent => Some(Answer::raw(202, "{}".into())),
        Kept::Created(number) => {
            let message = ledger.message(number)?;
            let id = ledger.id(number, message.at);
            Some(Answer::json(202, &message.out(&id, ledger.timestamp(message.at), with_content)))
        }
    }
}

/// A message that is to be taken.
struct Taking<'a> {
    state: &'a Data<State>,
    application: &'a str,
    plan: &'a Plan,
    key: Option<Key>,
    with_content: bool,
}

impl Taking<'_> {
    fn take(
        self,
        mut ledger: MutexGuard<'_, Ledger>,
        message: Message,
        submission: &Submission<'_>,
    ) -> Result<(Answer, Option<Claim>), Answer> {
        let now = self.state.now();
        let channels = message.channels.clone();
        let inline = submission.application.as_ref();
        let number = ledger.take(self.application, inline, message, now, self.plan.lose_dispatch)?;
        let claim = self
            .key
            .and_then(|key| self.settle(&mut ledger, key, number, now));
        let (id, timestamp) = (ledger.id(number, now), ledger.timestamp(now));
        drop(ledger);
        let out = MessageOut {
            event_id: submission.event_id(),
            event_type: submission.event_type(),
            payload: Content::of(Some(submission.payload), self.with_content),
            channels: (!channels.is_empty()).then_some(&channels),
            id: &id,
            timestamp,
        };
        Ok((Answer::json(202, &out), claim))
    }

    /// Remembers the key, or holds it where the answer is slow.
    fn settle(&self, ledger: &mut Ledger, key: Key, number: u64, now: u64) -> Option<Claim> {
        let kept = (!self.plan.forget_key).then_some(Kept::Created(number));
        if self.plan.delay.is_zero() && self.plan.ending != Ending::Hang {
            ledger.keys.finish(key, kept, now);
            return None;
        }
        let bell = Arc::new(Notify::new());
        ledger.keys.hold(key, Arc::clone(&bell));
        Some(Claim::new(Data::clone(self.state), key, kept, bell))
    }
}
