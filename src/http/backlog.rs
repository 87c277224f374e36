//! How much each customer has queued, where that is bounded for it.
//!
//! The ledger is asked once a second at most; what is accepted here in between is counted along. So over several
//! replicas a bound may be passed by what the others accept in a second.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::problem::{Code, Problem, shown};
use crate::domain::Customer;
use crate::store::{Store, StoreError};

/// How long a count is good.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// Customers that are remembered; beyond that all are counted anew.
const REMEMBERED: usize = 10_000;

/// The longest wait that is promised to help, in seconds; and the one where nothing moves.
const LONGEST_S: f64 = 3600.0;
const STANDSTILL_S: f64 = 60.0;

/// What is known of the customers' backlogs.
#[derive(Debug, Default)]
pub struct Backlogs(Mutex<HashMap<Customer, Backlog>>);

/// One customer's.
#[derive(Debug, Clone, Copy)]
struct Backlog {
    /// How many were queued, and when.
    counted: i64,
    at: Instant,
    /// How many were accepted here since.
    accepted: i64,
    /// How many leave in a second.
    leaving: f64,
}

impl Backlogs {
    /// Makes room for one more of a customer's, or says when there may be some.
    pub(super) async fn admit(&self, store: &Store, customer: &Customer, most: u64) -> Result<(), Problem> {
        if self.is_old(customer) {
            let queued = count(store, customer).await?;
            self.note(customer, queued, Instant::now());
        }
        let mut known = self.lock();
        let Some(backlog) = known.get_mut(customer) else {
            return Ok(());
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let free = most - backlog.counted - backlog.accepted;
        if free > 0 {
            backlog.accepted += 1;
            return Ok(());
        }
        let detail = format!(
            "customer {} has {most} notifications queued already, as many as are set for it",
            shown(customer.as_str())
        );
        Err(Problem::new(Code::BacklogFull, detail).retry_after(backlog.wait(1 - free)))
    }

    /// Tells whether the count is too old; of several that ask, one is told so.
    fn is_old(&self, customer: &Customer) -> bool {
        let mut known = self.lock();
        match known.get_mut(customer) {
            Some(backlog) if backlog.at.elapsed() < GOOD_FOR => false,
            Some(backlog) => {
                backlog.at = Instant::now();
                true
            }
            None => true,
        }
    }

    fn note(&self, customer: &Customer, counted: i64, at: Instant) {
        let mut known = self.lock();
        if known.len() >= REMEMBERED && !known.contains_key(customer) {
            known.clear();
        }
        let before = known.get(customer).copied();
        known.insert(customer.clone(), Backlog::after(before, counted, at));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Customer, Backlog>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn count(store: &Store, customer: &Customer) -> Result<i64, StoreError> {
    Ok(store.totals_of(customer.clone()).await?.queued)
}

impl Backlog {
    fn after(before: Option<Self>, counted: i64, at: Instant) -> Self {
        let leaving = before.map_or(0.0, |before| {
            let left = before.counted + before.accepted - counted;
            let seconds = at
                .saturating_duration_since(before.at)
                .max(GOOD_FOR)
                .as_secs_f64();
            left.max(0) as f64 / seconds
        });
        Self {
            counted,
            at,
            accepted: 0,
            leaving,
        }
    }

    /// Returns after how many seconds so many may have left, as fast as they leave now.
    fn wait(&self, many: i64) -> u32 {
        let seconds = if self.leaving > 0.0 {
            many as f64 / self.leaving
        } else {
            STANDSTILL_S
        };
        seconds.ceil().clamp(1.0, LONGEST_S) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_as_long_as_it_takes_at_the_pace_seen() {
        let start = Instant::now();
        let first = Backlog::after(None, 100, start);
        assert_eq!(first.wait(1), 60, "nothing has been seen to move");
        let accepted = Backlog {
            accepted: 10,
            ..first
        };
        let table = [
            (70, 2, 1, 1, "20 a second, one is to leave"),
            (70, 2, 50, 3, "20 a second, 50 are to leave"),
            (110, 2, 5, 60, "nothing left"),
            (200, 2, 5, 60, "others accepted"),
            (109, 10, 1_000_000, 3600, "an hour at most"),
        ];
        for (counted, seconds, many, wait, why) in table {
            let next = Backlog::after(Some(accepted), counted, start + Duration::from_secs(seconds));
            assert_eq!(next.wait(many), wait, "{why}");
        }
    }
}
