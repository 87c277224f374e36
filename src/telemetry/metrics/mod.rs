//! Numbers of what happens, and of how things stand when somebody asks, in the text format of Prometheus.
//!
//! ```text
//! http, actors, app ──accepted, attempted, settled, …──▶ Metrics ◀──encode(Readings)── GET /metrics
//! names     every metric     accounts  series by account, bounded
//! readings  what is read     families  numbers in the library's form
//! ```
//! Callers say what happened; only here are names and labels known.

mod accounts;
mod families;
mod names;
mod readings;

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{
    Error, Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};

use super::counts::log_counts;
use super::panics::panics;
use super::reports::report_counts;
use super::traces::span_counts;
use crate::config;
use crate::domain::{AccountName, AnswerKind, Reason, State, Timestamp};
use accounts::Accounts;
use families::{family, one};
use names::{
    ACCEPT_DURATION, ACCEPTS, BUILD_INFO, CONFIG_LAST_RELOAD, CONFIG_RELOADS, HTTP_REQUESTS, LOG_LINES,
    LOG_LINES_SUMMED, PANICS, REPLICAS_LOST, REPORTS, RETRIES, SETTLED, SPANS, STORE_COMMIT_DURATION,
    STORE_COMMIT_ROWS,
};
pub use names::{Across, Described, Kind, METRICS};
pub use readings::{
    AccountReading, AccountState, BacklogReading, DiskReading, LedgerReading, PipelineReading, Readings,
    RedriveReading, Waiting,
};

/// The form of what [`Metrics::encode`] returns.
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Methods that are counted by their names.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// What became of a posted event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptResult {
    /// It is stored and goes on.
    New,
    /// It is stored, and a filter held it back.
    Filtered,
    /// It was known.
    Duplicate,
    /// It was refused, with a problem of this code.
    Refused(&'static str),
}

/// What has happened since the process started.
#[derive(Debug)]
pub struct Metrics {
    /// Customers that may have series of their own.
    customers: usize,
    store: &'static str,
    registry: Registry,
    accounts: Accounts,
    new: IntCounter,
    filtered: IntCounter,
    duplicates: IntCounter,
    accepts: IntCounterVec,
    accept_duration: Histogram,
    requests: IntCounterVec,
    /// The most common of them.
    posts: IntCounter,
    commit_duration: Histogram,
    commit_rows: Histogram,
    settled: IntCounterVec,
    retries: IntCounter,
    replicas_lost: IntCounter,
    reloads_applied: IntCounter,
    reloads_refused: IntCounter,
    last_reload: Gauge,
}

impl Metrics {
    /// Begins to count, on that kind of store. Posts may be refused with these `codes`.
    ///
    /// # Errors
    /// When the library does not take a name, which is a fault of the table.
    pub fn new(
        bounds: &config::Metrics,
        store: &'static str,
        codes: impl IntoIterator<Item = &'static str>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let registry = Registry::new();
        let accepts = counters(&registry, ACCEPTS)?;
        for code in codes {
            accepts.get_metric_with_label_values(&[code])?;
        }
        let requests = counters(&registry, HTTP_REQUESTS)?;
        let settled = counters(&registry, SETTLED)?;
        for (state, reason) in ends() {
            settled.get_metric_with_label_values(&[state, reason])?;
        }
        let reloads = counters(&registry, CONFIG_RELOADS)?;
        let last_reload = Gauge::new(CONFIG_LAST_RELOAD.name, CONFIG_LAST_RELOAD.help)?;
        last_reload.set(now.as_millis() as f64 / 1000.0);
        let metrics = Self {
            customers: bounds.customers,
            store,
            accounts: Accounts::new(bounds.accounts)?,
            new: accepts.get_metric_with_label_values(&["accepted"])?,
            filtered: accepts.get_metric_with_label_values(&["filtered"])?,
            duplicates: accepts.get_metric_with_label_values(&["duplicate"])?,
            accepts,
            accept_duration: histogram(&registry, ACCEPT_DURATION)?,
            posts: requests.get_metric_with_label_values(&["/notifications", "POST", "2xx"])?,
            requests,
            commit_duration: histogram(&registry, STORE_COMMIT_DURATION)?,
            commit_rows: histogram(&registry, STORE_COMMIT_ROWS)?,
            settled,
            retries: kept(&registry, IntCounter::new(RETRIES.name, RETRIES.help)?)?,
            replicas_lost: kept(&registry, IntCounter::new(REPLICAS_LOST.name, REPLICAS_LOST.help)?)?,
            reloads_applied: reloads.get_metric_with_label_values(&["applied"])?,
            reloads_refused: reloads.get_metric_with_label_values(&["refused"])?,
            last_reload: kept(&registry, last_reload)?,
            registry,
        };
        metrics
            .registry
            .register(Box::new(ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// Notes what became of a posted event, and how long that took.
    pub fn accepted(&self, what: AcceptResult, took: Duration) {
        match what {
            AcceptResult::New => self.new.inc(),
            AcceptResult::Filtered => self.filtered.inc(),
            AcceptResult::Duplicate => self.duplicates.inc(),
            AcceptResult::Refused(code) => increase(&self.accepts, &[code]),
        }
        self.accept_duration.observe(took.as_secs_f64());
    }

    /// Notes that a request was answered: to which route, where it was one.
    pub fn answered(&self, route: Option<&str>, method: &str, status: u16) {
        let method = METHODS.into_iter().find(|known| *known == method);
        let status = match status {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            500.. => "5xx",
        };
        let (route, method) = (route.unwrap_or("other"), method.unwrap_or("other"));
        if (route, method, status) == ("/notifications", "POST", "2xx") {
            return self.posts.inc();
        }
        increase(&self.requests, &[route, method, status]);
    }

    /// Notes that a transaction with so many rows is on disk.
    pub fn committed(&self, rows: usize, took: Duration) {
        self.commit_duration.observe(took.as_secs_f64());
        self.commit_rows.observe(rows as f64);
    }

    /// Notes what a request to Svix came to, and how long that took, where anybody knows.
    pub fn attempted(&self, account: &AccountName, outcome: AnswerKind, took: Duration) {
        let series = self.accounts.of(account);
        series.attempted(outcome);
        if outcome != AnswerKind::Panicked {
            series.requests.observe(took.as_secs_f64());
        }
    }

    /// Notes how long the first in an account's queue waited for its permit.
    pub fn paced(&self, account: &AccountName, waited: Duration) {
        self.accounts.of(account).pacing.observe(waited.as_secs_f64());
    }

    /// Notes that a notification was delivered so long after its acceptance.
    pub fn delivered_after(&self, account: &AccountName, lag: Duration) {
        self.accounts.of(account).lag.observe(lag.as_secs_f64());
    }

    /// Notes where a notification has come to stand; one that is queued was put back.
    pub fn settled(&self, state: State, reason: Option<Reason>) {
        if state == State::Queued {
            self.retries.inc();
        } else {
            increase(&self.settled, &[state.as_str(), reason.map_or("", Reason::as_str)]);
        }
    }

    /// Notes that the work of so many replicas was taken over, which had gone silent.
    pub fn took_over(&self, replicas: u64) {
        self.replicas_lost.inc_by(replicas);
    }

    /// Notes that a configuration was loaded and is in force from now on.
    pub fn reloaded(&self, now: Timestamp) {
        self.reloads_applied.inc();
        self.last_reload.set(now.as_millis() as f64 / 1000.0);
    }

    /// Notes that a configuration could not be used.
    pub fn reload_refused(&self) {
        self.reloads_refused.inc();
    }

    /// Writes everything, in order of the names.
    ///
    /// # Errors
    /// When the library does not take something, which is a fault of this module.
    pub fn encode(&self, readings: &Readings) -> Result<String, Error> {
        // First, because accounts that it names for the first time get their series with it.
        let mut families = readings.families(self);
        families.extend(self.registry.gather());
        families.extend(self.accounts.collect());
        families.extend(self.own());
        let by_name = families
            .into_iter()
            .map(|family| (family.name().to_owned(), family));
        let sorted: BTreeMap<String, MetricFamily> = by_name.collect();
        let sorted: Vec<MetricFamily> = sorted.into_values().collect();
        TextEncoder::new().encode_to_string(&sorted)
    }

    /// Returns what the process knows of itself, and what the rest of telemetry counts.
    fn own(&self) -> impl Iterator<Item = MetricFamily> {
        let (spans, reports, logged) = (span_counts(), report_counts(), log_counts());
        let lines = logged
            .lines
            .map(|(level, count)| (level.as_str().to_ascii_lowercase(), count));
        let lines = lines
            .iter()
            .map(|(level, count)| ([level.as_str()], *count as f64));
        [
            family(BUILD_INFO, [([env!("CARGO_PKG_VERSION"), self.store], 1.0)]),
            one(PANICS, panics() as f64),
            family(LOG_LINES, lines),
            one(LOG_LINES_SUMMED, logged.summed as f64),
            family(
                REPORTS,
                [
                    (["sent"], reports.sent as f64),
                    (["dropped"], reports.dropped as f64),
                ],
            ),
            family(
                SPANS,
                [
                    (["exported"], spans.exported as f64),
                    (["dropped"], spans.dropped as f64),
                ],
            ),
        ]
        .into_iter()
        .flatten()
    }

    /// Returns the name that stands for an account.
    fn label_of(&self, account: &AccountName) -> String {
        self.accounts.of(account).label().to_owned()
    }
}

/// Names the ways in which a notification may end once it was queued.
fn ends() -> impl Iterator<Item = (&'static str, &'static str)> {
    let state = |reason: Reason| match reason {
        Reason::TooOld | Reason::PastExpiry => State::Expired,
        Reason::Rejected
        | Reason::Unroutable
        | Reason::Exhausted
        | Reason::EventIdTaken
        | Reason::Undispatched
        | Reason::Unreadable
        | Reason::Panicked => State::Dead,
    };
    let with_reason = Reason::ALL.iter();
    with_reason
        .map(move |reason| (state(*reason).as_str(), reason.as_str()))
        .chain([(State::Delivered.as_str(), "")])
}

fn kept<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn counters(registry: &Registry, described: &Described) -> Result<IntCounterVec, Error> {
    let opts = Opts::new(described.name, described.help);
    kept(registry, IntCounterVec::new(opts, described.labels)?)
}

fn histogram(registry: &Registry, described: &Described) -> Result<Histogram, Error> {
    let opts = HistogramOpts::new(described.name, described.help).buckets(described.buckets.to_vec());
    kept(registry, Histogram::with_opts(opts)?)
}

/// Counts one more. The labels are as many as the table says, so nothing goes wrong.
fn increase(counters: &IntCounterVec, labels: &[&str]) {
    if let Ok(counter) = counters.get_metric_with_label_values(labels) {
        counter.inc();
    }
}
