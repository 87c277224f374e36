//! What the service says about itself.

mod counts;
mod fields;
mod line;
mod logging;
mod metrics;
mod panics;
mod repeats;
mod reports;
mod subject;
mod traces;

use std::sync::Arc;

pub use counts::{LogCounts, log_counts};
pub use fields::{FIELDS, Field, HEAD, Kind as FieldKind};
pub use line::{LINE_MAX, json_line};
pub use logging::{LogFormat, init, logger, set_level, tell_all_repeats, tell_repeats};
pub use metrics::{
    AcceptResult, AccountReading, AccountState, Across, BacklogReading, Described, DiskReading,
    Kind as MetricKind, LedgerReading, METRICS, Metrics, PipelineReading, Readings, RedriveReading,
    TEXT_FORMAT, Waiting,
};
pub use panics::{panics, watch_panics};
pub use reports::{ReportCounts, ReportError, ReportOptions, Reports, apart, report_counts};
pub use subject::{Subject, about, subject};
pub use traces::{Joined, Side, Span, SpanCounts, TraceOptions, Traces, TracesError, span_counts};

/// What is told of what happens; copies share it.
#[derive(Debug, Clone)]
pub struct Instruments {
    /// What is counted and measured.
    pub metrics: Arc<Metrics>,
    /// Where spans go.
    pub traces: Traces,
}
