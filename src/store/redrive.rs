//! Jobs that send dead letters again, and the kinds of dead letters.

use super::Narrowing;
use crate::domain::{Customer, RedriveId, RedriveState, Timestamp, named};

/// A job that sends dead letters again.
#[derive(Debug, Clone, PartialEq)]
pub struct Redrive {
    /// Its id.
    pub id: RedriveId,
    /// Which dead letters it sends: those that had died when it was made.
    pub narrowing: Narrowing,
    /// How many it puts back a second.
    pub rate: f64,
    /// The share of those that came to an end which may fail again.
    pub stop_ratio: Option<f64>,
    /// Whether it begins with the newest.
    pub newest_first: bool,
    /// The name of the key that asked for it.
    pub key: Option<String>,
    /// Where it stands.
    pub state: RedriveState,
    /// Why, where that needs saying.
    pub why: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last put something back or changed its state.
    pub changed_at: Timestamp,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
    /// Up to when its rate has been used, in microseconds since 1970.
    pub paced_to_us: i64,
    /// The number of the last row that it has looked at.
    pub cursor: Option<i64>,
    /// How many dead letters it was to send when it was made.
    pub total: i64,
    /// How many it has put back.
    pub sent: i64,
    /// Of those, how many were delivered.
    pub delivered: i64,
    /// Of those, how many are dead again.
    pub dead: i64,
    /// Of those, how many were too old.
    pub expired: i64,
    /// How many of the dead had been seen when it was last resumed.
    pub forgiven_dead: i64,
    /// How many of all that had come to an end.
    pub forgiven_settled: i64,
}

impl Redrive {
    /// Makes a job that sends all dead letters of that moment, from then on.
    pub fn begun(at: Timestamp) -> Self {
        Self {
            id: RedriveId::generate(at),
            narrowing: Narrowing::default(),
            rate: 1.0,
            stop_ratio: None,
            newest_first: false,
            key: None,
            state: RedriveState::Running,
            why: None,
            created_at: at,
            changed_at: at,
            finished_at: None,
            paced_to_us: at.as_millis().saturating_mul(1000),
            cursor: None,
            total: 0,
            sent: 0,
            delivered: 0,
            dead: 0,
            expired: 0,
            forgiven_dead: 0,
            forgiven_settled: 0,
        }
    }

    /// Returns how many of those that it put back have come to an end.
    pub fn settled(&self) -> i64 {
        self.delivered + self.dead + self.expired
    }

    /// Returns how many of those that it put back have not come to an end.
    pub fn under_way(&self) -> i64 {
        (self.sent - self.settled()).max(0)
    }

    /// Returns how many it has still to put back.
    pub fn left(&self) -> i64 {
        (self.total - self.sent).max(0)
    }
}

/// What a job does next, all of it or nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct RedriveStep {
    /// The job as it was looked at; where it has changed since, nothing is done.
    pub redrive: Redrive,
    /// Dead letters that it puts back.
    pub letters: DeadLetters,
    /// Up to when its rate is used with that.
    pub paced_to_us: i64,
}

/// Dead letters, by their rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetters {
    /// The rows, with whose they are.
    pub rows: Vec<(Customer, i64)>,
    /// The last row that was looked at, where any was.
    pub cursor: Option<i64>,
    /// Whether there may be more.
    pub more: bool,
}

/// One time that a dead letter was sent again, and what it had died of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentAgain {
    /// When.
    pub at: Timestamp,
    /// By which job; none where it was asked for by itself.
    pub redrive: Option<RedriveId>,
    /// By whose key.
    pub key: Option<String>,
    /// When it had died.
    pub died_at: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
    /// With which HTTP status.
    pub status: Option<u16>,
    /// What Svix had said.
    pub detail: Option<String>,
}

/// Which redrives are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redrives {
    /// This one.
    One(RedriveId),
    /// Those that are running.
    Running,
    /// Those that have not come to their end.
    Unfinished,
    /// So many, the newest first; of those that are about one customer alone, where one is named.
    Newest(Option<Customer>, u32),
}

named! {
    /// What dead letters are grouped by.
    GroupBy {
        /// Whose they are.
        Customer = "customer",
        /// Why they died.
        Reason = "reason",
        /// The HTTP status of the last request.
        Status = "status",
        /// What the last request came to.
        Outcome = "outcome",
        /// The event type.
        Type = "type",
    }
}

impl GroupBy {
    /// Returns the name of the column.
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Type => "event_type",
            other => other.as_str(),
        }
    }
}

/// Dead letters that have the same in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadGroup {
    /// Whose they are, where that was asked for, and so on.
    pub customer: Option<String>,
    /// Why they died.
    pub reason: Option<String>,
    /// The HTTP status of the last request; 0 where there was no answer.
    pub status: Option<i64>,
    /// What the last request came to; empty where none was made.
    pub outcome: Option<String>,
    /// The event type.
    pub event_type: Option<String>,
    /// How many there are.
    pub dead: i64,
    /// When one of these kinds first died.
    pub first_at: Timestamp,
    /// When one last did.
    pub last_at: Timestamp,
}
