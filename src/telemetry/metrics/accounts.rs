//! The series of each account. Names are bounded: those that come first keep series of their own for as long as the
//! process runs, the others share one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use prometheus::core::Metric as _;
use prometheus::proto::MetricFamily;
use prometheus::{Error, Histogram, HistogramOpts, IntCounter, Opts};

use super::families::of_metrics;
use super::names::{ATTEMPTS, DELIVERY_LAG, Described, PACING_WAIT, REQUEST_DURATION};
use crate::domain::{AccountName, AnswerKind};

/// What the accounts beyond the bound are called together.
pub(super) const OTHER: &str = "other";

/// What is counted of one account.
#[derive(Debug)]
pub(super) struct AccountSeries {
    label: AccountName,
    attempts: Vec<(AnswerKind, IntCounter)>,
    pub(super) requests: Histogram,
    pub(super) lag: Histogram,
    pub(super) pacing: Histogram,
}

impl AccountSeries {
    fn new(label: AccountName) -> Result<Self, Error> {
        let account = label.as_str();
        let attempts = AnswerKind::ALL.iter().map(|kind| {
            let opts = Opts::new(ATTEMPTS.name, ATTEMPTS.help)
                .const_label("account", account)
                .const_label("outcome", kind.as_str());
            Ok((*kind, IntCounter::with_opts(opts)?))
        });
        let histogram = |described: &Described| {
            let opts = HistogramOpts::new(described.name, described.help)
                .const_label("account", account)
                .buckets(described.buckets.to_vec());
            Histogram::with_opts(opts)
        };
        Ok(Self {
            attempts: attempts.collect::<Result<_, Error>>()?,
            requests: histogram(REQUEST_DURATION)?,
            lag: histogram(DELIVERY_LAG)?,
            pacing: histogram(PACING_WAIT)?,
            label,
        })
    }

    /// Returns the value of its label.
    pub(super) fn label(&self) -> &str {
        self.label.as_str()
    }

    /// Counts a request that came to this.
    pub(super) fn attempted(&self, outcome: AnswerKind) {
        let counters = self.attempts.iter();
        counters
            .filter(|(kind, _)| *kind == outcome)
            .for_each(|(_, counter)| counter.inc());
    }
}

/// The series of all accounts.
#[derive(Debug)]
pub(super) struct Accounts {
    most: usize,
    other: Arc<AccountSeries>,
    /// Whether anything was counted of the others.
    has_others: AtomicBool,
    known: RwLock<HashMap<AccountName, Arc<AccountSeries>>>,
}

impl Accounts {
    /// Makes room for so many names.
    pub(super) fn new(most: usize) -> Result<Self, Error> {
        Ok(Self {
            most,
            other: Arc::new(AccountSeries::new(AccountName::new(OTHER))?),
            has_others: AtomicBool::new(false),
            known: RwLock::default(),
        })
    }

    /// Returns the series of an account: its own where there is room for its name.
    pub(super) fn of(&self, name: &AccountName) -> Arc<AccountSeries> {
        // Whoever held the lock and panicked left the map whole.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(name) {
            return series.clone();
        }
        // An account that has this very name is among the others.
        if known.len() >= self.most || name.as_str() == OTHER {
            return self.others();
        }
        drop(known);
        self.get_to_know(name)
    }

    fn others(&self) -> Arc<AccountSeries> {
        self.has_others.store(true, Ordering::Relaxed);
        self.other.clone()
    }

    #[cold]
    fn get_to_know(&self, name: &AccountName) -> Arc<AccountSeries> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.most && !known.contains_key(name) {
            return self.others();
        }
        // What it is made of is the same for all, and was good for the others.
        let Ok(series) = AccountSeries::new(name.clone()) else {
            return self.others();
        };
        known
            .entry(name.clone())
            .or_insert_with(|| Arc::new(series))
            .clone()
    }

    /// Returns what has been counted so far.
    pub(super) fn collect(&self) -> Vec<MetricFamily> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut series: Vec<_> = known.values().cloned().collect();
        drop(known);
        series.sort_by(|one, other| one.label().cmp(other.label()));
        if self.has_others.load(Ordering::Relaxed) {
            series.push(self.other.clone());
        }
        let of_all = |described, metric: fn(&AccountSeries) -> &Histogram| {
            of_metrics(described, series.iter().map(|one| metric(one).metric()).collect())
        };
        let attempts = series
            .iter()
            .flat_map(|one| one.attempts.iter().map(|(_, counter)| counter.metric()));
        [
            of_metrics(ATTEMPTS, attempts.collect()),
            of_all(REQUEST_DURATION, |one| &one.requests),
            of_all(DELIVERY_LAG, |one| &one.lag),
            of_all(PACING_WAIT, |one| &one.pacing),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
