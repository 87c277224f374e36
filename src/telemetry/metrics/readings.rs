//! How things stood when somebody asked: what is read then, and not counted as it happens.
//!
//! Whatever could not be had is left out. Each scrape has readings of its own, so that two at once do not mix.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prometheus::proto::MetricFamily;

use super::Metrics;
use super::accounts::OTHER;
use super::families::{family, one};
use super::names::{
    ACCOUNT_STATE, ACTORS_ALIVE, ACTORS_CONFIGURED, BACKLOG_SURVEY, CUSTOMER_QUEUED, CUSTOMER_QUEUED_OLDEST,
    DEAD_LETTERS, Described, IN_FLIGHT, LEDGER_DIFFERENCES, LEDGER_LAST_CHECK, NOTIFICATIONS, OVERDUE,
    QUEUED, QUEUED_OLDEST, READY, REDRIVE_REMAINING, REDRIVEN, REDRIVES, REPLICAS, STALLED, STORE_BYTES,
    STORE_DISK_FREE, STORE_UP, STORE_WAITING,
};
use crate::domain::{AccountName, Customer, RedriveState, State, Timestamp, named};

named! {
    /// How an account stands.
    AccountState {
        /// Svix takes its requests.
        Open = "open",
        /// Svix limits it.
        Limited = "limited",
        /// Svix is unavailable to it.
        Circuit = "circuit",
        /// Svix refuses its token, or knows none of its applications.
        Refused = "refused",
        /// Notifications wait for it, and it cannot be used.
        Missing = "missing",
    }
}

/// What is read when somebody asks.
#[derive(Debug, Clone, Default)]
pub struct Readings {
    /// Whether the store can be written to.
    pub store_up: bool,
    /// Posted events that wait for a transaction.
    pub store_waiting: usize,
    /// What the store's ledger says.
    pub ledger: Option<LedgerReading>,
    /// The redrives that have not come to their end.
    pub redrives: Option<RedriveReading>,
    /// Processes that use the store.
    pub replicas: Option<u64>,
    /// What the pipeline says.
    pub pipeline: Option<PipelineReading>,
    /// What waits, as it was last counted.
    pub backlog: Option<BacklogReading>,
    /// The store's room on disk.
    pub disk: Option<DiskReading>,
}

/// What the ledger says of all customers.
#[derive(Debug, Clone, Default)]
pub struct LedgerReading {
    /// How many have come to stand so.
    pub states: Vec<(State, i64)>,
    /// How many dead letters are kept.
    pub dead_letters: i64,
    /// How often dead letters were sent again.
    pub redriven: i64,
}

/// The redrives that have not come to their end.
#[derive(Debug, Clone, Copy, Default)]
pub struct RedriveReading {
    /// How many are running.
    pub running: usize,
    /// How many are paused.
    pub paused: usize,
    /// How many stopped by themselves, because too much failed again.
    pub stopped: usize,
    /// What those that run have still to send.
    pub remaining: i64,
}

/// How the pipeline stands.
#[derive(Debug, Clone, Default)]
pub struct PipelineReading {
    /// Notifications that wait in memory.
    pub ready: usize,
    /// Threads that should make requests.
    pub actors_configured: usize,
    /// Threads that do.
    pub actors_alive: usize,
    /// For how long what is due and allowed has not moved.
    pub stalled: Duration,
    /// The accounts that are in use.
    pub accounts: Vec<AccountReading>,
    /// How many differences between the ledger and the rows are known.
    pub ledger_differences: usize,
    /// When they were last compared.
    pub ledger_checked_at: Option<Timestamp>,
}

/// How an account stands.
#[derive(Debug, Clone)]
pub struct AccountReading {
    /// Its name.
    pub name: AccountName,
    /// Requests under way.
    pub in_flight: usize,
    /// How it stands with Svix.
    pub state: AccountState,
}

/// What waits to be delivered, as it was last counted.
#[derive(Debug, Clone, Default)]
pub struct BacklogReading {
    /// When it was counted.
    pub at: Timestamp,
    /// What waits of each account.
    pub accounts: Vec<(AccountName, Waiting)>,
    /// What waits of all the others.
    pub other_accounts: Option<Waiting>,
    /// For how long something has been due, of each account of which anything has.
    pub overdue: Vec<(AccountName, Duration)>,
    /// The same of all the others.
    pub other_overdue: Duration,
    /// What waits of the customers with the most.
    pub customers: Vec<(Customer, Waiting)>,
    /// What waits of all the others.
    pub other_customers: Waiting,
}

/// The store's room on disk.
#[derive(Debug, Clone, Copy)]
pub struct DiskReading {
    /// The bytes that the store takes.
    pub store_bytes: u64,
    /// The share of the disk that is free, where that is known.
    pub free: Option<f64>,
}

/// What waits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waiting {
    /// How many.
    pub count: u64,
    /// For how long the one has waited that has waited longest.
    pub oldest: Duration,
}

impl Waiting {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.oldest = self.oldest.max(other.oldest);
    }
}

impl Readings {
    /// Puts them into the library's form, under the bounds of `metrics`.
    pub(super) fn families(&self, metrics: &Metrics) -> Vec<MetricFamily> {
        let mut families = vec![
            one(STORE_UP, f64::from(self.store_up)),
            one(STORE_WAITING, self.store_waiting as f64),
            self.replicas.and_then(|replicas| one(REPLICAS, replicas as f64)),
        ];
        families.extend(self.ledger.iter().flat_map(LedgerReading::families));
        families.extend(self.redrives.iter().flat_map(RedriveReading::families));
        families.extend(
            self.pipeline
                .iter()
                .flat_map(|pipeline| pipeline.families(metrics)),
        );
        // Those of whom nothing waits are told of too.
        let in_use = self.pipeline.iter().flat_map(|pipeline| &pipeline.accounts);
        let in_use: Vec<_> = in_use.map(|account| &account.name).collect();
        families.extend(
            self.backlog
                .iter()
                .flat_map(|backlog| backlog.families(metrics, &in_use)),
        );
        if let Some(disk) = &self.disk {
            families.push(one(STORE_BYTES, disk.store_bytes as f64));
            families.push(disk.free.and_then(|free| one(STORE_DISK_FREE, free)));
        }
        families.into_iter().flatten().collect()
    }
}

impl LedgerReading {
    fn families(&self) -> [Option<MetricFamily>; 3] {
        let states = self.states.iter();
        [
            family(NOTIFICATIONS, states.map(|(state, count)| ([state.as_str()], *count as f64))),
            one(DEAD_LETTERS, self.dead_letters as f64),
            one(REDRIVEN, self.redriven as f64),
        ]
    }
}

impl RedriveReading {
    fn families(&self) -> [Option<MetricFamily>; 2] {
        let states = [
            ([RedriveState::Running.as_str()], self.running as f64),
            ([RedriveState::Paused.as_str()], self.paused as f64),
            ([RedriveState::Stopped.as_str()], self.stopped as f64),
        ];
        [
            family(REDRIVES, states),
            one(REDRIVE_REMAINING, self.remaining as f64),
        ]
    }
}

impl PipelineReading {
    fn families(&self, metrics: &Metrics) -> Vec<Option<MetricFamily>> {
        // By the name that stands for the account, of which many may share one.
        let mut in_flight: BTreeMap<String, f64> = BTreeMap::new();
        let mut states: BTreeMap<(String, AccountState), f64> = BTreeMap::new();
        for account in &self.accounts {
            let label = metrics.label_of(&account.name);
            for state in AccountState::ALL {
                let is_so = f64::from(*state == account.state);
                *states.entry((label.clone(), *state)).or_default() += is_so;
            }
            *in_flight.entry(label).or_default() += account.in_flight as f64;
        }
        let states = states.iter();
        let states = states.map(|((account, state), number)| ([account.as_str(), state.as_str()], *number));
        let in_flight = in_flight
            .iter()
            .map(|(account, number)| ([account.as_str()], *number));
        vec![
            one(READY, self.ready as f64),
            one(ACTORS_CONFIGURED, self.actors_configured as f64),
            one(ACTORS_ALIVE, self.actors_alive as f64),
            one(STALLED, self.stalled.as_secs_f64()),
            family(IN_FLIGHT, in_flight),
            family(ACCOUNT_STATE, states),
            one(LEDGER_DIFFERENCES, self.ledger_differences as f64),
            one(LEDGER_LAST_CHECK, self.ledger_checked_at.map_or(0.0, seconds)),
        ]
    }
}

impl BacklogReading {
    fn families(&self, metrics: &Metrics, in_use: &[&AccountName]) -> [Option<MetricFamily>; 6] {
        let mut accounts: BTreeMap<String, Waiting> = BTreeMap::new();
        let nothing = in_use.iter().map(|account| (*account, Waiting::default()));
        let named = self.accounts.iter().map(|(account, waiting)| (account, *waiting));
        for (account, waiting) in nothing.chain(named) {
            let label = metrics.label_of(account);
            accounts.entry(label).or_default().add(waiting);
        }
        if let Some(waiting) = self.other_accounts {
            accounts.entry(OTHER.to_owned()).or_default().add(waiting);
        }
        let overdue = self.overdue_by_account(metrics, &accounts);
        let overdue = overdue.iter();
        let customers = self.by_customer(metrics.customers);
        [
            counts(QUEUED, &accounts),
            ages(QUEUED_OLDEST, &accounts),
            family(OVERDUE, overdue.map(|(label, age)| ([label.as_str()], age.as_secs_f64()))),
            counts(CUSTOMER_QUEUED, &customers),
            ages(CUSTOMER_QUEUED_OLDEST, &customers),
            one(BACKLOG_SURVEY, seconds(self.at)),
        ]
    }

    /// Returns for how long something has been due, of the same accounts.
    fn overdue_by_account(
        &self,
        metrics: &Metrics,
        accounts: &BTreeMap<String, Waiting>,
    ) -> BTreeMap<String, Duration> {
        let nothing = accounts.keys().map(|label| (label.clone(), Duration::ZERO));
        let mut overdue: BTreeMap<_, _> = nothing.collect();
        let named = self.overdue.iter();
        let named = named.map(|(account, age)| (metrics.label_of(account), *age));
        let others = self
            .other_accounts
            .map(|_| (OTHER.to_owned(), self.other_overdue));
        for (label, age) in named.chain(others) {
            let longest = overdue.entry(label).or_default();
            *longest = age.max(*longest);
        }
        overdue
    }

    /// Returns what waits of so many customers, those with the most, and of the others together.
    fn by_customer(&self, most: usize) -> BTreeMap<String, Waiting> {
        let mut ranked: Vec<_> = self.customers.iter().collect();
        ranked.sort_by_key(|(customer, waiting)| (std::cmp::Reverse(waiting.count), customer));
        // A customer that has this very name is among the others.
        let named = ranked.iter().filter(|(customer, _)| customer.as_str() != OTHER);
        let named: BTreeSet<_> = named.take(most).map(|(customer, _)| customer).collect();
        let mut labels = BTreeMap::from([(OTHER.to_owned(), self.other_customers)]);
        for (customer, waiting) in ranked {
            let label = if named.contains(customer) {
                customer.as_str()
            } else {
                OTHER
            };
            labels.entry(label.to_owned()).or_default().add(*waiting);
        }
        labels
    }
}

fn counts(described: &Described, waiting: &BTreeMap<String, Waiting>) -> Option<MetricFamily> {
    let numbers = waiting.iter();
    family(described, numbers.map(|(label, waiting)| ([label.as_str()], waiting.count as f64)))
}

fn ages(described: &Described, waiting: &BTreeMap<String, Waiting>) -> Option<MetricFamily> {
    let numbers = waiting.iter();
    family(described, numbers.map(|(label, waiting)| ([label.as_str()], waiting.oldest.as_secs_f64())))
}

/// Returns the seconds since 1970.
fn seconds(time: Timestamp) -> f64 {
    time.as_millis() as f64 / 1000.0
}
