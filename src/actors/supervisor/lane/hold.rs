//! What holds back an account that has something ready, and whether that is as it should be.

use super::Lane;
use crate::actors::messages::Standstill;
use crate::actors::supervisor::queues::ReadyQueues;
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
    /// All customers that have something ready and are not paused keep to rates of their own.
    OwnRates,
    /// All customers that have something ready are paused.
    Pause,
    /// The account, or its customers, have as much under way as they may beside others.
    Load,
}

impl Hold {
    /// Returns what holds back customers of whom none may send.
    pub(super) fn of_customers<T>(queues: &ReadyQueues<T>) -> Self {
        match (queues.is_crowded(), queues.is_paced()) {
            (true, _) => Self::Load,
            (false, true) => Self::OwnRates,
            (false, false) => Self::Pause,
        }
    }
}

impl Lane {
    /// Tells whether something should be going out: it is ready, the gate is open, and it is not just a rate or
    /// a pause that holds it back from a thread that is idle, nor requests under way whose answers `are_due`.
    pub(in crate::actors::supervisor) fn should_move(
        &mut self,
        now: Timestamp,
        idle_thread: bool,
        are_due: bool,
    ) -> bool {
        let is_held = match self.hold {
            Hold::Nothing => false,
            Hold::Pace | Hold::OwnRates | Hold::Pause => idle_thread,
            Hold::Load => are_due,
        };
        self.queues.len() > 0 && self.gate.admit(now) == Admission::All && !is_held
    }

    /// Says what is ready.
    pub(in crate::actors::supervisor) fn standstill(&self) -> Standstill {
        Standstill {
            account: self.name.clone(),
            customer: self.queues.first().cloned(),
            ready: self.queues.len(),
        }
    }
}
