//! Comparing the ledger with the rows that it counts: what can be asked, and what is found.
//!
//! A cell of `ledger_minutes` says where the notifications of a customer stand that were accepted in
//! one minute. A minute of a customer without a cell is not compared: the store has forgotten its counts.

mod asking;
mod queries;
mod series;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use super::Totals;
use crate::domain::{Customer, State, Timestamp};
pub(super) use queries::Queries;
pub use series::SeriesScope;
pub(super) use tally::MinuteTally;

/// Rows that an audit goes through at most.
pub const MOST_ROWS: i64 = 50_000;

/// Differences that one look names at most.
const MOST_DIFFERENCES: usize = 1000;

/// What an audit is about.
#[derive(Debug, Clone, Default)]
pub struct AuditScope {
    /// One customer, or all.
    pub customer: Option<Customer>,
    /// The minutes of acceptance since 1970, or all time.
    pub minutes: Option<Range<i64>>,
}

/// What the ledger and the rows say, as of one moment.
#[derive(Debug, Clone)]
pub struct Audit {
    /// What the ledger says.
    pub ledger: Totals,
    /// What the rows say, where they could be counted.
    pub rows: Option<RowCounts>,
    /// How the rows were counted, or why not.
    pub counted: Counted,
}

/// How the rows of an audit were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// All rows that there are, or all of the customer.
    All,
    /// Those with the ids of the time.
    ByTime,
    /// Not at all: this many would have to be gone through, or more.
    TooMany(i64),
}

/// How many rows stand where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowCounts {
    states: BTreeMap<State, i64>,
    /// All of them, also those whose state cannot be read.
    pub total: i64,
}

impl RowCounts {
    /// Returns how many rows stand so.
    pub fn in_state(&self, state: State) -> i64 {
        self.states.get(&state).copied().unwrap_or_default()
    }

    /// Returns how many more rows stand so than the ledger says.
    pub fn beyond(&self, ledger: &Totals, state: State) -> i64 {
        self.in_state(state) - ledger.kept(state)
    }

    fn add(&mut self, state: Option<State>, count: i64) {
        self.total += count;
        if let Some(state) = state {
            *self.states.entry(state).or_default() += count;
        }
    }
}

impl Audit {
    /// Tells whether nothing differs in what was looked at.
    pub fn is_balanced(&self) -> bool {
        let agrees = |rows: &RowCounts| {
            State::ALL
                .iter()
                .all(|state| rows.beyond(&self.ledger, *state) == 0)
        };
        self.ledger.difference() == 0 && self.rows.as_ref().is_none_or(agrees)
    }
}

/// Which minute of several is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The first that has cells.
    Oldest,
    /// The last that has cells.
    Newest,
}

/// What a look at one minute came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// It was compared.
    Minute {
        /// Which one.
        minute: i64,
        /// What differs, by customer.
        differences: Vec<Difference>,
    },
    /// It has more rows than could be counted in the time.
    GaveUp {
        /// Which one.
        minute: i64,
    },
    /// None of the minutes has cells.
    Nothing,
    /// Another replica is looking at a minute just now.
    Busy,
}

/// What does not agree for one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whose it is.
    pub customer: Customer,
    /// The minute of acceptance; none where it is about all time.
    pub minute: Option<i64>,
    /// By how many the ledger's own counts do not add up.
    pub unaccounted: i64,
    /// Where the ledger and the rows differ: the state, what the ledger says, how many rows there are.
    pub states: Vec<(State, i64, i64)>,
}

impl Difference {
    /// Compares the counts of a customer with each other and, where they were counted, with the rows.
    fn find(
        customer: &Customer,
        minute: Option<i64>,
        ledger: &Totals,
        rows: Option<&RowCounts>,
    ) -> Option<Self> {
        let both = |state: &State| Some((*state, ledger.kept(*state), rows?.in_state(*state)));
        let states = State::ALL.iter().filter_map(both);
        let found = Self {
            customer: customer.clone(),
            minute,
            unaccounted: ledger.difference(),
            states: states.filter(|(_, ledger, rows)| ledger != rows).collect(),
        };
        (found.unaccounted != 0 || !found.states.is_empty()).then_some(found)
    }

    /// Says what differs.
    pub fn what(&self) -> String {
        let states = self.states.iter();
        let states = states
            .map(|(state, ledger, rows)| format!("{state} is {ledger} in the ledger and {rows} in rows"));
        let own = (self.unaccounted != 0)
            .then(|| format!("the ledger counts {} more accepted than it accounts for", self.unaccounted));
        states.chain(own).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.customer)?;
        if let Some(minute) = self.minute {
            write!(f, ", accepted in the minute of {}", Timestamp::of_minute(minute))?;
        }
        write!(f, ": {}", self.what())
    }
}

/// Customers whose counts of all time were added up.
#[derive(Debug, Clone, Default)]
pub struct AddedUp {
    /// Who they are.
    pub customers: BTreeSet<Customer>,
    /// Where they do not add up.
    pub differences: Vec<Difference>,
    /// The last customer that was looked at; none where these were the last ones.
    pub next: Option<Customer>,
}
