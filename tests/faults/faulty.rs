//! Puts panics into the service: into whoever writes a certain log line, where it writes it.
//!
//! The service has no switch for that. Its own logger is wrapped, and the wrapper panics.

use std::sync::{LazyLock, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record};
use serde_json::Value;
use svix_hooks::telemetry::{self, LogFormat, ReportOptions, Reports};

use crate::sentry::{Manner, TestSentry};
use crate::support::{eventually, secrecy};

/// What no report may have in it, though panics and events do.
pub(crate) const MARKER: &str = "card-4111-1111-1111-1111";

/// One test at a time: they share the process.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

static SENTRY: LazyLock<TestSentry> = LazyLock::new(TestSentry::start);

static FAULT: Mutex<Option<Fault>> = Mutex::new(None);

static MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Fault {
    message: &'static str,
    panics: fn(),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Faulty<L>(L);

impl<L: Log> Log for Faulty<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let message = record.args().to_string();
        let fault = lock(&FAULT).take_if(|fault| fault.message == message);
        if let Some(fault) = fault {
            (fault.panics)();
        }
        lock(&MESSAGES).push(message);
        self.0.log(record);
        secrecy::Watch.log(record);
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// A test's own turn, with reports on.
pub(crate) struct Turn {
    _one: tokio::sync::MutexGuard<'static, ()>,
    pub(crate) reports: &'static Reports,
    panics: u64,
    events: usize,
}

/// Waits for the test's turn.
pub(crate) async fn turn() -> Turn {
    static ONCE: Once = Once::new();
    static REPORTS: LazyLock<Reports> = LazyLock::new(|| {
        let options = ReportOptions {
            dsn: &SENTRY.dsn(),
            environment: "tests",
            server_name: "here",
        };
        Reports::start(&options).expect("the DSN is one")
    });
    ONCE.call_once(|| {
        let logger = Faulty(telemetry::logger(LogFormat::Json));
        log::set_boxed_logger(Box::new(logger)).expect("there is no other logger");
        log::set_max_level(LevelFilter::Trace);
        telemetry::watch_panics();
    });
    let one = ONE.lock().await;
    SENTRY.set(Manner::Takes);
    // What the test before has left behind.
    assert!(REPORTS.flush(Duration::from_secs(20)));
    lock(&MESSAGES).clear();
    Turn {
        _one: one,
        reports: &REPORTS,
        panics: telemetry::panics(),
        events: SENTRY.events().len(),
    }
}

impl Turn {
    /// Lets whoever writes this line next do this instead.
    pub(crate) fn put_in(&self, message: &'static str, panics: fn()) {
        *lock(&FAULT) = Some(Fault { message, panics });
    }

    pub(crate) fn sentry(&self) -> &'static TestSentry {
        &SENTRY
    }

    /// How often something panicked meanwhile.
    pub(crate) fn panics(&self) -> u64 {
        telemetry::panics() - self.panics
    }

    /// What was reported meanwhile.
    pub(crate) fn reported(&self) -> Vec<Value> {
        SENTRY.events().split_off(self.events)
    }

    pub(crate) fn was_logged(&self, message: &str) -> bool {
        lock(&MESSAGES).iter().any(|line| line == message)
    }

    /// Waits for a report of a panic.
    pub(crate) async fn reported_panic(&self) -> Value {
        let mut found = None;
        eventually("a panic is reported", async || {
            found = self
                .reported()
                .into_iter()
                .find(|event| event["level"] == "fatal");
            found.is_some()
        })
        .await;
        let event = found.expect("it was");
        assert_is_a_fine_panic(&event);
        event
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let left = lock(&FAULT).take();
        if !std::thread::panicking() {
            assert!(left.is_none(), "nobody wrote {:?}", left.map(|fault| fault.message));
            let all = SENTRY.envelopes().into_iter().map(|envelope| envelope.raw);
            assert!(!all.into_iter().any(|raw| raw.contains(MARKER)), "a report quotes what was worked on");
            assert!(SENTRY.was_always_shown_the_key());
        }
    }
}

/// A panic says what it is of, where it was, and what it was about; what it quotes it does not say.
fn assert_is_a_fine_panic(event: &Value) {
    assert_eq!(event["release"], format!("svix-hooks@{}", env!("CARGO_PKG_VERSION")));
    assert_eq!((&event["environment"], &event["server_name"]), (&"tests".into(), &"here".into()));
    let panic = &event["exception"]["values"][0];
    assert_eq!((&panic["type"], &panic["mechanism"]["handled"]), (&"panic".into(), &false.into()));
    assert!(panic["value"].as_str().is_some_and(|words| !words.is_empty()), "{event}");
    let frames = panic["stacktrace"]["frames"].as_array().expect("a stack trace");
    let own = |frame: &Value| frame["in_app"] == true && frame["filename"].is_string();
    let names = || {
        frames
            .iter()
            .map(|frame| format!("{} {}", frame["function"], frame["in_app"]))
    };
    assert!(frames.iter().any(own), "{:?}", names().collect::<Vec<_>>());
    let bare = |frame: &Value| frame["vars"].is_null() && frame["context_line"].is_null();
    assert!(frames.iter().all(bare), "{event}");
    for name in ["request", "user", "breadcrumbs", "modules"] {
        assert!(event[name].is_null(), "{name}: {event}");
    }
    assert!(event["tags"]["thread"].is_string(), "{event}");
}
