//! Where batches wait for a thread of the pool, busy or idle.
//!
//! An idle thread is woken by a `Deliver`; a busy one whose own batch is slow looks here meanwhile. No
//! batch is left behind: as long as one waits, a `Deliver` is on its way, or a thread is at work that
//! looks again before it rests. Both are decided under one lock.

use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::Message;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;

use super::messages::{Batch, BatchTicket, Job};

/// Supervisor → delivery pool: make the requests of a batch that waits.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Deliver {
    from: Handover,
}

impl Deliver {
    /// Notes that a thread is awake. From here on it must look until nothing waits.
    pub(super) fn begin(self) -> Handover {
        // Dropping the message is what counts it.
        self.from.clone()
    }
}

impl Drop for Deliver {
    fn drop(&mut self) {
        let mut waiting = self.from.lock();
        waiting.wakes = waiting.wakes.saturating_sub(1);
    }
}

/// The batches that wait; copies share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Handover(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    /// Messages that no thread has begun with.
    wakes: usize,
}

impl Handover {
    /// Puts a batch down. Returns the message that wakes a thread, unless as many are on their way as
    /// there are threads.
    #[must_use]
    pub(super) fn put(&self, batch: Batch, threads: usize) -> Option<Deliver> {
        let mut waiting = self.lock();
        waiting.batches.push_back(batch);
        let wake = waiting.wakes < threads.max(1);
        waiting.wakes += usize::from(wake);
        drop(waiting);
        self.0.arrived.notify_one();
        wake.then(|| Deliver { from: self.clone() })
    }

    /// Takes the batch that has waited longest.
    pub(super) fn take(&self) -> Option<Batch> {
        self.lock().batches.pop_front()
    }

    /// Waits for a batch and takes it. Nothing is lost where the wait is given up.
    pub(super) async fn next(&self) -> Batch {
        loop {
            let arrived = self.0.arrived.notified();
            if let Some(batch) = self.take() {
                return batch;
            }
            arrived.await;
        }
    }

    /// Makes the requests of the batches that wait, until nothing is under way and none waits. A batch
    /// that is quick has the thread to itself; beside slow ones it takes others.
    pub(super) async fn work<F: Future<Output = ()>>(&self, request: impl Fn(Job) -> F) {
        let mut requests = FuturesUnordered::new();
        let mut quick = Quick::default();
        let patience = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(patience);
        loop {
            let batch = tokio::select! {
                biased;
                ended = requests.next() => match ended {
                    Some(()) => continue,
                    None => match self.take() {
                        Some(batch) => batch,
                        None => return,
                    },
                },
                () = &mut patience, if quick.is_under_way() => {
                    quick = Quick::default();
                    continue;
                }
                batch = self.next(), if !quick.is_under_way() => batch,
            };
            let Batch {
                jobs,
                slow_at,
                ticket,
            } = batch;
            patience.as_mut().reset(slow_at.into());
            let ticket = Rc::new(ticket);
            quick = Quick(Rc::downgrade(&ticket));
            requests.extend(jobs.into_iter().map(|job| {
                let (made, ticket) = (request(job), ticket.clone());
                async move {
                    made.await;
                    // The last one ends the batch.
                    drop(ticket);
                }
            }));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The batch that has its thread to itself, until it has ended or is slow.
#[derive(Default)]
struct Quick(Weak<BatchTicket>);

impl Quick {
    fn is_under_way(&self) -> bool {
        self.0.strong_count() > 0
    }
}

#[cfg(test)]
mod tests;
