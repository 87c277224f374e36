//! How things stand: what passes between those who know, the stats actor, and those who ask it.

use std::sync::Arc;
use std::time::Duration;

use actix::Message;

use crate::domain::{AccountName, Customer, Timestamp};
use crate::policy::GateState;
use crate::store::{BacklogSurvey, Difference, Disk, StoreError, Totals};

/// Supervisor → stats actor: how things stand.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct CountsChanged {
    /// How things stand.
    pub counts: Counts,
}

/// How things stand in the pipeline.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Requests under way, and outcomes on their way to the store.
    pub in_flight: usize,
    /// Notifications that wait in memory.
    pub ready: usize,
    /// Threads that the pool should have.
    pub workers_configured: usize,
    /// Threads that it has.
    pub workers_alive: usize,
    /// For how long work that is due and allowed has not moved.
    pub stalled_for: Duration,
    /// What that is; it may also be something that only has to wait for its turn.
    pub standstill: Option<Standstill>,
    /// The accounts.
    pub accounts: Vec<AccountStatus>,
}

/// Work that could be going out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standstill {
    /// The account that it is to go through.
    pub account: AccountName,
    /// Whose turn it is.
    pub customer: Option<Customer>,
    /// Notifications that wait in memory for the account.
    pub ready: usize,
}

/// How an account stands with Svix.
#[derive(Debug, Clone)]
pub struct AccountStatus {
    /// Its name.
    pub name: AccountName,
    /// What its gate stands at.
    pub gate: GateState,
    /// Requests under way.
    pub in_flight: usize,
    /// What Svix or the network said when it last failed.
    pub last_failure: Option<String>,
    /// Since when notifications wait for it in vain, where it cannot be used; why is the last failure.
    pub missing_since: Option<Timestamp>,
}

/// HTTP → stats actor: the numbers, please.
#[derive(Debug, Message)]
#[rtype(result = "Result<StatsSnapshot, StoreError>")]
pub struct GetStats;

/// The numbers, as of now.
#[derive(Debug, Clone)]
pub struct StatsSnapshot {
    /// From the store's ledger; outlive the process.
    pub totals: Totals,
    /// From the pipeline; at most a quarter of a second old.
    pub counts: Counts,
    /// When this process started.
    pub started_at: Timestamp,
}

/// HTTP → stats actor: how do things stand, without asking the store?
#[derive(Debug, Message)]
#[rtype(result = "PipelineHealth")]
pub struct GetHealth;

/// How the pipeline stands.
#[derive(Debug, Clone)]
pub struct PipelineHealth {
    /// How things stand.
    pub counts: Counts,
    /// How long ago the supervisor said so.
    pub age: Duration,
    /// What comparing the ledger with the rows has found.
    pub ledger: LedgerCheck,
    /// What waits; nothing before the first survey. Where the store cannot be read, the last one stays and ages.
    pub backlog: Option<Arc<BacklogSurvey>>,
    /// The store's room on disk; nothing before it was first measured.
    pub disk: Option<Disk>,
}

/// Survey actor → stats actor: what waits has been counted once more.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Surveyed {
    /// What waits.
    pub survey: Arc<BacklogSurvey>,
}

/// Survey actor → stats actor: the store's room on disk has been measured.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct DiskMeasured {
    /// What it takes, and what there is.
    pub disk: Disk,
}

/// Audit actor → stats actor: the ledger and some more rows have been compared.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct LedgerChecked {
    /// What has been found so far.
    pub check: LedgerCheck,
}

/// What comparing the ledger with the rows has found since this process started.
#[derive(Debug, Clone, Default)]
pub struct LedgerCheck {
    /// How many minutes were compared.
    pub minutes: u64,
    /// How many minutes had too many rows for that.
    pub passed_over: u64,
    /// When one was compared last.
    pub last_at: Option<Timestamp>,
    /// The minute that the present pass, from the newest to the oldest, has come down to.
    pub down_to: Option<Timestamp>,
    /// How many passes came to their end.
    pub passes: u64,
    /// What differs; up to a thousand are known.
    pub differences: Arc<[Difference]>,
}
