//! Reports faults of the service to Sentry: panics and ERROR lines, never what Svix, a customer or an operator did.
//!
//! ```text
//! panic ──▶ panics ──┐
//! error!(…) ─────────┴▶ a record ─▶ limiter ─▶ event ─▶ a queue of 30 ─▶ transport's thread ─▶ Sentry
//! ```
//! Whoever has a fault pays for making the event and for a place in the queue; nobody waits for Sentry.

mod count;
mod event;
mod fields;
mod limiter;
mod pause;
mod stack;
mod transport;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::middleware::Condition;
use log::{Level, Record, info};
use sentry::integrations::actix::Sentry;
use sentry::integrations::contexts::ContextIntegration;
use sentry::integrations::log::RecordMapping;
use sentry::types::Dsn;
use sentry::{Client, ClientOptions, Hub, MaxRequestBodySize};

use super::panics;
use fields::Fields;
use limiter::{Limiter, Site};
use transport::Factory;

pub use count::{ReportCounts, report_counts};

/// What reports say they come from.
const RELEASE: &str = concat!("svix-hooks@", env!("CARGO_PKG_VERSION"));

/// How long a process that unwinds waits for what has not gone out.
const LAST_WAIT: Duration = Duration::from_millis(500);

static ON: AtomicBool = AtomicBool::new(false);

static LIMITER: Mutex<Limiter> = Mutex::new(Limiter::new());

/// Where faults are reported.
#[derive(Clone, Copy)]
pub struct ReportOptions<'a> {
    /// The project's DSN.
    pub dsn: &'a str,
    /// What the reports say where they come from.
    pub environment: &'a str,
    /// What this process is called.
    pub server_name: &'a str,
}

/// The DSN cannot be used. It is a secret, so nothing more is said.
#[derive(Debug, thiserror::Error)]
#[error("the DSN for reports cannot be used")]
pub struct ReportError;

/// Keeps what is reported on its way; a process that ends lets it wait for what has not gone out.
pub struct Reports(Arc<Client>);

impl Reports {
    /// Reports faults of this process from now on. To be called before there are other threads.
    ///
    /// # Errors
    /// When the DSN is none.
    pub fn start(options: &ReportOptions<'_>) -> Result<Self, ReportError> {
        let dsn = options.dsn.parse::<Dsn>().map_err(|_| ReportError)?;
        let client = Arc::new(Client::with_options(client_options(dsn, options)));
        // Each thread takes over what the main one has when it first reports something.
        Hub::main().bind_client(Some(client.clone()));
        ON.store(true, Ordering::Release);
        info!("faults of the service are reported to sentry");
        Ok(Self(client))
    }

    /// Waits until everything has gone out, or `patience` is over; tells which.
    pub fn flush(&self, patience: Duration) -> bool {
        // Closing the client would wait for a request that is under way, however long it takes.
        self.0.flush(Some(patience))
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.flush(LAST_WAIT);
        }
    }
}

fn client_options(dsn: Dsn, options: &ReportOptions<'_>) -> ClientOptions {
    let mut client = ClientOptions::new()
        .release(RELEASE)
        .environment(options.environment.to_owned())
        .server_name(options.server_name.to_owned())
        .default_integrations(false)
        .add_integration(ContextIntegration::new().add_device(false))
        .max_breadcrumbs(0)
        // Its middleware would wait for the body before anything looks at who calls.
        .max_request_body_size(MaxRequestBodySize::None)
        .before_send(event::guard)
        .transport(Factory);
    client.dsn = Some(dsn);
    client
}

/// Lets the reports of one request name its route and share nothing with others. Where nothing is reported it does
/// nothing; it never reports by itself, for an answer of 500 and above need not be a fault.
pub fn apart() -> Condition<Sentry> {
    let sentry = Sentry::builder().capture_server_errors(false).finish();
    Condition::new(ON.load(Ordering::Acquire), sentry)
}

/// Makes reports of a log line: one, or none.
pub(super) fn of_record(record: &Record<'_>) -> Vec<RecordMapping> {
    if record.level() != Level::Error
        || !ON.load(Ordering::Acquire)
        || !is_own(record.target())
        || transport::is_here()
    {
        return Vec::new();
    }
    let fields = Fields::of(record);
    if fields.is_no_fault() {
        return Vec::new();
    }
    if !may(event::site(record, &fields)) {
        count::dropped();
        return Vec::new();
    }
    vec![RecordMapping::Event(Box::new(event::of(record, &fields)))]
}

/// Tells whether a line is one of the service's own.
fn is_own(target: &str) -> bool {
    let rest = target.strip_prefix("svix_hooks");
    target == panics::TARGET || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn may(site: Site) -> bool {
    let mut limiter = LIMITER.lock().unwrap_or_else(PoisonError::into_inner);
    limiter.may(site, Instant::now())
}
