//! What can be set for a trial.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::event::Ids;

/// How much is measured.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// One measurement of accepting.
    pub(crate) leg: Duration,
    /// Measurements of durable and bare accepting.
    pub(crate) pairs: usize,
    /// Events to drain.
    pub(crate) backlog: u64,
    /// Events queued when memory and restart are measured.
    pub(crate) queued: u64,
    /// Events queued for an account that hangs.
    pub(crate) hung: u64,
    /// Rows among which is looked up.
    pub(crate) rows: u64,
    /// The share of the large backlogs that is measured.
    pub(crate) large: f64,
    /// Connections of the load generator.
    pub(crate) connections: usize,
    /// How ids and customers are spread.
    pub(crate) ids: Ids,
    /// Which parts are measured.
    parts: String,
    /// The server on which the shared store is measured.
    pub(crate) postgres: Option<String>,
}

impl Settings {
    /// Tells whether a part is measured.
    pub(crate) fn has_part(&self, part: &str) -> bool {
        self.parts.split(',').any(|named| named == part)
    }

    /// Reads them from the environment.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let seconds: u64 = number("BENCH_SECONDS", 5)?;
        let pairs = number("BENCH_PAIRS", 3)?;
        let customers = number("BENCH_CUSTOMERS", 10)?;
        let backlog = number("BENCH_BACKLOG", 100_000)?;
        let large = number("BENCH_LARGE", 1.0)?;
        ensure!((0.01..=10.0).contains(&large), "BENCH_LARGE is not from 0.01 to 10");
        ensure!((1..=10_000).contains(&customers), "BENCH_CUSTOMERS is not from 1 to 10000");
        ensure!(
            seconds >= 1 && pairs >= 1 && backlog >= 1,
            "there is nothing to measure in no time, no pairs or no backlog"
        );
        Ok(Self {
            leg: Duration::from_secs(seconds),
            pairs,
            backlog,
            queued: number("BENCH_QUEUED", 1_000_000)?,
            hung: number("BENCH_HUNG", 200_000)?,
            rows: number("BENCH_ROWS", 2_000_000)?,
            large,
            connections: number("BENCH_CONNECTIONS", 256)?,
            ids: Ids {
                customers,
                ordered: number("BENCH_ORDERED_IDS", 1)? == 1,
            },
            parts: text("BENCH_PARTS").unwrap_or_else(|| {
                "accepting,delivering,telemetry,filters,retention,fairness,large,lookups,shared,claims"
                    .to_owned()
            }),
            postgres: text("TEST_POSTGRES_URL"),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the service's own configuration is not concerned"
)]
fn text(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the service's own configuration is not concerned"
)]
fn number<T>(name: &str, default: T) -> anyhow::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is not a number")),
        Err(_) => Ok(default),
    }
}
