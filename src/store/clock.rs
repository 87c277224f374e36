//! The store's clock, which all due times are measured with: the machine's own, or that of a database
//! which several machines share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// A clock by which all copies go.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    /// How far the database's clock is ahead of the machine's, in milliseconds.
    ahead_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Returns the present time.
    pub(super) fn now(&self) -> Timestamp {
        let ahead = self.ahead_ms.load(Ordering::Relaxed);
        Timestamp::from_millis(machine_now().as_millis().saturating_add(ahead))
    }

    /// Notes what the database's clock showed at some moment of the machine's.
    pub(super) fn set(&self, database: Timestamp, machine: Timestamp) {
        let ahead = database.as_millis().saturating_sub(machine.as_millis());
        self.ahead_ms.store(ahead, Ordering::Relaxed);
    }
}

/// Reads the machine's clock. A clock before 1970 counts as 1970.
pub(super) fn machine_now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(0).after(elapsed)
}
