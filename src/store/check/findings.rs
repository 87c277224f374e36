//! What a check found, in words and with examples.

use std::collections::BTreeMap;
use std::fmt;

/// Examples that are kept of each kind.
const EXAMPLES: usize = 5;

/// What can be wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A row has something in it that nobody wrote.
    Unreadable,
    /// An end without its time, or the time of an end that has not come.
    SettledAt,
    /// A notification without its event.
    EventGone,
    /// The event's bytes are not those that were posted.
    EventChanged,
    /// The payload is not inside the event.
    PayloadOutside,
    /// A queued row that nobody can claim, because its owner is none of the replicas.
    OwnerUnknown,
    /// A queued notification that is not in the queue, or is due there at another time.
    OutOfQueue,
    /// A notification at its end that is in the queue still.
    QueuedAtEnd,
    /// The ledger counts other than the rows.
    LedgerAndRows,
    /// A customer's counts do not add up.
    LedgerBalance,
    /// A minute of the ledger counts other than the rows that were accepted in it.
    MinuteAndRows,
    /// A customer's counts of a minute do not add up.
    MinuteBalance,
    /// A dead or expired notification that is not among the undelivered.
    UndeliveredMissing,
    /// One of the undelivered whose notification is gone or did not end so.
    UndeliveredWrong,
    /// One of the undelivered that a search for words does not find.
    WordsMissing,
    /// A count of dead letters that is not how many there are of the kind.
    DeadGroup,
    /// A revision of settings that more than one change got.
    RevisionTwice,
    /// Settings that are not what their newest version says, or versions of none.
    SettingVersion,
    /// A row that the service has set aside because it cannot be read; an operator sees it with its reason.
    SetAside,
    /// An event without its notification; it is in nobody's way.
    EventOrphaned,
    /// A row of the queue without its notification; the claim that finds it takes it away.
    QueueOrphaned,
    /// A use of a key that has been revoked since; it is in nobody's way.
    KeyUseOrphaned,
}

impl Fault {
    /// Tells whether the store is broken, rather than untidy.
    pub const fn is_error(self) -> bool {
        !matches!(self, Self::SetAside | Self::EventOrphaned | Self::QueueOrphaned | Self::KeyUseOrphaned)
    }

    /// Says what it is, of one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "row that cannot be read",
            Self::SettledAt => "notification settled without a time, or queued with one",
            Self::EventGone => "notification without its event",
            Self::EventChanged => "event that is not what was posted",
            Self::PayloadOutside => "payload outside its event",
            Self::OwnerUnknown => "queued notification owned by none of the replicas",
            Self::OutOfQueue => "queued notification missing in the queue, or due there at another time",
            Self::QueuedAtEnd => "settled notification still in the queue",
            Self::LedgerAndRows => "count of the ledger that the rows do not agree with",
            Self::LedgerBalance => "customer whose counts do not add up",
            Self::MinuteAndRows => "count of a minute that the rows do not agree with",
            Self::MinuteBalance => "minute whose counts do not add up",
            Self::UndeliveredMissing => "dead or expired notification missing among the undelivered",
            Self::UndeliveredWrong => "one of the undelivered whose notification did not end so",
            Self::WordsMissing => "one of the undelivered without its words",
            Self::DeadGroup => "kind of dead letters of which there are not as many as counted",
            Self::RevisionTwice => "revision that more than one change of settings got",
            Self::SettingVersion => "settings that are not what their newest version says",
            Self::SetAside => "dead letter that cannot be read",
            Self::EventOrphaned => "event without a notification",
            Self::QueueOrphaned => "row of the queue without a notification",
            Self::KeyUseOrphaned => "use of a key that is revoked",
        }
    }
}

/// One kind of fault, with how often it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// How often.
    pub count: u64,
    /// The first few: ids of notifications, or rows or customers and what is wrong with them.
    pub examples: Vec<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.fault.is_error() { "error" } else { "warning" };
        write!(f, "{kind}: {} × {}: {}", self.count, self.fault.as_str(), self.examples.join(", "))?;
        if u64::try_from(self.examples.len()).is_ok_and(|shown| shown < self.count) {
            f.write_str(", …")?;
        }
        Ok(())
    }
}

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// Notifications that were looked at.
    pub notifications: u64,
    /// Customers that have a notification or counts.
    pub customers: u64,
    /// What was found, the gravest first; nothing where all is well.
    pub findings: Vec<Finding>,
}

impl CheckReport {
    /// Tells whether nothing is broken.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| !finding.fault.is_error())
    }
}

/// Gathers faults, of which it keeps the first few.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeMap<Fault, Finding>);

impl Findings {
    pub(super) fn add(&mut self, fault: Fault, example: impl FnOnce() -> String) {
        let finding = self.0.entry(fault).or_insert_with(|| Finding {
            fault,
            count: 0,
            examples: Vec::new(),
        });
        finding.count += 1;
        if finding.examples.len() < EXAMPLES {
            finding.examples.push(example());
        }
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_counts_all_and_shows_a_few() {
        let mut findings = Findings::default();
        for row in 0..7 {
            findings.add(Fault::EventOrphaned, || format!("row {row}"));
        }
        findings.add(Fault::EventGone, || "an id".to_owned());
        let shown: Vec<String> = findings.into_vec().iter().map(Finding::to_string).collect();
        let right = [
            "error: 1 × notification without its event: an id",
            "warning: 7 × event without a notification: row 0, row 1, row 2, row 3, row 4, …",
        ];
        assert_eq!(shown, right);
    }
}
