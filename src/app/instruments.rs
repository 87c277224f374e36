//! Ties what the store and the front end tell to what is measured.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::config::Config;
use crate::domain::{Reason, State, Timestamp};
use crate::http;
use crate::store::Watch;
use crate::telemetry::Metrics;

/// Begins to count.
pub(super) fn metrics(config: &Config) -> anyhow::Result<Arc<Metrics>> {
    let url = config.store.url.expose();
    let store = if url.starts_with("sqlite:") {
        "sqlite"
    } else {
        "postgres"
    };
    let metrics = Metrics::new(&config.metrics, store, http::refusals(), machine_now());
    Ok(Arc::new(metrics.context("the metrics cannot be set up")?))
}

/// Returns the time by this machine's clock.
pub(super) fn machine_now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

/// Counts what the store does.
#[derive(Debug)]
pub(super) struct StoreWatch(pub(super) Arc<Metrics>);

impl Watch for StoreWatch {
    fn committed(&self, rows: usize, took: Duration) {
        self.0.committed(rows, took);
    }

    fn took_over(&self, replicas: u64) {
        self.0.took_over(replicas);
    }

    fn set_aside(&self) {
        self.0.settled(State::Dead, Some(Reason::Unreadable));
    }
}
