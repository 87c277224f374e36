//! Who is told what the store does, so that it can be measured.

use std::fmt::Debug;
use std::time::Duration;

/// Is told what the store does, on the writer's thread: whoever takes long holds up all writes.
pub trait Watch: Debug + Send + Sync + 'static {
    /// A transaction with so many events, outcomes and duplicates is on disk; that took so long.
    fn committed(&self, _rows: usize, _took: Duration) {}

    /// So many processes had gone silent, and what they held is free.
    fn took_over(&self, _replicas: u64) {}

    /// A notification that cannot be read became a dead letter.
    fn set_aside(&self) {}
}

/// Measures nothing.
#[derive(Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {}
