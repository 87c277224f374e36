//! One minute of the ledger beside its rows.

use std::collections::BTreeMap;
use std::ops::Range;

use super::queries::moments;
use super::{AddedUp, Compared, Difference, MOST_DIFFERENCES, RowCounts};
use crate::domain::{Customer, Timestamp};
use crate::store::fields::Fields;
use crate::store::{Totals, rows};

/// Rows that one statement is to count, about.
const ROWS_AT_ONCE: i64 = 50_000;

/// The cells of one minute, and the rows as far as they have been counted.
pub(in crate::store) struct MinuteTally {
    minute: i64,
    customers: BTreeMap<Customer, (Totals, RowCounts)>,
}

impl MinuteTally {
    /// Starts with the cells.
    pub(in crate::store) fn new(minute: i64, cells: &[impl Fields]) -> Result<Self, sqlx::Error> {
        let mut customers = BTreeMap::new();
        for (customer, totals) in read_customers(cells) {
            customers.insert(customer, (totals?, RowCounts::default()));
        }
        Ok(Self { minute, customers })
    }

    /// Returns spans of time; in each of them lie the ids of so few rows that counting them is quick.
    pub(in crate::store) fn slices(&self) -> impl Iterator<Item = Range<Timestamp>> + use<> {
        let accepted: i64 = self.customers.values().map(|(ledger, _)| ledger.accepted).sum();
        let all = moments(&(self.minute..self.minute + 1));
        let (start, length) = (all.start.as_millis(), all.end.as_millis() - all.start.as_millis());
        // A second of the clock is the least.
        let count = (accepted / ROWS_AT_ONCE + 1).clamp(1, length / 1000);
        let bound = move |place: i64| Timestamp::from_millis(start + length * place / count);
        (0..count).map(move |place| bound(place)..bound(place + 1))
    }

    /// Adds rows that were counted. Those of a customer without a cell are not compared.
    pub(in crate::store) fn add(&mut self, found: &[impl Fields]) -> Result<(), sqlx::Error> {
        for row in found {
            // One name that cannot be read must not hide the others.
            let Ok(customer) = rows::text(row, "customer") else {
                continue;
            };
            if let Some((_, counts)) = self.customers.get_mut(customer) {
                counts.add(rows::named(row, "state").ok(), rows::int(row, "count")?);
            }
        }
        Ok(())
    }

    /// Compares, once all are counted.
    pub(in crate::store) fn finish(self) -> Compared {
        let minute = self.minute;
        let customers = self.customers.iter();
        let differ = |(customer, (ledger, rows)): (&Customer, &(Totals, RowCounts))| {
            Difference::find(customer, Some(minute), ledger, Some(rows))
        };
        Compared::Minute {
            minute,
            differences: customers.filter_map(differ).take(MOST_DIFFERENCES).collect(),
        }
    }
}

impl AddedUp {
    /// Reads what the ledger says of customers, of whom there may be up to `limit`.
    pub(in crate::store) fn read(found: &[impl Fields], limit: u32) -> Result<Self, sqlx::Error> {
        let mut added_up = Self::default();
        for (customer, totals) in read_customers(found) {
            let difference = Difference::find(&customer, None, &totals?, None);
            added_up.differences.extend(difference);
            added_up.customers.insert(customer.clone());
            added_up.next = Some(customer);
        }
        if found.len() < limit as usize {
            added_up.next = None;
        }
        Ok(added_up)
    }
}

/// Reads counts with the customers whose they are; one name that cannot be read must not hide the others.
fn read_customers<R: Fields>(
    found: &[R],
) -> impl Iterator<Item = (Customer, Result<Totals, sqlx::Error>)> + '_ {
    found.iter().filter_map(|row| {
        let customer = Customer::parse(rows::text(row, "customer").ok()?).ok()?;
        Some((customer, Totals::of(|column| row.int(column))))
    })
}
