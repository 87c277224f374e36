//! What waits, counted by account and customer in one walk over all that is queued, a part at a time.
//!
//! The parts come in the order of customers, so that of all customers only those with the most queued are in
//! memory. What moves meanwhile may be counted before or after it moved: the figures are about right, as of the
//! time of the walk.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::{Store, StoreError};
use crate::domain::{AccountName, Customer, Timestamp};

/// What waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BacklogSurvey {
    /// When the walk began; no figure is older.
    pub as_of: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Everything.
    pub all: Waiting,
    /// By the account that it goes through.
    pub accounts: BTreeMap<AccountName, Waiting>,
    /// What goes through accounts that are too many to be named.
    pub other_accounts: Waiting,
    /// Of the named accounts, since when something has been due, of customers that are not paused.
    pub overdue_accounts: BTreeMap<AccountName, Timestamp>,
    /// The same of the others together.
    pub other_overdue: Option<Timestamp>,
    /// The customers with the most queued, those with more first.
    pub customers: Vec<(Customer, Waiting)>,
    /// What the others have.
    pub other_customers: Waiting,
    /// What has been due for longest, of customers that are not paused.
    pub overdue: Option<Overdue>,
}

/// How much waits, and for how long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Notifications that are queued, leased or not.
    pub queued: u64,
    /// When the oldest of them was accepted.
    pub oldest_at: Option<Timestamp>,
}

impl Waiting {
    fn add(&mut self, more: Self) {
        self.queued = self.queued.saturating_add(more.queued);
        self.oldest_at = self.oldest_at.into_iter().chain(more.oldest_at).min();
    }
}

/// A notification that could have been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// Whose it is.
    pub customer: Customer,
    /// The account that it goes through.
    pub account: AccountName,
    /// Since when it has been due.
    pub due_at: Timestamp,
}

/// How many are named.
#[derive(Debug, Clone, Copy)]
pub struct SurveyBounds {
    /// Accounts; the first that come, in the order of customers.
    pub accounts: usize,
    /// Customers; those with the most queued.
    pub customers: usize,
}

/// Where a walk goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyPlace {
    /// As stored, which need not be a name.
    pub(super) customer: Vec<u8>,
    pub(super) due_at: i64,
    pub(super) row: i64,
}

impl SurveyPlace {
    /// Returns the place before all others.
    pub(super) fn start() -> Self {
        Self {
            customer: Vec::new(),
            due_at: i64::MIN,
            row: i64::MIN,
        }
    }
}

/// Some of what is queued.
#[derive(Debug, Clone)]
pub struct SurveyPart {
    /// In the order of customers.
    pub(super) groups: Vec<WaitingGroup>,
    /// Where it goes on; nothing at the end.
    pub next: Option<SurveyPlace>,
}

/// What waits of one customer for one account.
#[derive(Debug, Clone)]
pub(super) struct WaitingGroup {
    /// Nothing where the name cannot be read.
    pub(super) customer: Option<Customer>,
    pub(super) account: Option<AccountName>,
    pub(super) waiting: Waiting,
    /// When the first of them is or was due.
    pub(super) due_at: Option<Timestamp>,
}

/// A customer among those with the most queued; what comes first decides.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    queued: u64,
    customer: Reverse<Customer>,
    oldest_at: Option<Timestamp>,
}

/// Adds up the parts of one walk.
#[derive(Debug)]
pub struct Surveyor {
    bounds: SurveyBounds,
    survey: BacklogSurvey,
    /// The customer that came last, of whom more may come.
    last: Option<(Customer, Waiting)>,
    /// The least of them first.
    most: BinaryHeap<Reverse<Ranked>>,
}

impl Surveyor {
    /// Begins a walk now.
    #[must_use]
    pub fn new(now: Timestamp, bounds: SurveyBounds) -> Self {
        Self {
            bounds,
            survey: BacklogSurvey {
                as_of: now,
                ..BacklogSurvey::default()
            },
            last: None,
            most: BinaryHeap::new(),
        }
    }

    /// Adds the next part.
    pub fn add(&mut self, part: SurveyPart, is_paused: impl Fn(&Customer) -> bool) {
        for group in part.groups {
            self.survey.all.add(group.waiting);
            let overdue = self.overdue(&group, &is_paused);
            let overdue_since = overdue.as_ref().map(|overdue| overdue.due_at);
            self.note_overdue(overdue);
            self.add_to_account(group.account, group.waiting, overdue_since);
            self.add_to_customer(group.customer, group.waiting);
        }
    }

    /// Ends the walk now.
    #[must_use]
    pub fn finish(mut self, now: Timestamp) -> BacklogSurvey {
        self.rank_last();
        self.survey.ended_at = now;
        let named = self.most.into_sorted_vec().into_iter().map(|Reverse(ranked)| {
            let waiting = Waiting {
                queued: ranked.queued,
                oldest_at: ranked.oldest_at,
            };
            (ranked.customer.0, waiting)
        });
        self.survey.customers = named.collect();
        self.survey
    }

    /// Returns what has been due for longest of a group, where it could have been sent.
    fn overdue(&self, group: &WaitingGroup, is_paused: impl Fn(&Customer) -> bool) -> Option<Overdue> {
        let (customer, account) = (group.customer.as_ref()?, group.account.as_ref()?);
        let due_at = group.due_at.filter(|due_at| *due_at < self.survey.as_of)?;
        (!is_paused(customer)).then(|| Overdue {
            customer: customer.clone(),
            account: account.clone(),
            due_at,
        })
    }

    fn note_overdue(&mut self, overdue: Option<Overdue>) {
        let known = self.survey.overdue.take();
        let both = known.into_iter().chain(overdue);
        self.survey.overdue = both.min_by_key(|overdue| overdue.due_at);
    }

    fn add_to_account(
        &mut self,
        account: Option<AccountName>,
        waiting: Waiting,
        overdue_since: Option<Timestamp>,
    ) {
        let survey = &mut self.survey;
        let has_room = survey.accounts.len() < self.bounds.accounts;
        let named = account.filter(|account| has_room || survey.accounts.contains_key(account));
        let Some(account) = named else {
            survey.other_accounts.add(waiting);
            survey.other_overdue = survey.other_overdue.into_iter().chain(overdue_since).min();
            return;
        };
        if let Some(since) = overdue_since {
            let known = survey.overdue_accounts.entry(account.clone()).or_insert(since);
            *known = since.min(*known);
        }
        survey.accounts.entry(account).or_default().add(waiting);
    }

    fn add_to_customer(&mut self, customer: Option<Customer>, waiting: Waiting) {
        let Some(customer) = customer else {
            self.survey.other_customers.add(waiting);
            return;
        };
        match &mut self.last {
            Some((last, sum)) if *last == customer => sum.add(waiting),
            _ => {
                self.rank_last();
                self.last = Some((customer, waiting));
            }
        }
    }

    fn rank_last(&mut self) {
        let Some((customer, waiting)) = self.last.take() else {
            return;
        };
        self.most.push(Reverse(Ranked {
            queued: waiting.queued,
            customer: Reverse(customer),
            oldest_at: waiting.oldest_at,
        }));
        if self.most.len() > self.bounds.customers
            && let Some(Reverse(least)) = self.most.pop()
        {
            self.survey.other_customers.add(Waiting {
                queued: least.queued,
                oldest_at: least.oldest_at,
            });
        }
    }
}

impl Store {
    /// Counts the next of what is queued, up to `limit` notifications, from a place on or from the beginning.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn survey(&self, after: Option<SurveyPlace>, limit: u32) -> Result<SurveyPart, StoreError> {
        let after = after.unwrap_or_else(SurveyPlace::start);
        self.reader.survey(after, limit.max(1)).await
    }
}

/// Reads a name that may be anything.
pub(super) fn name(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;
