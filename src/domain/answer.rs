//! What one request to Svix was for, what came of it, and how that is recorded.

use std::time::Duration;

use super::Timestamp;
use super::state::named;

/// Where a look through the pages of a list has come to, and what it is to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Where the page before ended.
    pub iterator: Option<String>,
    /// Pages seen so far.
    pub pages: u32,
    /// The endpoints to which a resend of the message has succeeded.
    pub reached: Vec<String>,
}

/// One request to Svix that a notification may need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Create the message.
    Send,
    /// Look at the message that Svix holds under the event id.
    FetchMessage,
    /// Look for attempts to deliver the message to an endpoint.
    FetchAttempts(Look),
    /// List the application's endpoints.
    ListEndpoints {
        /// Where the list has come to; the endpoints that a resend has reached.
        look: Look,
        /// The endpoints found so far that should have been sent the message.
        found: Vec<String>,
    },
    /// Ask for the message to be sent to the first of these endpoints.
    Resend {
        /// The endpoints that are left to ask for, the next one last.
        endpoints: Vec<String>,
    },
}

impl Step {
    /// Returns the name used in logs and look-ups.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::FetchMessage => "fetch_message",
            Self::FetchAttempts(_) => "fetch_attempts",
            Self::ListEndpoints { .. } => "list_endpoints",
            Self::Resend { .. } => "resend",
        }
    }
}

/// Whether what Svix holds under an event id is the notification's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentMatch {
    /// The same type and payload.
    Same,
    /// Another type or payload.
    Different,
    /// Svix no longer has the content.
    Unknown,
}

/// How long ago Svix created a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// The time since then.
    pub passed: Duration,
    /// Whether Svix's clock agrees with this machine's as far as its `Date` header says, so that milliseconds count;
    /// else the age is Svix's `Date`, in whole seconds, less the message's own time.
    pub exact: bool,
}

/// What one request to Svix came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 2xx on a send.
    Accepted {
        /// Svix's id of the message.
        message_id: Option<String>,
        /// How long ago the message was created; a replayed answer is old.
        age: Option<Age>,
    },
    /// 409 on a send: the event id, or the application's, exists.
    Conflict,
    /// The message that Svix holds.
    Message {
        /// Svix's id of the message.
        message_id: Option<String>,
        /// Whether it is ours.
        content: ContentMatch,
        /// How long ago it was created.
        age: Option<Age>,
    },
    /// A page of the attempts that Svix made for the message.
    Attempts {
        /// Whether Svix made at least one by itself, so that it keeps to its own schedule.
        dispatched: bool,
        /// The endpoints to which an attempt that was asked for has succeeded.
        reached: Vec<String>,
        /// Where the next page starts.
        next: Option<String>,
    },
    /// A page of the application's endpoints.
    Endpoints {
        /// The ids of those that the message should have gone to.
        matching: Vec<String>,
        /// Where the next page starts.
        next: Option<String>,
    },
    /// A resend was taken.
    Resent,
    /// 429: the account is over its limit.
    Limited {
        /// How long Svix asked to wait.
        retry_after: Option<Duration>,
    },
    /// 5xx, no connection, or an answer that is not Svix's.
    Unavailable {
        /// How long Svix asked to wait.
        retry_after: Option<Duration>,
        /// Whether Svix may have stored the message all the same: a 5xx can come after the commit.
        may_hold: bool,
    },
    /// Bytes went out and no answer came that is whole and to this request: it may have been taken.
    Ambiguous,
    /// The same over a connection that had been idle, and ended without a byte of an answer or with a 408. Servers close such
    /// connections, most often before they have seen the request.
    Broken,
    /// Svix refuses the request for what it holds.
    Rejected,
    /// 404: the application, message or endpoint is not known.
    NotFound,
    /// 401 or 403: the account's token is refused.
    Refused,
    /// The code that makes or reads the request panicked.
    Panicked,
}

named! {
    /// The name of an [`Answer`], as it is recorded.
    AnswerKind {
        /// See [`Answer::Accepted`].
        Accepted = "accepted",
        /// See [`Answer::Conflict`].
        Conflict = "accepted_earlier",
        /// See [`Answer::Message`].
        Message = "message",
        /// See [`Answer::Attempts`].
        Attempts = "attempts",
        /// See [`Answer::Endpoints`].
        Endpoints = "endpoints",
        /// See [`Answer::Resent`].
        Resent = "resent",
        /// See [`Answer::Limited`].
        Limited = "limited",
        /// See [`Answer::Unavailable`].
        Unavailable = "unavailable",
        /// See [`Answer::Ambiguous`] and [`Answer::Broken`].
        Ambiguous = "ambiguous",
        /// See [`Answer::Rejected`].
        Rejected = "rejected",
        /// See [`Answer::NotFound`].
        NotFound = "not_found",
        /// See [`Answer::Refused`].
        Refused = "credentials",
        /// See [`Answer::Panicked`].
        Panicked = "panicked",
    }
}

impl Answer {
    /// Returns the name under which it is recorded.
    pub const fn kind(&self) -> AnswerKind {
        match self {
            Self::Accepted { .. } => AnswerKind::Accepted,
            Self::Conflict => AnswerKind::Conflict,
            Self::Message { .. } => AnswerKind::Message,
            Self::Attempts { .. } => AnswerKind::Attempts,
            Self::Endpoints { .. } => AnswerKind::Endpoints,
            Self::Resent => AnswerKind::Resent,
            Self::Limited { .. } => AnswerKind::Limited,
            Self::Unavailable { .. } => AnswerKind::Unavailable,
            Self::Ambiguous | Self::Broken => AnswerKind::Ambiguous,
            Self::Rejected => AnswerKind::Rejected,
            Self::NotFound => AnswerKind::NotFound,
            Self::Refused => AnswerKind::Refused,
            Self::Panicked => AnswerKind::Panicked,
        }
    }
}

/// The record of one request to Svix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its place among the notification's requests, from 1 on.
    pub number: u32,
    /// What it was for: the name of a [`Step`].
    pub step: String,
    /// When it was due; what lies between that and its start is the wait for a place, the pace and a thread.
    pub due_at: Option<Timestamp>,
    /// When it started.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// What it came to.
    pub answer: AnswerKind,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What Svix or the network said, at most 1 KiB.
    pub detail: String,
    /// The process that made it.
    pub replica: Option<String>,
}
