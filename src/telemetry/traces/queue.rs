//! Where spans wait for their collector. What does not fit is dropped: nobody waits for a collector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use opentelemetry_sdk::trace::SpanData;

/// Spans that may wait.
const QUEUE: usize = 4096;

/// Spans of one request to the collector.
const BATCH: usize = 512;

/// How long spans wait for others to go with.
const DELAY: Duration = Duration::from_secs(1);

/// How often an idle thread looks whether it is to stop, should it not be woken.
const IDLE: Duration = Duration::from_secs(60);

static EXPORTED: AtomicU64 = AtomicU64::new(0);
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// What became of the spans since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanCounts {
    /// Those that the collector took.
    pub exported: u64,
    /// Those for which there was no room, or that no collector took.
    pub dropped: u64,
}

/// Returns what became of the spans since the process started.
pub fn span_counts() -> SpanCounts {
    SpanCounts {
        exported: EXPORTED.load(Ordering::Relaxed),
        dropped: DROPPED.load(Ordering::Relaxed),
    }
}

/// Counts spans that the collector took.
pub(super) fn count_exported(spans: usize) {
    EXPORTED.fetch_add(u64::try_from(spans).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// Counts spans that nobody will see.
pub(super) fn count_dropped(spans: usize) {
    DROPPED.fetch_add(u64::try_from(spans).unwrap_or(u64::MAX), Ordering::Relaxed);
}

#[derive(Debug)]
enum Message {
    Span(Box<SpanData>),
    /// Look up: it is time to stop.
    Wake,
}

/// The end where spans come in; copies share it.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    to: SyncSender<Message>,
    stopping: Arc<AtomicBool>,
}

/// The end where they go out.
#[derive(Debug)]
pub(super) struct Batches {
    from: Receiver<Message>,
    stopping: Arc<AtomicBool>,
}

/// Makes both ends.
pub(super) fn queue() -> (Queue, Batches) {
    let (to, from) = sync_channel(QUEUE);
    let stopping = Arc::new(AtomicBool::new(false));
    let queue = Queue {
        to,
        stopping: stopping.clone(),
    };
    (queue, Batches { from, stopping })
}

impl Queue {
    /// Puts a span down, or drops it where there is no room. Never waits.
    pub(super) fn put(&self, span: SpanData) {
        if self.to.try_send(Message::Span(Box::new(span))).is_err() {
            count_dropped(1);
        }
    }

    /// Says that what is there now is the last.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        // Where it is full, the other end is awake.
        let _ = self.to.try_send(Message::Wake);
    }
}

impl Batches {
    /// Waits for the next spans, and a moment for others to go with them. Nothing after the last ones.
    pub(super) fn next(&self) -> Option<Vec<SpanData>> {
        let (mut batch, mut until) = (Vec::new(), None);
        while batch.len() < BATCH && !self.stopping.load(Ordering::Acquire) {
            let now = Instant::now();
            let until_then = until.map_or(IDLE, |until: Instant| until.saturating_duration_since(now));
            match self.from.recv_timeout(until_then) {
                Ok(Message::Span(span)) => {
                    batch.push(*span);
                    until.get_or_insert(now + DELAY);
                }
                Err(RecvTimeoutError::Timeout) if batch.is_empty() => {}
                Ok(Message::Wake) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        while batch.len() < BATCH
            && let Ok(message) = self.from.try_recv()
        {
            if let Message::Span(span) = message {
                batch.push(*span);
            }
        }
        (!batch.is_empty()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::super::span::{Side, Span};
    use super::*;
    use crate::domain::TraceParent;

    fn put(queue: &Queue, count: usize) {
        let place = TraceParent {
            trace: [1; 16],
            span: [2; 8],
            sampled: true,
        };
        (0..count).for_each(|_| drop(Span::begin(queue.clone(), "a", Side::Internal, place, None)));
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted_and_the_rest_goes_out_in_batches() {
        let (queue, batches) = queue();
        let before = span_counts().dropped;
        put(&queue, QUEUE + 10);
        // Other tests may count as well.
        assert!(span_counts().dropped >= before + 10);
        let sizes: Vec<_> = (0..QUEUE / BATCH)
            .map(|_| batches.next().unwrap().len())
            .collect();
        assert_eq!(sizes, [BATCH; QUEUE / BATCH]);
        queue.stop();
        assert!(batches.next().is_none());
    }

    #[test]
    fn a_full_queue_is_emptied_at_the_end_and_then_it_is_over() {
        let (queue, batches) = queue();
        put(&queue, QUEUE);
        queue.stop();
        let all: usize = std::iter::from_fn(|| batches.next())
            .map(|batch| batch.len())
            .sum();
        assert_eq!(all, QUEUE);
    }

    #[test]
    fn it_is_over_when_nobody_can_put_anything_any_more() {
        let (queue, batches) = queue();
        put(&queue, 3);
        drop(queue);
        assert_eq!(batches.next().map(|batch| batch.len()), Some(3));
        assert!(batches.next().is_none());
    }
}
