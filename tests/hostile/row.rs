//! One row of a table: what the stand-in does to one event, and what must become of it.

use crate::holding::Message;
use crate::script::Act;

/// What the stand-in does with the message of the first send of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// It does not hold it.
    Nothing,
    /// It holds and dispatches it, and answers the same key with the same answer.
    Message,
    /// It holds and dispatches it, and does not know the key again.
    Keyless,
    /// It holds it and has dispatched it to nobody, and does not know the key again.
    Undispatched,
    /// It holds another message under the event id since long ago.
    Another,
    /// The same, and knows it by the key.
    AnotherByKey,
}

/// Which of its requests are answered in the scripted way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Send,
    Fetch,
    Attempts,
    Endpoints,
    Resend,
}

/// When the next event is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// As soon as the service knows how its first request ended.
    Answered,
    /// The same, but not before the script is over.
    Over,
}

/// What must become of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Delivered,
    Dead(&'static str),
}

/// What an event may need to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// One request.
    OneRequest,
    /// Several requests that spend no attempt.
    NoAttempt,
    /// Several attempts.
    Attempts,
}

/// What a script may quote.
pub(crate) struct Scene {
    /// The event's own message, held or not.
    pub(crate) ours: Message,
    /// A message of another event of the same account.
    pub(crate) other: Message,
    /// Which page of a list is asked for, from 0 on.
    pub(crate) page: usize,
}

type Script = Box<dyn Fn(&Scene) -> Vec<Act>>;

/// Writes an answer.
pub(crate) type Write = fn(&Scene) -> Vec<u8>;

/// One row.
pub(crate) struct Row {
    pub(crate) name: String,
    /// What it proves.
    pub(crate) why: &'static str,
    pub(crate) script: Script,
    pub(crate) keeps: Keeps,
    pub(crate) call: Call,
    /// How many requests are answered so; the pages of a list are one.
    pub(crate) times: usize,
    /// Whether all events are answered so, from then on.
    pub(crate) always: bool,
    pub(crate) next: Next,
    /// How many events follow, one after the other.
    pub(crate) following: usize,
    pub(crate) end: End,
    /// What the event itself may need.
    pub(crate) own: Cost,
    /// What each event that follows may need.
    pub(crate) next_one: Cost,
}

/// Makes a row: the message is held and dispatched, the answer to the first send is the script's, the event ends
/// delivered, and what follows is delivered by its first attempt.
pub(crate) fn row(
    name: impl Into<String>,
    why: &'static str,
    script: impl Fn(&Scene) -> Vec<Act> + 'static,
) -> Row {
    Row {
        name: name.into(),
        why,
        script: Box::new(script),
        keeps: Keeps::Message,
        call: Call::Send,
        times: 1,
        always: false,
        next: Next::Answered,
        following: 1,
        end: End::Delivered,
        own: Cost::Attempts,
        next_one: Cost::OneRequest,
    }
}

impl Row {
    pub(crate) fn keeps(self, keeps: Keeps) -> Self {
        Self { keeps, ..self }
    }

    /// Scripts another request than the send. The send itself is broken off, and its message is held.
    pub(crate) fn on(self, call: Call) -> Self {
        let keeps = match call {
            Call::Endpoints | Call::Resend => Keeps::Undispatched,
            _ => Keeps::Keyless,
        };
        Self { call, keeps, ..self }
    }

    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    pub(crate) fn always(self) -> Self {
        Self {
            always: true,
            times: usize::MAX,
            ..self
        }
    }

    pub(crate) fn when_over(self) -> Self {
        Self {
            next: Next::Over,
            ..self
        }
    }

    pub(crate) fn following(self, following: usize) -> Self {
        Self { following, ..self }
    }

    /// Says that the event itself needs no second request.
    pub(crate) fn at_once(self) -> Self {
        Self {
            own: Cost::OneRequest,
            ..self
        }
    }

    /// Lets what follows need so much.
    pub(crate) fn next_needs(self, next_one: Cost) -> Self {
        Self { next_one, ..self }
    }

    /// Says that the event dies, of a message that is not held.
    pub(crate) fn dead(self, reason: &'static str) -> Self {
        let keeps = match self.keeps {
            Keeps::Message => Keeps::Nothing,
            keeps => keeps,
        };
        Self {
            end: End::Dead(reason),
            keeps,
            ..self
        }
    }
}

/// Makes two rows of each script: the message is held, and it is not.
pub(crate) fn held_or_not(
    name: &str,
    why: &'static str,
    script: impl Fn(&Scene) -> Vec<Act> + Clone + 'static,
) -> [Row; 2] {
    [
        row(format!("{name}_held"), why, script.clone()),
        row(format!("{name}_not_held"), why, script).keeps(Keeps::Nothing),
    ]
}
