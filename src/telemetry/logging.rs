//! Sets up the log: text for a terminal, JSON lines for a collector.

use std::io::Write;

use env_logger::{Builder, Target};
use log::{LevelFilter, Log, SetLoggerError};
use sentry::integrations::log::{LogFilter, SentryLogger};

use super::{line, reports};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `time LEVEL message key=value …`
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to standard error. What libraries say is kept from WARN on.
///
/// # Errors
/// When the process logs already.
pub fn init(level: LevelFilter, format: LogFormat) -> Result<(), SetLoggerError> {
    log::set_boxed_logger(Box::new(logger(format)))?;
    set_level(level);
    Ok(())
}

/// Makes what lines go through: to standard error, and faults of the service into reports where those are on.
pub fn logger(format: LogFormat) -> impl Log {
    let lines = Builder::new()
        .filter_level(LevelFilter::Warn)
        .filter_module("svix_hooks", LevelFilter::Trace)
        // Says as an error whatever callers send that is no HTTP.
        .filter_module("actix_http", LevelFilter::Off)
        .target(Target::Stderr)
        .format(move |out, record| {
            let line = match format {
                LogFormat::Text => line::text(record),
                LogFormat::Json => line::json(record),
            };
            writeln!(out, "{line}")
        })
        .build();
    SentryLogger::with_dest(lines)
        // What is written is what the log is set up for; the mapper alone decides on reports.
        .filter(|_| LogFilter::Ignore)
        .mapper(reports::of_record)
}

/// Changes from which level on lines are written.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}
