//! The right to deliver a notification, held by at most one at a time.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use crate::domain::{Customer, Notification};

/// Names a leased row to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeasedRow {
    pub(super) customer: Customer,
    pub(super) row: i64,
    /// Which of the row's leases this is; what is recorded under an earlier one changes nothing.
    pub(super) fence: i64,
}

/// Until when this process may count on its leases; copies share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Term(Arc<Mutex<TermState>>);

#[derive(Debug, Default)]
struct TermState {
    /// Grows when all leases are lost.
    number: u64,
    /// Where there is none, they last for ever.
    ends: Option<Instant>,
}

impl Term {
    /// Lets the leases last until then.
    pub(super) fn extend(&self, ends: Instant) {
        self.lock().ends = Some(ends);
    }

    /// Ends all leases, and begins a term that lasts until then.
    pub(super) fn begin_anew(&self, ends: Instant) {
        let mut state = self.lock();
        state.number += 1;
        state.ends = Some(ends);
    }

    fn number(&self) -> u64 {
        self.lock().number
    }

    fn covers(&self, number: u64) -> bool {
        let state = self.lock();
        state.number == number && state.ends.is_none_or(|ends| Instant::now() < ends)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, TermState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to deliver one notification. Dropping it gives the notification back, so that it can
/// be claimed again; however its holder ends, nothing stays out of reach.
pub struct Lease {
    row: Option<LeasedRow>,
    term: Term,
    term_number: u64,
    releases: UnboundedSender<LeasedRow>,
}

impl Lease {
    /// Unbounded is right here: there are never more leases than rows that the service has room for.
    pub(super) fn new(row: LeasedRow, term: Term, releases: UnboundedSender<LeasedRow>) -> Self {
        Self {
            row: Some(row),
            term_number: term.number(),
            term,
            releases,
        }
    }

    /// Tells whether nobody else can hold the notification by now.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.term.covers(self.term_number)
    }

    /// Ends the lease because its row is being settled, which gives it back.
    pub(super) fn into_row(mut self) -> Option<LeasedRow> {
        self.row.take()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(row) = self.row.take() {
            // A store that is closed has no use for it.
            let _ = self.releases.send(row);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease")
            .field(&self.row.as_ref().map(|leased| leased.row))
            .finish()
    }
}

/// A notification together with the right to deliver it.
#[derive(Debug)]
pub struct Leased {
    /// What is to be delivered.
    pub notification: Notification,
    /// The right to do so.
    pub lease: Lease,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_lease_is_valid_within_its_own_term_only() {
        let term = Term::default();
        let (releases, _) = tokio::sync::mpsc::unbounded_channel();
        let lease = || {
            let row = LeasedRow {
                customer: Customer::parse("acme").unwrap(),
                row: 1,
                fence: 1,
            };
            Lease::new(row, term.clone(), releases.clone())
        };
        let first = lease();
        assert!(first.is_valid(), "without an end");
        let later = Instant::now() + Duration::from_secs(3600);
        term.extend(later);
        assert!(first.is_valid());
        term.extend(Instant::now());
        assert!(!first.is_valid(), "its term is over");
        term.extend(later);
        assert!(first.is_valid(), "it was extended before anybody else could take over");
        term.begin_anew(later);
        assert!(!first.is_valid() && lease().is_valid(), "a new term has leases of its own");
    }
}
