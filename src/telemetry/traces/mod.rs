//! Traces: what became of an event and when, as spans for a collector that takes OTLP over HTTP.
//!
//! ```text
//!  http ──Span──┐ (dropped: it ended)
//!               ├──▶ queue (bounded) ──▶ thread ──▶ collector
//!  actors ─Span─┘       └ full: dropped and counted
//! ```
//! Nothing here is global: a handle is passed to who makes spans, and each span says itself where it belongs. Whether an
//! event is traced is decided once, when it is accepted; what is stored with it says so for whoever sends it.

mod collector;
mod export;
mod queue;
mod sampling;
mod span;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::warn;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tokio::sync::oneshot;

use crate::domain::TraceParent;
use export::Export;
use queue::Queue;
pub use queue::{SpanCounts, span_counts};
use sampling::{Allowance, Choice};
pub use span::{Side, Span};

/// How long the end waits for the collector.
const STOPPING: Duration = Duration::from_secs(2);

/// Where spans go, and of which events.
#[derive(Debug, Clone)]
pub struct TraceOptions {
    /// The collector's base URL.
    pub endpoint: String,
    /// The share of events, of those without a trace, that get one, 0 to 1.
    pub ratio: f64,
    /// Traces in a second at most.
    pub max_per_second: u32,
    /// What this process is called.
    pub replica: String,
}

/// Why traces could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The collector cannot be used as it is described.
    #[error("the collector of traces cannot be used")]
    Collector(#[from] ExporterBuildError),
    /// There is no thread for it.
    #[error("no thread can be started for traces")]
    Thread(#[from] std::io::Error),
}

/// Makes spans, or none; copies make them together.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Tracer>>);

/// What makes spans where they are made.
struct Tracer {
    queue: Queue,
    ids: RandomIdGenerator,
    ratio: f64,
    allowance: Allowance,
    started: Instant,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

/// What was decided about the trace of an event.
#[derive(Debug)]
pub struct Joined {
    /// The span of its acceptance, where it is traced.
    pub span: Option<Span>,
    /// What is stored and passed on with it.
    pub place: Option<TraceParent>,
}

impl Traces {
    /// Makes none, at the cost of a branch each time.
    pub fn off() -> Self {
        Self(None)
    }

    /// Makes spans and sends them from a thread of its own.
    ///
    /// # Errors
    /// When the collector cannot be used as it is described, or there is no thread.
    pub fn start(options: TraceOptions) -> Result<Self, TracesError> {
        let (queue, batches) = queue::queue();
        let (end, ended) = oneshot::channel();
        let export = Export::new(batches, &options.endpoint, options.replica, end)?;
        std::thread::Builder::new()
            .name("traces".to_owned())
            .spawn(move || export.run())?;
        Ok(Self(Some(Arc::new(Tracer {
            queue,
            ids: RandomIdGenerator::default(),
            ratio: options.ratio,
            allowance: Allowance::new(options.max_per_second),
            started: Instant::now(),
            ended: Mutex::new(Some(ended)),
        }))))
    }

    /// Decides whether an event is traced, and begins the span of its acceptance.
    pub fn join(&self, caller: Option<TraceParent>, name: &'static str, side: Side) -> Joined {
        let Some(tracer) = &self.0 else {
            return Joined {
                span: None,
                place: caller,
            };
        };
        let may = || tracer.allowance.take(tracer.started.elapsed());
        match sampling::choose(caller, tracer.ratio, fastrand::f64(), may) {
            Choice::Record => {
                let trace =
                    caller.map_or_else(|| tracer.ids.new_trace_id().to_bytes(), |caller| caller.trace);
                let span = tracer.begin(trace, name, side, caller);
                Joined {
                    place: Some(span.place()),
                    span: Some(span),
                }
            }
            Choice::PassOn => Joined {
                span: None,
                place: caller,
            },
            // Who says that nothing is recorded must say so in the name of a span of its own.
            Choice::Decline => Joined {
                span: None,
                place: caller.map(|caller| TraceParent {
                    span: tracer.ids.new_span_id().to_bytes(),
                    sampled: false,
                    ..caller
                }),
            },
        }
    }

    /// Begins a span under another, where that is recorded.
    pub fn span(&self, parent: Option<TraceParent>, name: &'static str, side: Side) -> Option<Span> {
        let tracer = self.0.as_ref()?;
        let parent = parent.filter(|parent| parent.sampled)?;
        Some(tracer.begin(parent.trace, name, side, Some(parent)))
    }

    /// Lets the collector have what there is, for two seconds at most. What ends later is dropped.
    pub async fn stop(&self) {
        let Some(tracer) = &self.0 else { return };
        tracer.queue.stop();
        let ended = tracer.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended
            && tokio::time::timeout(STOPPING, ended).await.is_err()
        {
            warn!("the collector of traces did not take the last spans in time; they are lost");
        }
    }
}

impl Tracer {
    fn begin(&self, trace: [u8; 16], name: &'static str, side: Side, parent: Option<TraceParent>) -> Span {
        let place = TraceParent {
            trace,
            span: self.ids.new_span_id().to_bytes(),
            sampled: true,
        };
        Span::begin(self.queue.clone(), name, side, place, parent)
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Traces(on)"
        } else {
            "Traces(off)"
        })
    }
}
