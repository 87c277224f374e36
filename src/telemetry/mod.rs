//! What the service says about itself.

mod line;
mod logging;
mod metrics;
mod panics;
mod subject;
mod traces;

use std::sync::Arc;

pub use logging::{LogFormat, init, set_level};
pub use metrics::{
    AcceptResult, AccountReading, AccountState, Across, BacklogReading, Described, DiskReading, Kind,
    LedgerReading, METRICS, Metrics, PipelineReading, Readings, RedriveReading, TEXT_FORMAT, Waiting,
};
pub use panics::{panics, watch_panics};
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
