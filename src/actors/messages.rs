//! Everything that passes between the front end and the actors, and between actors.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Message, Recipient};
use tokio::sync::oneshot;

pub use super::handover::Deliver;
pub use super::own_accounts::{OwnAccountError, OwnAccounts};
pub(super) use super::room::{Grant, Load, Places};
pub use super::room::{Reservation, Room};
pub use super::standing::{
    AccountStatus, Counts, CountsChanged, DiskMeasured, GetHealth, GetStats, LedgerCheck, LedgerChecked,
    PipelineHealth, Standstill, StatsSnapshot, Surveyed,
};
use crate::domain::{Customer, Notification, Step, Timestamp};
use crate::policy::{GateRules, Pace, Patience, Rules, Share};
use crate::store::{Leased, StoreError};
use crate::svix::{Account, ClientOptions, Exchange};

/// HTTP → supervisor: deliver this, or look for it in the store. A wake-up: losing one delays work
/// and loses nothing.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Notify {
    /// It comes along, with the room that was made for it.
    Here {
        /// The notification and the right to deliver it.
        leased: Box<Leased>,
        /// The room it takes.
        reservation: Reservation,
    },
    /// There was no room for it; it waits in the store.
    InStore {
        /// Whose it is.
        customer: Customer,
    },
}

/// One request that a delivery actor is to make.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its number among those in flight.
    pub flight: u64,
    /// The credential it goes out with.
    pub account: Arc<Account>,
    /// What it is for.
    pub notification: Arc<Notification>,
    /// What it asks of Svix.
    pub step: Step,
    /// How long it may take.
    pub timeout: Duration,
    /// Its place among the notification's requests, from 1 on.
    pub attempt: u32,
    /// When it was due.
    pub due_at: Timestamp,
}

/// Requests that a thread is to make, all at once.
#[derive(Debug)]
pub struct Batch {
    /// The requests.
    pub jobs: Vec<Job>,
    /// When its thread is free to take another beside it.
    pub slow_at: Instant,
    /// Tells the supervisor when the batch is over, however it ends.
    pub ticket: BatchTicket,
}

/// Tells the supervisor that a batch is over as soon as it is dropped, be it done, lost in a queue
/// that went away, or in a thread that panicked.
#[derive(Debug)]
pub struct BatchTicket {
    /// The batch's number.
    pub batch: u64,
    /// Who wants to know.
    pub to: Recipient<BatchEnded>,
}

impl Drop for BatchTicket {
    fn drop(&mut self) {
        self.to.do_send(BatchEnded { batch: self.batch });
    }
}

/// Delivery pool → supervisor: nothing more comes of this batch.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct BatchEnded {
    /// The batch's number.
    pub batch: u64,
}

/// Delivery pool → supervisor: what one request came to.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Settled {
    /// The request's number among those in flight.
    pub flight: u64,
    /// When it started.
    pub started_at: Timestamp,
    /// What came of it.
    pub exchange: Exchange,
}

/// Delivery pool → supervisor: one more thread works, or one fewer.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct WorkerCounted {
    /// Which pool it belongs to.
    pub pool: u64,
    /// Whether it has begun or ended.
    pub begun: bool,
}

/// HTTP → settings actor: settings were changed here; answers once they are in force.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct FollowSettings;

/// Settings actor → supervisor: customers were paused or resumed or have another rate, or accounts changed. A wake-up:
/// the store's directory knows which.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SettingsChanged;

/// Supervisor → retry actor: something of this customer is due then.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ScheduleRetry {
    /// Whose it is.
    pub customer: Customer,
    /// When it is due.
    pub due_at: Timestamp,
}

/// Retry actor, other replicas → supervisor: something of this customer is due now.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Redeliver {
    /// Whose it is.
    pub customer: Customer,
}

/// App → supervisor: send nothing more and say when nothing is in flight.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drain {
    /// Is told when everything that was in flight has been recorded.
    pub done: oneshot::Sender<()>,
}

/// App → supervisor and retry actor: the operator has changed these.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct ConfigReloaded {
    /// What holds from now on.
    pub settings: Arc<Settings>,
}

/// What an operator can change while the pipeline runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The operator's own Svix credentials.
    pub accounts: Vec<AccountSettings>,
    /// How others become usable.
    pub own: OwnAccounts,
    /// Retries and checks.
    pub rules: Rules,
    /// What this process is called in the record of each request.
    pub replica: Arc<str>,
    /// Threads in the delivery pool.
    pub actors: usize,
    /// Requests that one thread makes at once.
    pub batch: usize,
    /// Requests that may be in flight together.
    pub max_in_flight: usize,
    /// For how long batches and requests pass for quick.
    pub patience: Patience,
    /// How the pool's clients connect.
    pub client: ClientOptions,
}

/// One Svix credential and how it may be used.
#[derive(Debug, Clone)]
pub struct AccountSettings {
    /// The credential.
    pub account: Arc<Account>,
    /// The same with earlier tokens, for what was first sent with them; the latest first.
    pub earlier: Vec<Arc<Account>>,
    /// Its rate.
    pub pace: Pace,
    /// Its rate as slices, for replicas that share it.
    pub share: Share,
    /// When it is held back.
    pub gate: GateRules,
    /// The application that Svix must know with it; none where nothing is known of that.
    pub default_application: Option<Arc<str>>,
}
