//! What holds back an account that has something ready, and whether that is as it should be.

use std::time::Instant;

use super::Lane;
use crate::domain::Timestamp;
use crate::policy::Admission;

/// What the last look ran into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nothing that it knows of.
    #[default]
    Nothing,
    /// There was no permit.
    Pace,
    /// All customers that have something ready are paused.
    Pause,
    /// The account, or its customers, have as much under way as they may beside others.
    Load,
}

impl Hold {
    /// Returns what holds back customers of whom none may send, or not before `at`.
    pub(super) fn of_customers(at: Option<Instant>) -> Self {
        match at {
            Some(_) => Self::Load,
            None => Self::Pause,
        }
    }
}

impl Lane {
    /// Tells whether something should be going out: it is ready, the gate is open, and it is not just the pace or
    /// a pause that holds it back from a thread that is idle, nor requests under way whose answers `are_due`.
    pub(in crate::actors::supervisor) fn should_move(
        &mut self,
        now: Timestamp,
        idle_thread: bool,
        are_due: bool,
    ) -> bool {
        let is_held = match self.hold {
            Hold::Nothing => false,
            Hold::Pace | Hold::Pause => idle_thread,
            Hold::Load => are_due,
        };
        self.queues.len() > 0 && self.gate.admit(now) == Admission::All && !is_held
    }
}
