//! Sums up what repeats: each place in the source writes a bounded number of lines in a window of time, and what is
//! left out is counted and told once. Lines that say what an operator did are all written. No lock is taken for a line: threads that log together do not wait for each other.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use log::{Level, Record};

use super::{line, panics};

/// The lines of one place that are written in a window.
pub(super) const LINES: u32 = 20;

/// The places that are told apart; more than there are. What is beyond is taken for one.
const SITES: usize = 512;

/// The field of lines that say what an operator did. Whoever asks later who did it finds each.
const BY: &str = "by";

/// What each place has written and left out.
pub(super) struct Repeats {
    sites: [Site; SITES],
    beyond: Site,
}

/// One place in the source.
struct Site {
    /// Which it is; 0 for none.
    key: AtomicU64,
    /// The window that is counted in the upper half, its lines in the lower.
    counted: AtomicU64,
    /// The lines of windows before that were left out and are still to be told of.
    left_out: AtomicU64,
    /// What it says, known once something was left out.
    words: OnceLock<Words>,
}

/// What the lines of a place have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) level: Level,
    pub(super) target: String,
    pub(super) message: String,
    /// Whose fault they tell of, where that is not the service.
    pub(super) whose: Option<String>,
}

impl Repeats {
    pub(super) const fn new() -> Self {
        Self {
            sites: [const { Site::new() }; SITES],
            beyond: Site::new(),
        }
    }

    /// Counts a line in a window, which are numbered from 1 on. Returns whether it is to be written.
    pub(super) fn admit(&self, record: &Record<'_>, window: u32) -> bool {
        if record.key_values().get(BY.into()).is_some() {
            return true;
        }
        let site = self.site(key(record));
        let is_written = site.count(window) <= LINES;
        if !is_written {
            site.words.get_or_init(|| Words::of(record));
        }
        is_written
    }

    /// Tells what was left out in windows before this one, and in this one as well where `all`.
    pub(super) fn tell(&self, window: u32, all: bool, mut tell: impl FnMut(&Words, u64)) {
        for site in self.sites.iter().chain([&self.beyond]) {
            let before = if all { u32::MAX } else { window };
            site.close(before);
            // The words of one that has just been counted come in a moment.
            let Some(words) = site.words.get() else { continue };
            let left_out = site.left_out.swap(0, Ordering::Relaxed);
            if left_out > 0 {
                tell(words, left_out);
            }
        }
    }

    /// Finds a place, or takes one for it.
    fn site(&self, key: u64) -> &Site {
        let (before, from) = self.sites.split_at(key as usize % SITES);
        for site in from.iter().chain(before) {
            let taken = match site.key.load(Ordering::Relaxed) {
                0 => site
                    .key
                    .compare_exchange(0, key, Ordering::Relaxed, Ordering::Relaxed),
                taken => Err(taken),
            };
            if taken.is_ok() || taken == Err(key) {
                return site;
            }
        }
        &self.beyond
    }
}

impl Site {
    const fn new() -> Self {
        Self {
            key: AtomicU64::new(0),
            counted: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            words: OnceLock::new(),
        }
    }

    /// Counts a line. Returns which one of its window it is.
    fn count(&self, now: u32) -> u32 {
        // Whoever looked at the clock before others did counts where they are.
        let next = |(window, lines): (u32, u32)| match window < now {
            true => (now, 1),
            false => (window, lines.saturating_add(1)),
        };
        self.change(next).1
    }

    /// Takes what was left out in windows before one to be told of.
    fn close(&self, before: u32) {
        self.change(|(window, lines)| (window, if window < before { lines.min(LINES) } else { lines }));
    }

    /// Changes what is counted, and keeps what is not counted any more. Returns what is counted then.
    fn change(&self, next: impl Fn((u32, u32)) -> (u32, u32)) -> (u32, u32) {
        let mut packed = self.counted.load(Ordering::Relaxed);
        loop {
            let before = unpack(packed);
            let after = next(before);
            let changed =
                self.counted
                    .compare_exchange_weak(packed, pack(after), Ordering::Relaxed, Ordering::Relaxed);
            match changed {
                Ok(_) => {
                    let over = |(_, lines): (u32, u32)| u64::from(lines.saturating_sub(LINES));
                    // Only one thread makes each change, so each line is kept once.
                    if over(after) < over(before) {
                        self.left_out.fetch_add(over(before), Ordering::Relaxed);
                    }
                    return after;
                }
                Err(seen) => packed = seen,
            }
        }
    }
}

impl Words {
    fn of(record: &Record<'_>) -> Self {
        let whose = record.key_values().get("whose".into());
        Self {
            level: record.level(),
            target: record.target().to_owned(),
            message: line::message(record),
            whose: whose.map(|whose| whose.to_string()),
        }
    }
}

/// Returns by what a record's place is known, which is never 0.
fn key(record: &Record<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (record.file(), record.line(), record.level()).hash(&mut hasher);
    if record.target() == panics::TARGET {
        // All panics are told at one place.
        let location = record.key_values().get("location".into());
        location.map(|location| location.to_string()).hash(&mut hasher);
    }
    hasher.finish() | 1
}

fn pack((window, lines): (u32, u32)) -> u64 {
    u64::from(window) << 32 | u64::from(lines)
}

fn unpack(packed: u64) -> (u32, u32) {
    ((packed >> 32) as u32, packed as u32)
}

#[cfg(test)]
mod tests;
