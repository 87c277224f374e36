//! What the routes share: the store, the pipeline's addresses, and what the operator has set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix::Recipient;
use tokio::sync::{Semaphore, watch};

use super::auth::ApiKey;
use super::backlog::Backlogs;
use super::health::HealthMemory;
use super::metrics::Scraped;
use super::problem::{Code, Problem};
use crate::actors::messages::{FollowSettings, GetHealth, GetStats, Notify, OwnAccounts, Redeliver, Room};
use crate::envelope::KeyPart;
use crate::policy::{RetryBounds, Routing, SvixAccount};
use crate::store::Store;
use crate::svix::ClientOptions;
use crate::telemetry::{Metrics, Traces};

/// What Svix is sent as the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadForm {
    /// The event as posted.
    Event,
    /// Its `data` alone.
    Data,
}

/// When health is degraded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HealthRules {
    /// For how long something may have been due.
    pub max_backlog_age: Duration,
    /// The share of the store's disk that must be free, from 0 to 1.
    pub min_free_ratio: f64,
}

/// What the operator has set for requests; may change while running.
#[derive(Debug, Clone)]
pub struct Intake {
    /// Where an event names its customer.
    pub customer_pointers: Vec<String>,
    /// Where an event may name the application that it is for.
    pub application_pointers: Vec<String>,
    /// Where notifications go.
    pub routing: Routing,
    /// What is told of the operator's own account.
    pub operators_account: SvixAccount,
    /// How others become usable.
    pub own_accounts: OwnAccounts,
    /// The most that customers may set of their own retries.
    pub retry_bounds: RetryBounds,
    /// How Svix is reached where an account is tried.
    pub client: ClientOptions,
    /// What makes two posts the same event.
    pub key: Vec<KeyPart>,
    /// What Svix is sent.
    pub payload: PayloadForm,
    /// The keys that callers may show.
    pub keys: Vec<ApiKey>,
    /// How many dead letters a redrive sends again a second where it does not say.
    pub redrive_rate: f64,
    /// When health is degraded.
    pub health: HealthRules,
}

/// What the routes share; one for all of the server's threads.
pub struct Gateway {
    /// Where notifications are kept.
    pub store: Store,
    /// Where they are announced.
    pub notify: Recipient<Notify>,
    /// Where it is said that something of a customer is due.
    pub redeliver: Recipient<Redeliver>,
    /// Who answers for the numbers.
    pub stats: Recipient<GetStats>,
    /// Who answers for the pipeline's health.
    pub health: Recipient<GetHealth>,
    /// Since when each part of it stands as it does.
    pub health_memory: HealthMemory,
    /// Who takes in changed settings.
    pub follower: Recipient<FollowSettings>,
    /// The room for notifications in memory.
    pub room: Room,
    /// What the operator has set.
    pub intake: watch::Receiver<Arc<Intake>>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What the last scrape heard of the store.
    pub scraped: Scraped,
    /// Where spans go.
    pub traces: Traces,
    /// What customers have queued, where that is bounded.
    pub backlogs: Backlogs,
    /// The largest body, in bytes.
    pub max_body_bytes: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// How long work that is due and allowed may stand still before the service is not ready.
    pub stall_limit: Duration,
    /// Bytes of bodies that may be held by requests together.
    pub max_held_bytes: usize,
    /// Bytes that are.
    pub held_bytes: Arc<AtomicUsize>,
    /// Tries of accounts that may be under way together: a name may take long to look up, and a thread with it.
    pub tries: Semaphore,
    /// Whether the service is about to end.
    pub stopping: Arc<AtomicBool>,
}

/// Refuses what there is no room for in memory.
pub(super) fn overloaded() -> Problem {
    let detail = "more events are under way than the service has room for";
    Problem::new(Code::Overloaded, detail).retry_after(1)
}

/// The bytes that one request holds; dropping it lets go of them.
pub(super) struct HeldBytes {
    all: Arc<AtomicUsize>,
    here: usize,
}

impl Gateway {
    pub(super) fn intake(&self) -> Arc<Intake> {
        self.intake.borrow().clone()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Takes room for an event that was read from the store; not where too many are under way.
    pub(super) fn hold(&self, bytes: usize) -> Result<HeldBytes, Problem> {
        let mut held = self.hold_bytes();
        match held.grow(bytes, self.max_held_bytes) {
            true => Ok(held),
            false => Err(overloaded()),
        }
    }

    pub(super) fn hold_bytes(&self) -> HeldBytes {
        HeldBytes {
            all: self.held_bytes.clone(),
            here: 0,
        }
    }
}

impl HeldBytes {
    /// Takes so many more bytes; not where that would be too many for all requests together.
    pub(super) fn grow(&mut self, bytes: usize, most: usize) -> bool {
        let before = self.all.fetch_add(bytes, Ordering::Relaxed);
        self.here += bytes;
        before.saturating_add(bytes) <= most
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.all.fetch_sub(self.here, Ordering::Relaxed);
    }
}
