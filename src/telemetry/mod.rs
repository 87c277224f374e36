//! What the service says about itself.

mod counts;
mod fields;
mod line;
mod logging;
mod panics;
mod repeats;
mod subject;

pub use counts::{LogCounts, log_counts};
pub use fields::{FIELDS, Field, HEAD, Kind};
pub use line::{LINE_MAX, json_line};
pub use logging::{LogFormat, init, set_level, tell_all_repeats, tell_repeats};
pub use panics::{panics, watch_panics};
pub use subject::{Subject, about, subject};
