//! The counts of the ledger.

use crate::domain::State;

/// Declares the counts, which are columns of the same names.
macro_rules! totals {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// The counts of one customer, or of all.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Totals { $($(#[$doc])* pub $name: i64,)+ }

        impl Totals {
            /// The columns, in order.
            pub(super) const COLUMNS: &[&str] = &[$(stringify!($name),)+];

            /// Returns the counts in the order of the columns.
            pub(super) fn values(&self) -> impl Iterator<Item = i64> {
                [$(self.$name,)+].into_iter()
            }

            /// Reads sums by the columns' names; of no rows there are none.
            pub(super) fn of<E>(sum: impl Fn(&'static str) -> Result<Option<i64>, E>) -> Result<Self, E> {
                Ok(Self { $($name: sum(stringify!($name))?.unwrap_or_default(),)+ })
            }

            /// Adds other counts to these.
            pub fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

totals! {
    /// Notifications accepted.
    accepted,
    /// Posts of a notification that was known already.
    duplicates,
    /// Waiting for their delivery.
    queued,
    /// Delivered to Svix.
    delivered,
    /// Not sent because of a filter.
    filtered,
    /// Not tried again by themselves.
    dead,
    /// Too old to be sent.
    expired,
    /// Times that a notification was put back to be tried again.
    retries,
    /// Requests to Svix that failed.
    failed_attempts,
    /// Times that a dead letter was sent again.
    redriven,
    /// Of those delivered, how many are not kept any more.
    pruned_delivered,
    /// Of those filtered, how many are not kept any more.
    pruned_filtered,
    /// Of those dead, how many are not kept any more.
    pruned_dead,
    /// Of those expired, how many are not kept any more.
    pruned_expired,
}

impl Totals {
    /// Returns the expressions that add up every column under its own name.
    pub(super) fn sums() -> String {
        let sums = Self::COLUMNS
            .iter()
            .map(|column| format!("CAST(sum({column}) AS BIGINT) AS {column}"));
        sums.collect::<Vec<_>>().join(", ")
    }

    /// Returns accepted − delivered − filtered − dead − expired − queued, which must be zero.
    pub fn difference(&self) -> i64 {
        self.accepted - self.delivered - self.filtered - self.dead - self.expired - self.queued
    }

    /// Returns how many have ever come to stand so.
    pub fn in_state(&self, state: State) -> i64 {
        match state {
            State::Queued => self.queued,
            State::Delivered => self.delivered,
            State::Filtered => self.filtered,
            State::Dead => self.dead,
            State::Expired => self.expired,
        }
    }

    /// Returns how many that stand so must be in the store.
    pub fn kept(&self, state: State) -> i64 {
        let mut other = *self;
        self.in_state(state) - other.pruned_mut(state).map_or(0, |pruned| *pruned)
    }

    pub(super) fn in_state_mut(&mut self, state: State) -> &mut i64 {
        match state {
            State::Queued => &mut self.queued,
            State::Delivered => &mut self.delivered,
            State::Filtered => &mut self.filtered,
            State::Dead => &mut self.dead,
            State::Expired => &mut self.expired,
        }
    }

    /// What is queued never leaves.
    pub(super) fn pruned_mut(&mut self, state: State) -> Option<&mut i64> {
        match state {
            State::Queued => None,
            State::Delivered => Some(&mut self.pruned_delivered),
            State::Filtered => Some(&mut self.pruned_filtered),
            State::Dead => Some(&mut self.pruned_dead),
            State::Expired => Some(&mut self.pruned_expired),
        }
    }
}
