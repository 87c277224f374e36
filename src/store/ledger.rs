//! Counts per customer, and the changes that a transaction makes to them.

use std::collections::BTreeMap;

use crate::domain::{AnswerKind, Customer, State};

use super::Settlement;

/// The counts of one customer, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Notifications accepted.
    pub accepted: i64,
    /// Posts of a notification that was known already.
    pub duplicates: i64,
    /// Waiting for their delivery.
    pub queued: i64,
    /// Delivered to Svix.
    pub delivered: i64,
    /// Not sent because of a filter.
    pub filtered: i64,
    /// Not tried again by themselves.
    pub dead: i64,
    /// Too old to be sent.
    pub expired: i64,
    /// Times that a notification was put back to be tried again.
    pub retries: i64,
    /// Requests to Svix that failed.
    pub failed_attempts: i64,
}

impl Totals {
    /// Returns accepted − delivered − filtered − dead − expired − queued, which must be zero.
    pub fn difference(&self) -> i64 {
        self.accepted - self.delivered - self.filtered - self.dead - self.expired - self.queued
    }

    /// Reads the sums of all columns, in the order in which they are declared; of no rows there are none.
    pub(super) fn of<E>(sum: impl Fn(usize) -> Result<Option<i64>, E>) -> Result<Self, E> {
        let sum = |column| sum(column).map(Option::unwrap_or_default);
        Ok(Self {
            accepted: sum(0)?,
            duplicates: sum(1)?,
            queued: sum(2)?,
            delivered: sum(3)?,
            filtered: sum(4)?,
            dead: sum(5)?,
            expired: sum(6)?,
            retries: sum(7)?,
            failed_attempts: sum(8)?,
        })
    }

    fn in_state(&mut self, state: State) -> &mut i64 {
        match state {
            State::Queued => &mut self.queued,
            State::Delivered => &mut self.delivered,
            State::Filtered => &mut self.filtered,
            State::Dead => &mut self.dead,
            State::Expired => &mut self.expired,
        }
    }
}

/// What one transaction changes, by customer.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<Customer, Totals>);

impl Changes {
    pub(super) fn accepted(&mut self, customer: &Customer, state: State) {
        let totals = self.of(customer);
        totals.accepted += 1;
        *totals.in_state(state) += 1;
    }

    pub(super) fn duplicate(&mut self, customer: &Customer) {
        self.of(customer).duplicates += 1;
    }

    pub(super) fn settled(&mut self, settlement: &Settlement) {
        let totals = self.of(&settlement.customer);
        totals.failed_attempts += count(
            settlement
                .attempts
                .iter()
                .filter(|attempt| is_failure(attempt.answer)),
        );
        if settlement.state == State::Queued {
            totals.retries += 1;
        }
        self.moved(&settlement.customer, State::Queued, settlement.state);
    }

    pub(super) fn moved(&mut self, customer: &Customer, from: State, to: State) {
        let totals = self.of(customer);
        *totals.in_state(from) -= 1;
        *totals.in_state(to) += 1;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Customer, &Totals)> {
        self.0.iter()
    }

    fn of(&mut self, customer: &Customer) -> &mut Totals {
        self.0.entry(customer.clone()).or_default()
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
