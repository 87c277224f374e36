//! What the service says about itself.

mod line;
mod logging;
mod panics;
mod subject;

pub use logging::{LogFormat, init, set_level};
pub use panics::{panics, watch_panics};
pub use subject::{Subject, about, subject};
