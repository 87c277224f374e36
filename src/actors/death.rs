//! Notices when an actor ends that should not have.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

/// Lives inside an actor and speaks up when it is dropped before the pipeline was told to stop.
pub(super) struct DeathWatch {
    actor: &'static str,
    stopping: Arc<AtomicBool>,
    deaths: UnboundedSender<&'static str>,
}

/// Makes watches, and tells them when ends are expected.
#[derive(Clone)]
pub(super) struct DeathWatches {
    stopping: Arc<AtomicBool>,
    deaths: UnboundedSender<&'static str>,
}

impl DeathWatches {
    /// Makes watches that report the names of the dead to `deaths`.
    pub(super) fn new(deaths: UnboundedSender<&'static str>) -> Self {
        Self {
            stopping: Arc::new(AtomicBool::new(false)),
            deaths,
        }
    }

    pub(super) fn watch(&self, actor: &'static str) -> DeathWatch {
        DeathWatch {
            actor,
            stopping: self.stopping.clone(),
            deaths: self.deaths.clone(),
        }
    }

    /// From now on, ends are expected.
    pub(super) fn stand_down(&self) {
        self.stopping.store(true, Ordering::Release);
    }
}

impl Drop for DeathWatch {
    fn drop(&mut self) {
        if !self.stopping.load(Ordering::Acquire) {
            // Where nobody listens any more, the process is ending anyway.
            let _ = self.deaths.send(self.actor);
        }
    }
}
