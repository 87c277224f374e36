//! Moves a stopped store to another database, of the same or of the other kind.
//!
//! ```text
//! source ──▶ target   reads rows in order, as they were at one moment ──▶ inserts them, a transaction a batch
//! table               what is carried over, each table described once
//! statements          what follows from that for either database
//! rows                some rows of a table, column by column
//! counts              what either side holds, to compare
//! ```
//! Each batch is whole or not there at all, and they go in order; so what the target has last tells where to
//! go on. The ledger and what else is not of single notifications is written last, in one transaction, and
//! says that the copy is complete.

mod counts;
mod error;
mod rows;
mod source;
mod statements;
mod table;
mod target;

#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use error::CopyError;
use source::Source;
use target::{Begun, Target};

/// How much goes into one transaction at most, but at least one row.
#[derive(Clone, Copy)]
struct Limits {
    rows: i64,
    /// Of events.
    bytes: i64,
}

/// Enough that a commit's fsync weighs little, and little enough to be held in memory.
const LIMITS: Limits = Limits {
    rows: 500,
    bytes: 16 << 20,
};

/// How far a copy has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Notifications in the target.
    pub done: u64,
    /// Those of them that this run copied.
    pub copied: u64,
    /// Notifications in the source.
    pub total: u64,
}

/// What a copy came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyReport {
    /// Notifications that this run copied.
    pub copied: u64,
    /// Notifications that an earlier run had copied.
    pub found: u64,
    /// What the source holds.
    pub source: Counts,
    /// What the target holds.
    pub target: Counts,
}

impl CopyReport {
    /// Tells whether both hold the same.
    pub fn is_equal(&self) -> bool {
        self.source == self.target
    }
}

/// Copies everything from one stopped store to another, or goes on with that. The target's tables are made
/// where there are none.
///
/// # Errors
/// When either cannot be opened or is in use, or the target holds anything that is not of the source.
pub async fn copy(from: &str, to: &str, progress: impl FnMut(Progress)) -> Result<CopyReport, CopyError> {
    Copying::begin(from, to, LIMITS).await?.run(progress).await
}

/// A copy under way.
struct Copying {
    source: Source,
    target: Target,
    limits: Limits,
    /// The number of the last row that is in the target.
    after: i64,
    /// Whether the target was complete from the start.
    complete: bool,
    found: u64,
    copied: u64,
    total: u64,
}

impl Copying {
    /// Opens both sides, and finds where to go on.
    async fn begin(from: &str, to: &str, limits: Limits) -> Result<Self, CopyError> {
        let mut source = Source::open(from).await?;
        let mut target = Target::open(to).await?;
        let Begun {
            after,
            rows,
            complete,
        } = target.compare(&mut source).await?;
        let total = source.count().await?;
        Ok(Self {
            source,
            target,
            limits,
            after,
            complete,
            found: rows,
            copied: 0,
            total,
        })
    }

    /// Copies the next batch; tells whether there was one.
    async fn step(&mut self) -> Result<bool, CopyError> {
        let batch = self.source.batch(self.after, self.limits).await?;
        let copied = batch.notifications.len();
        if copied == 0 {
            return Ok(false);
        }
        self.target.insert(&batch).await?;
        self.after = batch.last;
        self.copied += count(copied);
        Ok(true)
    }

    async fn run(mut self, mut progress: impl FnMut(Progress)) -> Result<CopyReport, CopyError> {
        if !self.complete {
            loop {
                let done = self.found + self.copied;
                progress(Progress {
                    done,
                    copied: self.copied,
                    total: self.total,
                });
                if !self.step().await? {
                    break;
                }
            }
            self.target.finish(&mut self.source, self.after).await?;
        }
        let report = CopyReport {
            copied: self.copied,
            found: self.found,
            source: self.source.counts().await?,
            target: self.target.counts().await?,
        };
        self.close().await?;
        Ok(report)
    }

    /// Closes both sides.
    async fn close(self) -> Result<(), CopyError> {
        self.target.close().await?;
        self.source.close().await
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
