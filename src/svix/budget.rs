//! Bounds the memory that long answers take, over all threads of the process.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

/// What all long answers together may take, in KiB.
const ALL: u32 = 32 * 1024;

/// What those to one account may take, in KiB.
const OF_AN_ACCOUNT: u32 = 4 * 1024;

/// What is left of all.
static LEFT: Semaphore = Semaphore::const_new(ALL as usize);

/// The part of the budget that one account may use.
#[derive(Debug, Clone)]
pub(super) struct Share(Arc<Semaphore>);

/// Memory that is set aside until this is dropped.
#[derive(Debug)]
pub(super) struct Granted<'a> {
    /// Neither semaphore is ever closed, so both are there.
    _parts: (Option<SemaphorePermit<'a>>, Option<SemaphorePermit<'static>>),
}

impl Default for Share {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(OF_AN_ACCOUNT as usize)))
    }
}

impl Share {
    /// Waits until so many bytes may be used. One answer that needs more than an account's part takes all of that.
    pub(super) async fn grant(&self, bytes: usize) -> Granted<'_> {
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(ALL);
        let own = self.0.acquire_many(kibibytes.min(OF_AN_ACCOUNT)).await;
        let all = LEFT.acquire_many(kibibytes.min(ALL)).await;
        Granted {
            _parts: (own.ok(), all.ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn an_account_waits_for_itself_and_not_for_another() {
        let (one, other) = (Share::default(), Share::default());
        let huge = one.grant(9 << 20).now_or_never();
        assert!(huge.is_some(), "more than its part, once");
        assert!(one.grant(1).now_or_never().is_none(), "nothing of its part is left");
        assert!(other.grant(4 << 20).now_or_never().is_some(), "the other's part is another");
        drop(huge);
        assert!(one.grant(1).now_or_never().is_some(), "it is given back");
    }
}
