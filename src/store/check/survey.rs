//! Judges one row after another, and the ledger by what the rows were.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::findings::{CheckReport, Fault, Findings};
use crate::domain::{Reason, RedriveId, State, Timestamp};
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
        self.check_undelivered(row);
        let broken = match read(row) {
            Ok((record, event)) => {
                self.check_record(&record);
                self.check_queue(&record, row);
                let faults = event_faults(&record, row, event).into_iter();
                faults.map(|fault| (fault, record.id.to_string())).collect()
            }
            Err(why) => vec![(Fault::Unreadable, format!("{}: {why}", name(row)))],
        };
        let aside = is_set_aside(row);
        for (fault, example) in broken.into_iter().take(if aside { 1 } else { usize::MAX }) {
            let fault = if aside { Fault::SetAside } else { fault };
            self.findings.add(fault, || example);
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

    fn check_undelivered(&mut self, row: &impl Fields) {
        let ended = matches!(rows::named(row, "state"), Ok(State::Dead | State::Expired));
        if ended && matches!(row.int("undelivered"), Ok(None)) {
            self.findings.add(Fault::UndeliveredMissing, || name(row));
        }
    }

    /// Looks at something that no notification belongs to.
    pub(super) fn orphan(&mut self, fault: Fault, seq: i64) {
        self.findings.add(fault, || format!("row {seq}"));
    }

    /// Looks at what the ledger counts of a customer, after all rows.
    pub(super) fn ledger(&mut self, customer: &str, totals: &Totals) {
        self.customers += 1;
        if totals.difference() != 0 {
            self.findings
                .add(Fault::LedgerBalance, || format!("{customer} (off by {})", totals.difference()));
        }
        let found = self.counts.remove(customer).unwrap_or_default();
        for state in State::ALL {
            let found = found.get(state).copied().unwrap_or_default();
            self.compare(Fault::LedgerAndRows, *state, totals, found, || customer.to_owned());
        }
    }

    /// Looks at what the ledger counts of a customer and a minute, and at how many rows are in each state.
    pub(super) fn minute(&mut self, customer: &str, minute: i64, totals: &Totals, found: &[(State, i64)]) {
        let name = || format!("{customer} at {}", Timestamp::of_minute(minute));
        if totals.difference() != 0 {
            self.findings
                .add(Fault::MinuteBalance, || format!("{} (off by {})", name(), totals.difference()));
        }
        for (state, found) in found {
            self.compare(Fault::MinuteAndRows, *state, totals, *found, name);
        }
    }

    fn compare(
        &mut self,
        fault: Fault,
        state: State,
        totals: &Totals,
        found: i64,
        name: impl Fn() -> String,
    ) {
        let counted = totals.kept(state);
        if counted != found {
            self.findings
                .add(fault, || format!("{} (counts {counted} {state}, has {found})", name()));
        }
    }

    /// Looks at a kind of dead letters of which there are not as many as counted.
    pub(super) fn kind(&mut self, words: &str, status: i64, counted: i64, found: i64) {
        self.findings
            .add(Fault::DeadGroup, || format!("{words} {status} (counts {counted}, has {found})"));
    }

    /// Notes counts of a customer whose name cannot be read.
    pub(super) fn broken(&mut self, table: &str, why: &sqlx::Error) {
        self.findings
            .add(Fault::Unreadable, || format!("a row of {table}: {why}"));
    }

    /// Notes what others have found.
    pub(super) fn found(&mut self, fault: Fault, example: String) {
        self.findings.add(fault, || example);
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

/// Tells whether the service has found that the row cannot be read, and made it a dead letter.
fn is_set_aside(row: &impl Fields) -> bool {
    let is = |column, name| rows::text(row, column).is_ok_and(|text| text == name);
    is("state", State::Dead.as_str()) && is("reason", Reason::Unreadable.as_str())
}

/// Judges the event of a notification.
fn event_faults(record: &Record, row: &impl Fields, event: Option<&[u8]>) -> Vec<Fault> {
    let Some(event) = event else {
        return vec![Fault::EventGone];
    };
    let mut faults = Vec::new();
    if Sha256::digest(event)[..] != record.digest[..] {
        faults.push(Fault::EventChanged);
    }
    if payload(row, event).is_none_or(<[u8]>::is_empty) {
        faults.push(Fault::PayloadOutside);
    }
    faults
}

/// Reads everything that a delivery or a look-up would.
fn read<R: Fields>(row: &R) -> Result<(Record, Option<&[u8]>), sqlx::Error> {
    let record = rows::record(row)?;
    row.flag("create_application")?;
    for number in ["payload_start", "payload_end"] {
        rows::int(row, number)?;
    }
    let redrive = row.bytes("redrive")?.map(RedriveId::from_bytes).transpose();
    redrive.map_err(|error| sqlx::Error::Decode(error.into()))?;
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
