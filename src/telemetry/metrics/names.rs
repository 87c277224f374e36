//! Every metric: its name, what it means, its labels and buckets. The one place that names them;
//! docs/metrics.md has the same as a table.

use prometheus::proto::MetricType;

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, and begins anew with the process.
    Counter,
    /// How things stand.
    Gauge,
    /// How often which sizes came.
    Histogram,
}

impl Kind {
    /// Returns the name that the text format has for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }

    pub(super) const fn of_library(self) -> MetricType {
        match self {
            Self::Counter => MetricType::COUNTER,
            Self::Gauge => MetricType::GAUGE,
            Self::Histogram => MetricType::HISTOGRAM,
        }
    }
}

/// How the numbers of several replicas become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// Each counts its own part: they are added up.
    Sum,
    /// It is about the store that they share, and each says the same: the largest counts.
    Max,
    /// It is about one process.
    Each,
}

impl Across {
    /// Returns the word that the docs have for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Max => "max",
            Self::Each => "each",
        }
    }
}

/// What a metric is called and what it means.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The names of its labels, in order.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
    /// The upper bounds of its buckets, but for the last, which has none.
    pub buckets: &'static [f64],
    /// How it is read over several replicas.
    pub across: Across,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described {
        name,
        kind: Kind::Counter,
        labels,
        help,
        buckets: &[],
        across: Across::Sum,
    }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described {
        kind: Kind::Gauge,
        ..counter(name, labels, help)
    }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    buckets: &'static [f64],
) -> Described {
    Described {
        kind: Kind::Histogram,
        buckets,
        ..counter(name, labels, help)
    }
}

const fn shared(described: Described) -> Described {
    Described {
        across: Across::Max,
        ..described
    }
}

const fn own(described: Described) -> Described {
    Described {
        across: Across::Each,
        ..described
    }
}

/// Seconds of what is a matter of the own disk and threads.
const HERE: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Seconds of a request to Svix.
const REQUEST: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0];

/// Seconds from acceptance to delivery.
const LAG: &[f64] = &[
    0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0,
];

/// Seconds of waiting for a permit.
const WAIT: &[f64] = &[0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];

/// Rows of one transaction.
const ROWS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1024.0];

/// Declares the metrics, and the list of them all.
macro_rules! metrics {
    ($($name:ident = $described:expr;)+) => {
        $(pub(super) const $name: &Described = &$described;)+

        /// Every metric, in the order of the docs.
        pub const METRICS: &[&Described] = &[$($name),+];
    };
}

metrics! {
    ACCEPTS = counter("svix_hooks_accepts_total", &["result"],
        "Posted events by what became of them: accepted, filtered, duplicate, or the code of the problem.");
    ACCEPT_DURATION = histogram("svix_hooks_accept_duration_seconds", &[],
        "Time from the head of a posted event to its answer, whatever that was; with the commit where it was stored.", HERE);
    HTTP_REQUESTS = counter("svix_hooks_http_requests_total", &["route", "method", "status"],
        "Answered requests by route (its pattern, or other), method (or other) and class of status, such as 2xx.");

    STORE_UP = own(gauge("svix_hooks_store_up", &[],
        "1 where the store's last write worked, 0 where it cannot be written to and posts are refused."));
    STORE_COMMIT_DURATION = histogram("svix_hooks_store_commit_duration_seconds", &[],
        "Time that a transaction with accepted events and outcomes took until it was on disk.", HERE);
    STORE_COMMIT_ROWS = histogram("svix_hooks_store_commit_rows", &[],
        "Events, outcomes and duplicates that one transaction wrote together.", ROWS);
    STORE_WAITING = gauge("svix_hooks_store_waiting", &[],
        "Posted events that wait for the next transaction; from store.max_waiting on, more are refused as overloaded.");
    STORE_BYTES = shared(gauge("svix_hooks_store_bytes", &[],
        "Bytes that the store takes."));
    STORE_DISK_FREE = own(gauge("svix_hooks_store_disk_free_ratio", &[],
        "Share of the disk under the store's file that is free, 0 to 1. Embedded store only."));

    QUEUED = shared(gauge("svix_hooks_queued", &["account"],
        "Notifications that wait to be delivered, leased or not, as of the last survey."));
    QUEUED_OLDEST = shared(gauge("svix_hooks_queued_oldest_seconds", &["account"],
        "Age of the notification that was accepted first of those that waited at the last survey; 0 where none did."));
    OVERDUE = shared(gauge("svix_hooks_overdue_seconds", &["account"],
        "For how long something had been due at the last survey, of customers that are not paused; 0 where nothing was."));
    CUSTOMER_QUEUED = shared(gauge("svix_hooks_customer_queued", &["customer"],
        "Notifications that wait to be delivered, of the customers with the most; the others together are other."));
    CUSTOMER_QUEUED_OLDEST = shared(gauge("svix_hooks_customer_queued_oldest_seconds", &["customer"],
        "Age of the notification that was accepted first of those that waited at the last survey, of the same customers."));
    BACKLOG_SURVEY = shared(gauge("svix_hooks_backlog_survey_timestamp_seconds", &[],
        "When the last survey of what waits began, in seconds since 1970."));

    READY = gauge("svix_hooks_ready", &[],
        "Notifications in memory that wait for their turn.");
    IN_FLIGHT = gauge("svix_hooks_in_flight", &["account"],
        "Requests to Svix under way.");
    ATTEMPTS = counter("svix_hooks_attempts_total", &["account", "outcome"],
        "Requests to Svix by what they came to; the outcomes are those of a notification's history.");
    REQUEST_DURATION = histogram("svix_hooks_svix_request_duration_seconds", &["account"],
        "Time that a request to Svix took until its answer or its failure.", REQUEST);
    DELIVERY_LAG = histogram("svix_hooks_delivery_lag_seconds", &["account"],
        "Time from the acceptance of a notification until it was delivered; without those that an operator sent again, \
         and those of customers with a rate of their own.", LAG);
    PACING_WAIT = histogram("svix_hooks_pacing_wait_seconds", &["account"],
        "Time that the first in the queue waited for a permit of its account's rate, by request; 0 where one was there.", WAIT);
    ACCOUNT_STATE = own(gauge("svix_hooks_account_state", &["account", "state"],
        "1 for the state that the account is in, 0 for the others; of the account other, how many are in it."));

    SETTLED = counter("svix_hooks_settled_total", &["state", "reason"],
        "Notifications that came to an end, by state and reason; delivered ones have no reason.");
    RETRIES = counter("svix_hooks_retries_total", &[],
        "Times that a notification was put back to be tried again.");
    NOTIFICATIONS = shared(gauge("svix_hooks_notifications", &["state"],
        "Notifications ever accepted, by where they stand; those deleted after their time are counted still."));
    DEAD_LETTERS = shared(gauge("svix_hooks_dead_letters", &[],
        "Dead letters that are kept now."));
    REDRIVES = shared(gauge("svix_hooks_redrives", &["state"],
        "Redrives that have not come to their end."));
    REDRIVE_REMAINING = shared(gauge("svix_hooks_redrive_remaining", &[],
        "Dead letters that running redrives have still to send."));
    REDRIVEN = shared(counter("svix_hooks_redriven_total", &[],
        "Times that a dead letter was sent again."));

    LEDGER_DIFFERENCES = shared(gauge("svix_hooks_ledger_differences", &[],
        "Differences between the ledger and the rows that are known. Anything but 0 is a fault."));
    LEDGER_LAST_CHECK = shared(gauge("svix_hooks_ledger_last_check_timestamp_seconds", &[],
        "When this process last compared the ledger with rows, in seconds since 1970; 0 where it has not yet."));

    ACTORS_CONFIGURED = gauge("svix_hooks_delivery_actors_configured", &[],
        "Threads that should make requests to Svix.");
    ACTORS_ALIVE = gauge("svix_hooks_delivery_actors_alive", &[],
        "Threads that do.");
    STALLED = own(gauge("svix_hooks_stalled_seconds", &[],
        "For how long work that is due and allowed has not moved; 0 where it moves."));

    REPLICAS = shared(gauge("svix_hooks_replicas", &[],
        "Processes that use the store now; 1 with the embedded one."));
    REPLICAS_LOST = counter("svix_hooks_replicas_lost_total", &[],
        "Replicas that went silent without a clean stop and whose work this process took over.");
    CONFIG_RELOADS = counter("svix_hooks_config_reloads_total", &["result"],
        "Reloads of the configuration: applied, or refused because it cannot be used.");
    CONFIG_LAST_RELOAD = own(gauge("svix_hooks_config_last_reload_timestamp_seconds", &[],
        "When the configuration in force was loaded, in seconds since 1970."));
    BUILD_INFO = own(gauge("svix_hooks_build_info", &["version", "store"],
        "Always 1; its labels say which version runs, and on which kind of store (sqlite or postgres)."));

    PANICS = counter("svix_hooks_panics_total", &[],
        "Panics in any thread. Each is a fault of the service.");
    LOG_LINES = counter("svix_hooks_log_lines_total", &["level"],
        "Log lines written.");
    LOG_LINES_SUMMED = counter("svix_hooks_log_lines_summed_total", &[],
        "Log lines that were not written because the same was said just before; a line with their number followed.");
    REPORTS = counter("svix_hooks_reports_total", &["result"],
        "Faults reported to Sentry: sent, or dropped.");
    SPANS = counter("svix_hooks_spans_total", &["result"],
        "Spans of traces: exported, or dropped.");

    PROCESS_CPU = counter("process_cpu_seconds_total", &[],
        "Total user and system CPU time spent in seconds.");
    PROCESS_OPEN_FDS = gauge("process_open_fds", &[],
        "Number of open file descriptors.");
    PROCESS_MAX_FDS = own(gauge("process_max_fds", &[],
        "Maximum number of open file descriptors."));
    PROCESS_VIRTUAL = gauge("process_virtual_memory_bytes", &[],
        "Virtual memory size in bytes.");
    PROCESS_RESIDENT = gauge("process_resident_memory_bytes", &[],
        "Resident memory size in bytes.");
    PROCESS_START = own(gauge("process_start_time_seconds", &[],
        "Start time of the process since unix epoch in seconds."));
    PROCESS_THREADS = gauge("process_threads", &[],
        "Number of OS threads in the process.");
}
