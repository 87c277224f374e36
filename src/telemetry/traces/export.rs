//! The thread that takes spans to their collector, and tells the operator where that does not work.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use log::{info, warn};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::oneshot;

use super::collector::{Collector, Fault};
use super::queue::{Batches, count_dropped, count_exported, span_counts};

/// How long a batch is tried for before it is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often at most it is told that spans are lost.
const TELLING: Duration = Duration::from_secs(60);

/// Takes spans to the collector until there are no more.
pub(super) struct Export {
    batches: Batches,
    exporter: SpanExporter,
    fault: Fault,
    losses: Losses,
    /// Dropped at the end, which is how the end is told.
    _ended: oneshot::Sender<()>,
}

impl Export {
    /// Prepares to send to the collector at that base URL, in the name of `replica`.
    pub(super) fn new(
        batches: Batches,
        endpoint: &str,
        replica: String,
        ended: oneshot::Sender<()>,
    ) -> Result<Self, ExporterBuildError> {
        let fault = Fault::default();
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(fault.clone()))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .with_retry_policy(RetryPolicy::recommended())
            .build()?;
        let resource = Resource::builder_empty()
            .with_service_name("svix-hooks")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", replica))
            .build();
        exporter.set_resource(&resource);
        Ok(Self {
            batches,
            exporter,
            fault,
            losses: Losses::default(),
            _ended: ended,
        })
    }

    pub(super) fn run(mut self) {
        while let Some(batch) = self.batches.next() {
            self.send(batch);
        }
    }

    fn send(&mut self, batch: Vec<SpanData>) {
        let spans = batch.len();
        // The client blocks, so the future is ready when it is first asked.
        let sent = self.exporter.export(batch).now_or_never();
        let error = match sent {
            Some(Ok(())) => {
                count_exported(spans);
                None
            }
            Some(Err(error)) => {
                count_dropped(spans);
                Some(self.fault.take().unwrap_or_else(|| error.to_string()))
            }
            None => {
                count_dropped(spans);
                Some("the request did not come to its end".to_owned())
            }
        };
        match self.losses.note(span_counts().dropped, error, Instant::now()) {
            Some(News::Lost { spans, error }) => warn!(
                spans, error;
                "spans are lost: the collector of traces does not take them; deliveries go on"
            ),
            Some(News::Mended) => info!("the collector of traces takes spans again"),
            None => {}
        }
    }
}

/// Sums up losses, so that a collector that is gone for a day is told of once a minute.
#[derive(Debug, Default)]
struct Losses {
    told: u64,
    told_at: Option<Instant>,
    failing: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum News {
    /// So many spans more are lost, the last ones for this.
    Lost { spans: u64, error: String },
    /// Spans are taken again.
    Mended,
}

impl Losses {
    /// Takes in what a batch came to, and how many spans are lost in all; tells what is worth telling.
    fn note(&mut self, dropped: u64, error: Option<String>, now: Instant) -> Option<News> {
        let spans = dropped.saturating_sub(self.told);
        let quiet = self
            .told_at
            .is_some_and(|at| now.saturating_duration_since(at) < TELLING);
        if spans > 0 && !quiet {
            (self.told, self.told_at) = (dropped, Some(now));
            self.failing = error.is_some();
            let error = error.unwrap_or_else(|| "there are more than it takes in time".to_owned());
            return Some(News::Lost { spans, error });
        }
        (self.failing && error.is_none()).then(|| {
            self.failing = false;
            News::Mended
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_at_once_and_then_once_a_minute_and_their_end_once() {
        let (mut losses, start) = (Losses::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let lost = |spans, error: &str| {
            Some(News::Lost {
                spans,
                error: error.to_owned(),
            })
        };
        let refused = || Some("refused".to_owned());
        assert_eq!(losses.note(0, None, start), None, "nothing is wrong");
        assert_eq!(losses.note(5, refused(), after(1)), lost(5, "refused"));
        assert_eq!(losses.note(9, refused(), after(2)), None);
        assert_eq!(losses.note(900, refused(), after(61)), lost(895, "refused"));
        assert_eq!(losses.note(900, None, after(62)), Some(News::Mended));
        assert_eq!(losses.note(900, None, after(63)), None);
        let full = "there are more than it takes in time";
        assert_eq!(losses.note(901, None, after(200)), lost(1, full), "it was full in between");
        assert_eq!(losses.note(901, None, after(201)), None);
    }
}
