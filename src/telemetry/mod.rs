//! What the service says about itself.

mod line;
mod logging;

pub use logging::{LogFormat, init, set_level};
