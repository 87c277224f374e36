//! Judges one row after another, and the ledger by what the rows were.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::findings::{CheckReport, Fault, Findings};
use crate::domain::State;
use crate::store::fields::Fields;
use crate::store::{Record, Totals, rows};

/// How many rows of a customer are in each state.
type Counts = HashMap<State, i64>;

/// What has been seen so far.
#[derive(Default)]
pub(super) struct Survey {
    notifications: u64,
    customers: u64,
    /// Of customers whose ledger has not been seen yet.
    counts: HashMap<String, Counts>,
    /// The runs that may own rows.
    pub(super) replicas: HashSet<i64>,
    findings: Findings,
}

impl Survey {
    /// Looks at a row of a notification with its place in the queue and the body of its event.
    pub(super) fn notification(&mut self, row: &impl Fields) {
        self.notifications += 1;
        self.count(row);
        match read(row) {
            Ok((record, event)) => {
                self.check_record(&record);
                self.check_queue(&record, row);
                self.check_event(&record, row, event);
            }
            Err(why) => self
                .findings
                .add(Fault::Unreadable, || format!("{}: {why}", name(row))),
        }
    }

    /// Counts also what cannot be read in full, so that one broken column is not found twice.
    fn count(&mut self, row: &impl Fields) {
        let Ok(customer) = rows::text(row, "customer") else {
            return;
        };
        if !self.counts.contains_key(customer) {
            self.counts.insert(customer.to_owned(), Counts::default());
        }
        if let (Some(counts), Ok(state)) = (self.counts.get_mut(customer), rows::named(row, "state")) {
            *counts.entry(state).or_default() += 1;
        }
    }

    fn check_record(&mut self, record: &Record) {
        if record.settled_at.is_some() != record.state.is_final() {
            self.findings.add(Fault::SettledAt, || record.id.to_string());
        }
    }

    fn check_queue(&mut self, record: &Record, row: &impl Fields) {
        let id = || record.id.to_string();
        match row.int("queued_for").ok().flatten() {
            Some(_) if record.state.is_final() => self.findings.add(Fault::QueuedAtEnd, id),
            at if !record.state.is_final() && at != Some(record.due_at.as_millis()) => {
                self.findings.add(Fault::OutOfQueue, id);
            }
            _ => {}
        }
        if let Some(run) = row.int("owner").ok().flatten()
            && !self.replicas.contains(&run)
        {
            self.findings
                .add(Fault::OwnerUnknown, || format!("{} (run {run})", record.id));
        }
    }

    fn check_event(&mut self, record: &Record, row: &impl Fields, event: Option<&[u8]>) {
        let id = || record.id.to_string();
        let Some(event) = event else {
            return self.findings.add(Fault::EventGone, id);
        };
        if Sha256::digest(event)[..] != record.digest[..] {
            self.findings.add(Fault::EventChanged, id);
        }
        if payload(row, event).is_none_or(<[u8]>::is_empty) {
            self.findings.add(Fault::PayloadOutside, id);
        }
    }

    /// Looks at something that no notification belongs to.
    pub(super) fn orphan(&mut self, fault: Fault, seq: i64) {
        self.findings.add(fault, || format!("row {seq}"));
    }

    /// Looks at what the ledger counts of a customer, after all rows. Settled rows are pruned, so
    /// there may be fewer of them; queued and dead ones never are.
    pub(super) fn ledger(&mut self, customer: &str, totals: &Totals) {
        self.customers += 1;
        if totals.difference() != 0 {
            self.findings
                .add(Fault::LedgerBalance, || format!("{customer} (off by {})", totals.difference()));
        }
        let counts = self.counts.remove(customer).unwrap_or_default();
        for state in State::ALL {
            let found = counts.get(state).copied().unwrap_or_default();
            let (counted, exact) = match state {
                State::Queued => (totals.queued, true),
                State::Dead => (totals.dead, true),
                State::Delivered => (totals.delivered, false),
                State::Filtered => (totals.filtered, false),
                State::Expired => (totals.expired, false),
            };
            if counted < found || (exact && counted != found) {
                self.findings.add(Fault::LedgerAndRows, || {
                    format!("{customer} (counts {counted} {state}, has {found})")
                });
            }
        }
    }

    /// Notes counts of a customer whose name cannot be read.
    pub(super) fn broken_ledger(&mut self, why: &sqlx::Error) {
        self.findings
            .add(Fault::Unreadable, || format!("a row of the ledger: {why}"));
    }

    /// Returns what was found.
    pub(super) fn finish(mut self) -> CheckReport {
        let mut uncounted: Vec<String> = self.counts.into_keys().collect();
        uncounted.sort_unstable();
        for customer in uncounted {
            self.customers += 1;
            self.findings
                .add(Fault::LedgerAndRows, || format!("{customer} (has rows and no counts)"));
        }
        CheckReport {
            notifications: self.notifications,
            customers: self.customers,
            findings: self.findings.into_vec(),
        }
    }
}

/// Reads everything that a delivery or a look-up would.
fn read<R: Fields>(row: &R) -> Result<(Record, Option<&[u8]>), sqlx::Error> {
    let record = rows::record(row)?;
    row.flag("create_application")?;
    for number in ["payload_start", "payload_end"] {
        rows::int(row, number)?;
    }
    Ok((record, row.bytes("body")?))
}

/// Returns the part of the event that is sent, where it is a part.
fn payload<'a>(row: &impl Fields, event: &'a [u8]) -> Option<&'a [u8]> {
    let bound = |column| usize::try_from(rows::int(row, column).ok()?).ok();
    event.get(bound("payload_start")?..bound("payload_end")?)
}

/// Names a row by its id, or by its number where that cannot be read.
fn name(row: &impl Fields) -> String {
    match (rows::id(row), rows::int(row, "seq")) {
        (Ok(id), _) => id.to_string(),
        (_, Ok(seq)) => format!("row {seq}"),
        _ => "a row".to_owned(),
    }
}
