//! Sets up the log: text for a terminal, JSON lines for a collector, and no more of either than anybody can read.

use std::io::Write;
use std::sync::OnceLock;
use std::time::Instant;

use env_logger::{Builder, Logger, Target};
use log::kv::{ToValue, Value};
use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};
use sentry::integrations::log::{LogFilter, SentryLogger};

use super::counts::{count_line, count_summed};
use super::repeats::{Repeats, Words};
use super::{line, reports};

/// How long a window is in which each place in the source writes a bounded number of lines, in seconds.
const WINDOW_S: u64 = 10;

static REPEATS: Repeats = Repeats::new();

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
                LogFormat::Text => line::text_line(record),
                LogFormat::Json => line::json_line(record),
            };
            writeln!(out, "{line}")
        })
        .build();
    SentryLogger::with_dest(Limited(lines))
        // What is written is what the log is set up for; the mapper alone decides on reports.
        .filter(|_| LogFilter::Ignore)
        .mapper(reports::of_record)
}

/// Changes from which level on lines are written.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

/// Tells of the lines that were left out in windows that are over. To be called each second or so.
pub fn tell_repeats() {
    REPEATS.tell(window(), false, write_sum);
}

/// Tells of all lines that were left out, because the process ends.
pub fn tell_all_repeats() {
    REPEATS.tell(window(), true, write_sum);
}

/// Writes no more lines than anybody can read.
struct Limited(Logger);

impl Log for Limited {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.0.enabled(record.metadata()) {
            return;
        }
        // Whoever asks for DEBUG wants to see everything.
        let is_limited = record.level() <= Level::Info && !is_sum(record);
        if is_limited && !REPEATS.admit(record, window()) {
            return count_summed();
        }
        count_line(record.level());
        self.0.log(record);
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// Returns the number of the present window, from 1 on.
fn window() -> u32 {
    static START: OnceLock<Instant> = OnceLock::new();
    let passed = START.get_or_init(Instant::now).elapsed().as_secs() / WINDOW_S;
    u32::try_from(passed).unwrap_or(u32::MAX - 1) + 1
}

/// Tells a line that sums up others from theirs. Only those are made here.
fn is_sum(record: &Record<'_>) -> bool {
    record.module_path() == Some(module_path!())
}

fn write_sum(words: &Words, left_out: u64) {
    if words.level > log::max_level() {
        return;
    }
    let mut fields: Vec<(&str, Value<'_>)> = vec![
        ("left_out", left_out.to_value()),
        ("of", words.message.to_value()),
    ];
    fields.extend(words.whose.as_ref().map(|whose| ("whose", whose.to_value())));
    let fields: &dyn log::kv::Source = &fields.as_slice();
    let mut record = Record::builder();
    record
        .level(words.level)
        .target(&words.target)
        .module_path_static(Some(module_path!()))
        .key_values(fields);
    let record = record
        .args(format_args!("more lines of the same were left out"))
        .build();
    log::logger().log(&record);
}
