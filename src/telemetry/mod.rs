//! What the service says about itself.

mod line;
mod logging;
mod metrics;
mod panics;
mod subject;

pub use logging::{LogFormat, init, set_level};
pub use metrics::{
    AcceptResult, AccountReading, AccountState, Across, BacklogReading, Described, DiskReading, Kind,
    LedgerReading, METRICS, Metrics, PipelineReading, Readings, RedriveReading, TEXT_FORMAT, Waiting,
};
pub use panics::{panics, watch_panics};
pub use subject::{Subject, about, subject};
