//! What a transaction changes in the ledger, in the kinds of dead letters and in redrives.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::fields::Fields;
use super::ledger::Totals;
use super::{Settlement, rows};
use crate::domain::{AnswerKind, Customer, Reason, RedriveId, State, Timestamp};

/// A kind of dead letters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeathKind {
    pub(super) customer: Customer,
    pub(super) event_type: String,
    pub(super) reason: Cow<'static, str>,
    pub(super) status: i64,
    pub(super) outcome: Cow<'static, str>,
}

impl DeathKind {
    /// Reads the kind from a row of what was not delivered.
    pub(super) fn read(row: &impl Fields) -> Result<Self, sqlx::Error> {
        Ok(Self {
            customer: rows::customer(row)?,
            event_type: rows::text(row, "event_type")?.to_owned(),
            reason: rows::text(row, "reason")?.to_owned().into(),
            status: rows::int(row, "status")?,
            outcome: rows::text(row, "outcome")?.to_owned().into(),
        })
    }
}

/// How many died of a kind in a transaction, and when the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deaths {
    pub(super) dead: i64,
    pub(super) first_at: Timestamp,
    pub(super) last_at: Timestamp,
}

impl Deaths {
    const NONE: Self = Self {
        dead: 0,
        first_at: Timestamp::from_millis(i64::MAX),
        last_at: Timestamp::from_millis(i64::MIN),
    };
}

/// How many of a redrive's notifications came to an end in a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Redriven {
    pub(super) delivered: i64,
    pub(super) dead: i64,
    pub(super) expired: i64,
}

/// What to add to the counts of a customer and of one of its minutes.
pub(super) type Cell<'a> = (&'a Customer, i64, &'a Totals);

/// What one transaction changes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Counts of older minutes may have been deleted.
    oldest_minute: i64,
    /// By customer and by the minute in which the notifications were accepted.
    cells: BTreeMap<(Customer, i64), Totals>,
    deaths: BTreeMap<DeathKind, Deaths>,
    redriven: BTreeMap<RedriveId, Redriven>,
}

impl Changes {
    /// Makes no changes yet, where counts by minute are kept from this minute on.
    pub(super) fn since(oldest_minute: i64) -> Self {
        Self {
            oldest_minute,
            ..Self::default()
        }
    }

    pub(super) fn accepted(&mut self, customer: &Customer, at: Timestamp, state: State) {
        let totals = self.of(customer, at);
        totals.accepted += 1;
        *totals.in_state_mut(state) += 1;
    }

    /// Counts a post of what is known, in the minute of the post.
    pub(super) fn duplicate(&mut self, customer: &Customer, at: Timestamp) {
        self.of(customer, at).duplicates += 1;
    }

    pub(super) fn settled(&mut self, settlement: &Settlement) {
        let notification = &settlement.notification;
        let totals = self.of(&notification.customer, notification.accepted_at);
        totals.failed_attempts += count(
            settlement
                .attempts
                .iter()
                .filter(|attempt| is_failure(attempt.answer)),
        );
        if settlement.state == State::Queued {
            totals.retries += 1;
        }
        self.moved(&notification.customer, notification.accepted_at, State::Queued, settlement.state);
        if settlement.state == State::Dead {
            self.died(death_kind(settlement), settlement.settled_at);
        }
        if let Some(redrive) = notification.redrive {
            self.redriven(redrive, settlement.state);
        }
    }

    /// Counts that a queued row which cannot be read is set aside.
    pub(super) fn unreadable(
        &mut self,
        customer: &Customer,
        accepted_at: Timestamp,
        event_type: String,
        redrive: Option<RedriveId>,
        now: Timestamp,
    ) {
        if let Some(redrive) = redrive {
            self.redriven(redrive, State::Dead);
        }
        self.moved(customer, accepted_at, State::Queued, State::Dead);
        let kind = DeathKind {
            customer: customer.clone(),
            event_type,
            reason: Reason::Unreadable.as_str().into(),
            status: 0,
            outcome: "".into(),
        };
        self.died(kind, now);
    }

    fn moved(&mut self, customer: &Customer, accepted_at: Timestamp, from: State, to: State) {
        let totals = self.of(customer, accepted_at);
        *totals.in_state_mut(from) -= 1;
        *totals.in_state_mut(to) += 1;
    }

    /// Counts what goes back from dead to queued to be sent again.
    pub(super) fn sent_again(&mut self, customer: &Customer, accepted_at: Timestamp) {
        self.moved(customer, accepted_at, State::Dead, State::Queued);
        self.of(customer, accepted_at).redriven += 1;
    }

    /// Counts what is not kept any more.
    pub(super) fn pruned(&mut self, customer: &Customer, accepted_at: Timestamp, state: State) {
        if let Some(pruned) = self.of(customer, accepted_at).pruned_mut(state) {
            *pruned += 1;
        }
    }

    fn died(&mut self, kind: DeathKind, at: Timestamp) {
        let deaths = self.deaths.entry(kind).or_insert(Deaths::NONE);
        deaths.dead += 1;
        deaths.first_at = deaths.first_at.min(at);
        deaths.last_at = deaths.last_at.max(at);
    }

    /// Counts a dead letter that is none any more; when its kind was first and last seen stays.
    pub(super) fn left(&mut self, kind: DeathKind) {
        self.deaths.entry(kind).or_insert(Deaths::NONE).dead -= 1;
    }

    fn redriven(&mut self, redrive: RedriveId, state: State) {
        let counts = self.redriven.entry(redrive).or_default();
        match state {
            State::Delivered => counts.delivered += 1,
            State::Dead => counts.dead += 1,
            State::Expired => counts.expired += 1,
            State::Queued | State::Filtered => {}
        }
    }

    /// What to add to the customers and their minutes.
    pub(super) fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.all().filter(|(_, minute, _)| *minute >= self.oldest_minute)
    }

    /// The same for minutes that may have been deleted. One that was is not made again: it would say nothing
    /// but what has changed since, less than nothing even.
    pub(super) fn old_cells(&self) -> impl Iterator<Item = Cell<'_>> {
        self.all().filter(|(_, minute, _)| *minute < self.oldest_minute)
    }

    fn all(&self) -> impl Iterator<Item = Cell<'_>> {
        self.cells
            .iter()
            .map(|((customer, minute), totals)| (customer, *minute, totals))
    }

    pub(super) fn deaths(&self) -> &BTreeMap<DeathKind, Deaths> {
        &self.deaths
    }

    /// What changed for redrives, where anything did.
    pub(super) fn redrives(&self) -> impl Iterator<Item = (RedriveId, Redriven)> {
        let changed = self.redriven.iter().map(|(id, counts)| (*id, *counts));
        changed.filter(|(_, counts)| *counts != Redriven::default())
    }

    fn of(&mut self, customer: &Customer, accepted_at: Timestamp) -> &mut Totals {
        self.cells
            .entry((customer.clone(), accepted_at.minute()))
            .or_default()
    }
}

/// The kind of death that a settlement is.
pub(super) fn death_kind(settlement: &Settlement) -> DeathKind {
    let last = settlement.attempts.last();
    DeathKind {
        customer: settlement.notification.customer.clone(),
        event_type: settlement.notification.event_type.clone(),
        reason: settlement.reason.map_or("", Reason::as_str).into(),
        status: last.and_then(|attempt| attempt.status).map_or(0, i64::from),
        outcome: last.map_or("", |attempt| attempt.answer.as_str()).into(),
    }
}

fn count(items: impl Iterator) -> i64 {
    i64::try_from(items.count()).unwrap_or(i64::MAX)
}

fn is_failure(answer: AnswerKind) -> bool {
    matches!(
        answer,
        AnswerKind::Limited
            | AnswerKind::Unavailable
            | AnswerKind::Ambiguous
            | AnswerKind::Rejected
            | AnswerKind::NotFound
            | AnswerKind::Refused
            | AnswerKind::Panicked
    )
}
