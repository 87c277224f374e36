//! The hold that a slow request has on its idempotency key.

use std::sync::Arc;

use actix_web::web::Data;
use tokio::sync::Notify;

use super::keys::{Kept, Key};
use super::state::State;

/// A key that is held until this is dropped: when the request has its answer, or when its connection is gone.
pub(super) struct Claim {
    state: Data<State>,
    key: Key,
    kept: Option<Kept>,
    bell: Arc<Notify>,
}

impl Claim {
    /// Claims a key that was put on hold with this bell; `kept` is remembered in the end.
    pub(super) fn new(state: Data<State>, key: Key, kept: Option<Kept>, bell: Arc<Notify>) -> Self {
        Self {
            state,
            key,
            kept,
            bell,
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.state
            .ledger()
            .keys
            .finish(self.key, self.kept, self.state.now());
        self.bell.notify_waiters();
    }
}
