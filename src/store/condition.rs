//! Whether the store can be written to, for health and for refusals.

use std::sync::{Arc, Mutex, PoisonError};

use super::Trouble;
use crate::domain::Timestamp;

/// How the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The last write worked.
    Working,
    /// Writes fail, since then and for this reason.
    Failing {
        /// Since when.
        since: Timestamp,
        /// Why.
        trouble: Trouble,
    },
}

/// The condition as the writer last saw it, shared with whoever asks.
#[derive(Clone)]
pub(super) struct SharedCondition(Arc<Mutex<Condition>>);

impl SharedCondition {
    pub(super) fn working() -> Self {
        Self(Arc::new(Mutex::new(Condition::Working)))
    }

    pub(super) fn get(&self) -> Condition {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a write worked. Returns whether that is news.
    pub(super) fn note_working(&self) -> bool {
        let mut condition = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *condition, Condition::Working) != Condition::Working
    }

    /// Notes that a write failed. Returns whether that is news.
    pub(super) fn note_failing(&self, trouble: Trouble, now: Timestamp) -> bool {
        let mut condition = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *condition {
            Condition::Failing { trouble: known, .. } => std::mem::replace(known, trouble) != trouble,
            Condition::Working => {
                *condition = Condition::Failing { since: now, trouble };
                true
            }
        }
    }
}
