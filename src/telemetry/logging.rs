//! Sets up the log: text for a terminal, JSON lines for a collector.

use std::io::Write;

use env_logger::{Builder, Target};
use log::{LevelFilter, SetLoggerError};

use super::line;

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
    Builder::new()
        .filter_level(LevelFilter::Warn)
        .filter_module("svix_hooks", LevelFilter::Trace)
        // Says as an error whatever callers send that is no HTTP.
        .filter_module("actix_http", LevelFilter::Off)
        .target(Target::Stderr)
        .format(move |out, record| {
            let line = match format {
                LogFormat::Text => line::text_line(record),
                LogFormat::Json => line::json_line(record),
            };
            writeln!(out, "{line}")
        })
        .try_init()?;
    set_level(level);
    Ok(())
}

/// Changes from which level on lines are written.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}
