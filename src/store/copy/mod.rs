//! Moves a stopped store to another database, of the same or of the other kind.
//!
//! ```text
//! source   reads rows in order, as they were at one moment ──▶ target   inserts them, a transaction a batch
//! server   the target's statements for PostgreSQL
//! row      a notification with its event and attempts, column by column
//! counts   what either side holds, to compare
//! ```
//! Each batch is whole or not there at all, and they go in order; so what the target has last tells where to
//! go on. The ledger is written last, and says that the copy is complete.

mod counts;
mod error;
mod row;
mod server;
mod source;
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
        let Some(last) = batch.last() else {
            return Ok(false);
        };
        let last = last.seq;
        self.target.insert(&batch).await?;
        self.after = last;
        self.copied += count(batch.len());
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
