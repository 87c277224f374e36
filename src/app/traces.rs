//! Starts the traces that the operator asks for.

use anyhow::Context;

use crate::actors::messages::Settings;
use crate::config::Config;
use crate::telemetry::{TraceOptions, Traces};

/// Starts them, or none where no collector is named.
pub(super) fn start(config: &Config, settings: &Settings) -> anyhow::Result<Traces> {
    let Some(endpoint) = &config.traces.endpoint else {
        return Ok(Traces::off());
    };
    let options = TraceOptions {
        endpoint: endpoint.clone(),
        ratio: config.traces.ratio,
        max_per_second: config.traces.max_per_second,
        replica: settings.replica.to_string(),
    };
    Traces::start(options).context("traces.endpoint")
}
