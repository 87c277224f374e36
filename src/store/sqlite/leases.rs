//! Which rows this process holds: in memory, because no other process uses the file, so that a lease
//! costs no write.

use std::collections::{HashMap, HashSet};

use crate::domain::Customer;
use crate::store::lease::LeasedRow;

/// The rows that are leased, by customer.
#[derive(Debug, Default)]
pub(super) struct Leases(HashMap<Customer, HashSet<i64>>);

impl Leases {
    /// Leases a row.
    pub(super) fn take(&mut self, customer: &Customer, row: i64) -> LeasedRow {
        self.0.entry(customer.clone()).or_default().insert(row);
        LeasedRow {
            customer: customer.clone(),
            row,
            // Of a row that one process holds in memory there is one lease at a time.
            fence: 0,
        }
    }

    /// Ends a lease.
    pub(super) fn end(&mut self, leased: &LeasedRow) {
        if let Some(rows) = self.0.get_mut(&leased.customer) {
            rows.remove(&leased.row);
            if rows.is_empty() {
                self.0.remove(&leased.customer);
            }
        }
    }

    pub(super) fn has(&self, customer: &Customer, row: i64) -> bool {
        self.0.get(customer).is_some_and(|rows| rows.contains(&row))
    }

    /// Returns how many rows of a customer are leased.
    pub(super) fn count(&self, customer: &Customer) -> usize {
        self.0.get(customer).map_or(0, HashSet::len)
    }
}
