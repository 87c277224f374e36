//! How many log lines there were.

use std::sync::atomic::{AtomicU64, Ordering};

use log::Level;

static LINES: [AtomicU64; 5] = [const { AtomicU64::new(0) }; 5];
static SUMMED: AtomicU64 = AtomicU64::new(0);

/// The log lines since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogCounts {
    /// Those written, by level.
    pub lines: [(Level, u64); 5],
    /// Those that were summed up in others instead.
    pub summed: u64,
}

/// Returns how many log lines there were since the process started.
pub fn log_counts() -> LogCounts {
    let levels = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];
    let mut counts = LINES.iter().map(|count| count.load(Ordering::Relaxed));
    LogCounts {
        lines: levels.map(|level| (level, counts.next().unwrap_or_default())),
        summed: SUMMED.load(Ordering::Relaxed),
    }
}

/// Counts a line that is written.
pub(super) fn count_line(level: Level) {
    // Levels are numbered from 1 on, in the order of the counts.
    if let Some(count) = LINES.get(level as usize - 1) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts a line that is summed up.
pub(super) fn count_summed() {
    SUMMED.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_counts_at_its_level() {
        let of = |counts: LogCounts, level| counts.lines.into_iter().find(|(it, _)| *it == level).unwrap().1;
        let before = log_counts();
        count_line(Level::Error);
        count_line(Level::Trace);
        count_summed();
        let after = log_counts();
        assert!(of(after, Level::Error) > of(before, Level::Error));
        assert!(of(after, Level::Trace) > of(before, Level::Trace));
        assert!(after.summed > before.summed);
    }
}
