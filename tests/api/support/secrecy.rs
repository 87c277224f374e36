//! What must never show: every secret that a test uses is looked for in everything that comes out, which is answers,
//! log lines, and what is in the store at the end. A test whose service lets one out fails, whatever it is about; and so
//! does one whose service writes a log line that is none.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use log::kv::{self, Key, Value};
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::Value as Json;
use svix_hooks::sandbox::DEFAULT_TOKEN;
use svix_hooks::telemetry::json_line;

use super::log_lines;

/// The shortest secret that is looked for, in bytes: shorter ones may be part of anything.
const SHORTEST: usize = 8;

static SECRETS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What came out where nobody could fail at once.
static LEAKS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The faults that are told at most.
const FAULTS: usize = 20;

/// How many log lines were searched.
static LINES: AtomicUsize = AtomicUsize::new(0);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers a secret, from now on.
pub(crate) fn keep(secret: &str) {
    if secret.len() >= SHORTEST {
        lock(&SECRETS).insert(secret.to_owned());
    }
}

/// Remembers the secrets among settings.
pub(super) fn keep_settings(settings: &[(String, String)]) {
    keep(DEFAULT_TOKEN);
    for (name, value) in settings {
        if name.ends_with("__TOKEN") || name.ends_with("__DSN") {
            keep(value);
        } else if name.ends_with("SECRETS__KEYS") {
            value.split(',').for_each(|key| keep(key.trim()));
        }
    }
}

/// Remembers what a request carries that is not to be seen again.
pub(super) fn keep_request(path: &str, body: &Json) {
    // What an answer has shown of a token is no secret.
    let token = body["token"].as_str().filter(|token| !token.starts_with('…'));
    if path.starts_with("/accounts") {
        token.into_iter().for_each(keep);
    }
}

/// Remembers a key that an answer shows this once.
pub(super) fn keep_answer(body: &Json) {
    for member in ["key", "token"] {
        if let Some(text) = body[member].as_str().filter(|text| text.starts_with("shk_")) {
            keep(text);
        }
    }
}

fn find(text: &str) -> Option<String> {
    lock(&SECRETS)
        .iter()
        .find(|secret| text.contains(*secret))
        .cloned()
}

/// Fails where a text has a secret in it.
pub(crate) fn search(what: &str, text: &str) {
    if let Some(secret) = find(text) {
        panic!("{what} shows the secret {secret:?}: {text}");
    }
}

/// The same where nobody can fail at once.
pub(crate) fn note(what: &str, text: &str) {
    if let Some(secret) = find(text) {
        let start = text.find(&secret).unwrap_or_default();
        let around = text.get(start.saturating_sub(100)..start + secret.len());
        lock(&LEAKS).push(format!("{what} shows the secret {secret:?}: …{}", around.unwrap_or_default()));
    }
}

/// Notes what is wrong with a line of the log.
pub(super) fn note_line(line: &str) {
    let mut faults = lock(&LEAKS);
    if faults.len() < FAULTS {
        faults.extend(log_lines::fault(line));
    }
}

/// Fails where anything was noted. Where a test is failing already, that is told.
pub(super) fn settle() {
    let leaks = std::mem::take(&mut *lock(&LEAKS));
    if !std::thread::panicking() {
        assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    }
}

/// How many log lines of the service within this process were searched.
pub(crate) fn lines() -> usize {
    LINES.load(Ordering::Relaxed)
}

/// Searches what the service within this process logs.
pub(super) fn watch_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Whoever has set another one lets it search, too.
        if log::set_logger(&Watch).is_ok() {
            log::set_max_level(LevelFilter::Debug);
        }
    });
}

/// Searches log lines.
pub(crate) struct Watch;

impl Log for Watch {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = record.args().to_string();
        // Writing to a text cannot fail.
        let _ = record.key_values().visit(&mut Fields(&mut line));
        LINES.fetch_add(1, Ordering::Relaxed);
        note("a log line", &line);
        note_line(&json_line(record));
    }

    fn flush(&self) {}
}

struct Fields<'a>(&'a mut String);

impl<'kvs> kv::VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        self.0.push_str(&format!(" {key}={value}"));
        Ok(())
    }
}
