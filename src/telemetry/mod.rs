//! What the service says about itself.

mod fields;
mod line;
mod logging;
mod panics;
mod subject;

pub use fields::{FIELDS, Field, HEAD, Kind};
pub use line::{LINE_MAX, json_line};
pub use logging::{LogFormat, init, set_level};
pub use panics::{panics, watch_panics};
pub use subject::{Subject, about, subject};
