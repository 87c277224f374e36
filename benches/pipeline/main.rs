//! Measures the pipeline: what durability, delivery and a backlog cost, as ratios taken in one run.
//!
//! `cargo bench` prints one table and fails where a floor is missed. The service is a process of its own, on
//! loopback, and writes to a real file below `target/`; load generator and Svix stand-in run in this process
//! and share its cores. With a PostgreSQL server at `TEST_POSTGRES_URL` (`POSTGRES_FSYNC=on tests/with-postgres cargo bench`)
//! the shared store is measured too. For a shorter trial, in the environment:
//!
//! | | default |
//! |---|---|
//! | `BENCH_PARTS` | all: of `accepting`, `delivering`, `telemetry`, `filters`, `retention`, `fairness`, `large`, `lookups`, `shared`, `claims`, those that are measured |
//! | `BENCH_SECONDS` | 5: length of one measurement of accepting; half load, sustained load and a run of fairness take twice that |
//! | `BENCH_PAIRS` | 3: measurements of durable and of bare accepting, of accepting with and without retention, and of fairness, in turn |
//! | `BENCH_BACKLOG` | 100000: events to drain |
//! | `BENCH_QUEUED` | 1000000: events queued when memory and restart are measured |
//! | `BENCH_HUNG` | 200000: events queued for an account that hangs |
//! | `BENCH_LARGE` | 1: share of the large backlogs, of up to 3 GB each, that is measured |
//! | `BENCH_ROWS` | 2000000: rows among which is looked up |
//! | `BENCH_CONNECTIONS` | 256: connections of the load generator |
//! | `BENCH_CUSTOMERS` | 10: customers that the events belong to, in turn, 1 to 10000 |
//! | `BENCH_ORDERED_IDS` | 1: ids ascend, as time-ordered ones do; 0 gives scattered ones |
//!
//! ```text
//! accepting   durable ÷ bare, latency at half load, memory and restart     service   the process under test
//! delivering  sustained, drains                                            load      the load generator
//! lookups     what operators ask for, in a large store of either kind
//! retention   accepting while old rows leave
//! telemetry   accepting while everything is told
//! fairness    delivering beside a backlog whose account hangs
//! large       backlogs of large events, and as they come
//! neighbours  small events beside a backlog of large ones
//! shared      PostgreSQL beside SQLite, claims from a growing backlog
//! bare        what is compared with                                        event     what is posted
//! machine     where it runs, and what it spends                            report    table and floors
//! ```

mod accepting;
mod bare;
mod delivering;
mod event;
mod fairness;
mod filters;
mod large;
mod load;
mod lookups;
mod machine;
mod neighbours;
mod report;
mod retention;
mod service;
mod settings;
mod shared;
mod telemetry;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use actix_rt::signal::unix::{SignalKind, signal};
use anyhow::{Context, bail};

use report::{Report, progress};
use settings::Settings;

/// How long everything may take.
const LIMIT: Duration = Duration::from_secs(30 * 60);

fn main() -> anyhow::Result<ExitCode> {
    let settings = Settings::read()?;
    let directory = tempfile::Builder::new()
        .prefix("pipeline-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .context("cannot make a directory below target/")?;
    let report = actix_rt::System::new().block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        // Whatever ends it, what it has started is dropped, and ends with that.
        tokio::select! {
            report = tokio::time::timeout(LIMIT, measure(&settings, directory.path())) => {
                report.with_context(|| format!("not done within {} s", LIMIT.as_secs()))?
            }
            _ = terminated.recv() => bail!("terminated"),
            _ = interrupted.recv() => bail!("interrupted"),
        }
    })?;
    report.print();
    Ok(if report.floors_hold() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn measure(settings: &Settings, directory: &Path) -> anyhow::Result<Report> {
    let mut report = Report::new(&machine::facts(directory)?, settings)?;
    if settings.has_part("accepting") {
        accepting::measure(settings, directory, &mut report).await?;
    }
    if settings.has_part("delivering") {
        delivering::measure(settings, directory, &mut report).await?;
    }
    if settings.has_part("telemetry") {
        telemetry::measure(settings, directory, &mut report).await?;
    }
    if settings.has_part("filters") {
        filters::measure(settings, directory, &mut report).await?;
    }
    if settings.has_part("retention") {
        retention::measure(settings, directory, &mut report).await?;
    }
    if settings.has_part("fairness") {
        fairness::measure(settings, directory, &mut report).await?;
    }
    if settings.has_part("large") {
        large::measure(settings, directory, &mut report).await?;
        neighbours::measure(settings, directory, &mut report).await?;
    }
    if settings.has_part("lookups") {
        lookups::measure(settings, directory, &mut report).await?;
    }
    match &settings.postgres {
        Some(server) => shared::measure(settings, directory, server, &mut report).await?,
        None => progress("the shared store is not measured: no server at TEST_POSTGRES_URL"),
    }
    Ok(report)
}
