//! What the service says about itself.

mod line;
mod logging;
mod panics;
mod reports;
mod subject;

pub use logging::{LogFormat, init, logger, set_level};
pub use panics::{panics, watch_panics};
pub use reports::{ReportCounts, ReportError, ReportOptions, Reports, apart, report_counts};
pub use subject::{Subject, about, subject};
