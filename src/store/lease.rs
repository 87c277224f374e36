//! The right to deliver a notification, held by at most one at a time.

use std::fmt;

use tokio::sync::mpsc::UnboundedSender;

use crate::domain::{Customer, Notification};

/// Names a leased row to the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeasedRow {
    pub(super) customer: Customer,
    pub(super) row: i64,
}

/// The right to deliver one notification. Dropping it gives the notification back, so that it can
/// be claimed again; however its holder ends, nothing stays out of reach.
pub struct Lease {
    row: Option<LeasedRow>,
    releases: UnboundedSender<LeasedRow>,
}

impl Lease {
    /// Unbounded is right here: there are never more leases than rows that the service has room for.
    pub(super) fn new(row: LeasedRow, releases: UnboundedSender<LeasedRow>) -> Self {
        Self {
            row: Some(row),
            releases,
        }
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
