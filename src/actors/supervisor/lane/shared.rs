//! What an account shares with replicas: its rate, and how its gate stands.

use std::time::Instant;

use super::{Hold, Lane};
use crate::domain::{Customer, Timestamp};
use crate::policy::{Admission, GateState};
use crate::store::{Slice, SliceRequest};

impl Lane {
    /// Tells whether the account shares its rate and has no permit for what could go out otherwise.
    pub(in crate::actors::supervisor) fn lacks_permits(&self) -> bool {
        self.hold != Hold::OwnRates && self.budget.as_ref().is_some_and(|budget| !budget.has_permit())
    }

    /// Where permits of the shared budget are of use and there are none, notes that some are asked for: no more than
    /// its customers can use, of whom one `may_send` so many.
    pub(in crate::actors::supervisor) fn begin_asking(
        &mut self,
        now: Timestamp,
        may_send: impl Fn(&Customer) -> usize,
    ) -> Option<SliceRequest> {
        let allowed = self.queues.len() > 0 && !matches!(self.gate.admit(now), Admission::Wait(_));
        let budget = self.budget.as_mut().filter(|_| allowed)?;
        let most = usize::try_from(budget.share().capacity).unwrap_or(usize::MAX);
        let want = budget.begin_asking(self.queues.sendable(most, may_send))?;
        Some(SliceRequest {
            want,
            capacity: budget.share().capacity,
            interval_us: budget.share().interval_us,
            probe_wait: self.gate.probe_wait(),
        })
    }

    /// Takes in permits that were asked for at `asked`, with what other replicas say of the gate.
    pub(in crate::actors::supervisor) fn receive(
        &mut self,
        slice: Option<Slice>,
        asked: Instant,
        now: Timestamp,
    ) {
        let Some(budget) = &mut self.budget else { return };
        budget.receive(slice, asked);
        let before = self.gate.state();
        if let Some(slice) = slice
            && let Some(state) = budget.news(slice, before, now)
        {
            self.gate.adopt(state);
            self.tell_change(before);
        }
    }

    /// Where the gate stands otherwise than other replicas know, notes that they are told.
    pub(in crate::actors::supervisor) fn begin_telling(&mut self, now: Timestamp) -> Option<GateState> {
        let state = self.gate.state();
        let budget = self.budget.as_mut()?;
        budget.begin_telling(state, now).then_some(state)
    }

    /// Notes what other replicas know by now.
    pub(in crate::actors::supervisor) fn end_telling(&mut self, told: Option<(GateState, i64)>) {
        if let Some(budget) = &mut self.budget {
            budget.end_telling(told);
        }
    }
}
