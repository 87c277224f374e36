//! What the service says about itself.

mod line;
mod logging;
mod panics;
mod subject;
mod traces;

pub use logging::{LogFormat, init, set_level};
pub use panics::{panics, watch_panics};
pub use subject::{Subject, about, subject};
pub use traces::{Joined, Side, Span, SpanCounts, TraceOptions, Traces, TracesError, span_counts};
