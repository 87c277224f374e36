//! How much a claim may take, and what it took.

use super::Leased;

/// How much one claim may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimLimit {
    /// Rows.
    pub rows: usize,
    /// Bytes of their events together.
    pub bytes: usize,
}

/// What a claim took.
#[derive(Debug)]
pub struct Taken<T = Leased> {
    /// What was taken, the oldest first.
    pub rows: Vec<T>,
    /// How large the next event is, where it was due and did not fit.
    pub next: Option<usize>,
}

impl<T> Default for Taken<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            next: None,
        }
    }
}
