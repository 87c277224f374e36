//! What arrived: a bounded record of requests for tests, and counts that cost next to nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sha2::{Digest, Sha256};

use super::call::Call;
use super::rate::max_over_rate;
use super::route::Route;

/// One past the highest status that is counted.
const STATUSES: usize = 600;

/// A request as it arrived at the API; requests to `/sandbox` are not recorded.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    /// When its head had been read.
    pub arrival: Instant,
    /// The same in milliseconds since the sandbox started.
    pub arrival_ms: u64,
    /// The method.
    pub method: String,
    /// The path with the query.
    pub path: String,
    /// The event id in its body, where it posts a message that could be read.
    pub event_id: Option<String>,
    /// Its idempotency key.
    pub idempotency_key: Option<String>,
    /// Its place in a trace, as its `traceparent` header says.
    pub traceparent: Option<String>,
    /// Its `X-Request-Id`.
    pub request_id: Option<String>,
    /// The first 16 hex digits of the SHA-256 of its `Authorization` header.
    pub authorization: Option<String>,
    /// Whether its token was the accepted one when it arrived.
    pub token_accepted: bool,
    /// The status of the answer; nothing while there is none, and for good where there never is one.
    pub status: Option<u16>,
    /// The length of its body in bytes.
    pub body_len: usize,
}

/// The record and the counts.
#[derive(Debug)]
pub(super) struct Records {
    enabled: bool,
    limit: usize,
    log: Mutex<Log>,
    /// Whether a request was not recorded, or its record was dropped.
    incomplete: AtomicBool,
    requests: AtomicU64,
    answers: AtomicU64,
    by_status: Box<[AtomicU64]>,
}

#[derive(Debug, Default)]
struct Log {
    first: u64,
    rows: VecDeque<RequestRecord>,
}

/// The place of one request in the record.
#[derive(Debug)]
pub(super) struct Entry {
    number: Option<u64>,
    counted: bool,
}

impl Records {
    /// Records at most so many requests, or none where not `enabled`.
    pub(super) fn new(enabled: bool, limit: usize) -> Self {
        Self {
            enabled,
            limit,
            log: Mutex::default(),
            incomplete: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            by_status: (0..STATUSES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Enters a request that has arrived.
    pub(super) fn enter(
        &self,
        call: &Call<'_>,
        arrival: Instant,
        arrival_ms: u64,
        token_accepted: bool,
    ) -> Entry {
        let counted = call.route != Route::Health;
        if counted {
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
        if !self.enabled {
            return Entry {
                number: None,
                counted,
            };
        }
        let row = RequestRecord {
            arrival,
            arrival_ms,
            method: call.method.to_owned(),
            path: call.uri.to_owned(),
            event_id: call.event_id().map(str::to_owned),
            idempotency_key: call.idempotency_key.map(str::to_owned),
            traceparent: call.traceparent.map(str::to_owned),
            request_id: call.request_id.map(str::to_owned),
            authorization: call.authorization.map(fingerprint),
            token_accepted,
            status: None,
            body_len: call.body_len,
        };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.rows.len() >= self.limit {
            log.rows.pop_front();
            log.first += 1;
            self.incomplete.store(true, Ordering::Relaxed);
        }
        log.rows.push_back(row);
        Entry {
            number: Some(log.first + log.rows.len() as u64 - 1),
            counted,
        }
    }

    /// Notes how a request was answered.
    pub(super) fn answered(&self, entry: &Entry, status: u16) {
        if entry.counted {
            self.answers.fetch_add(1, Ordering::Relaxed);
            if let Some(count) = self.by_status.get(usize::from(status)) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        let Some(number) = entry.number else { return };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let index = number
            .checked_sub(log.first)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(row) = index.and_then(|index| log.rows.get_mut(index)) {
            row.status = Some(status);
        }
    }

    /// Returns the recorded requests in the order of their arrival.
    pub(super) fn rows(&self) -> Vec<RequestRecord> {
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .rows
            .iter()
            .cloned()
            .collect()
    }

    /// Forgets the recorded requests; the counts go on.
    pub(super) fn clear(&self) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.first += log.rows.len() as u64;
        log.rows.clear();
        self.incomplete.store(false, Ordering::Relaxed);
    }

    /// Returns how many requests there were, other than for the state of the server.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns how many of them have no answer, so far or for good.
    pub(super) fn unanswered(&self) -> u64 {
        let answers = self.answers.load(Ordering::Relaxed);
        self.requests().saturating_sub(answers)
    }

    /// Returns how many of them were answered with this status.
    pub(super) fn with_status(&self, status: u16) -> u64 {
        self.by_status
            .get(usize::from(status))
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Returns every status that was answered and how often.
    pub(super) fn statuses(&self) -> impl Iterator<Item = (usize, u64)> {
        let counts = self
            .by_status
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .enumerate();
        counts.filter(|(_, count)| *count > 0)
    }

    /// Computes the excess over a rate, or infinity where not every request was recorded.
    pub(super) fn max_over_rate(&self, burst: f64, per_second: f64) -> f64 {
        if !self.enabled || self.incomplete.load(Ordering::Relaxed) {
            return f64::INFINITY;
        }
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = log
            .rows
            .iter()
            .filter(|row| !row.path.starts_with("/api/v1/health"));
        max_over_rate(rows.map(|row| row.arrival), burst, per_second)
    }
}

fn fingerprint(authorization: &str) -> String {
    Sha256::digest(authorization)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
