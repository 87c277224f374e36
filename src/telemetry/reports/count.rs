//! Counts what became of reports.

use std::sync::atomic::{AtomicU64, Ordering};

static SENT: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// What became of reports since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportCounts {
    /// Those that Sentry has taken.
    pub sent: u64,
    /// Those that it has not: too many of a kind, no room in the queue, or Sentry away or unwilling.
    pub dropped: u64,
}

/// Returns what became of reports since the process started.
pub fn report_counts() -> ReportCounts {
    ReportCounts {
        sent: SENT.load(Ordering::Relaxed),
        dropped: DROPPED.load(Ordering::Relaxed),
    }
}

pub(super) fn sent() {
    SENT.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn dropped() {
    DROPPED.fetch_add(1, Ordering::Relaxed);
}
