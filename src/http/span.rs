//! The parameters of questions about a customer and a time.

use std::ops::Range;
use std::time::Duration;

use super::parameters::Faults;
use super::problem::Problem;
use crate::domain::{Customer, Timestamp};

/// How long a time may be, in days.
const MOST_DAYS: u64 = 366;

/// What a query asks for, and what is wrong with it.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) customer: Option<Customer>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    faults: Faults,
}

impl Asked {
    /// Reads a query. What it has beyond a customer and a time is for `other`, which returns nothing of
    /// a name that it does not know either.
    pub(super) fn read(
        query: &[(String, String)],
        known: &str,
        mut other: impl FnMut(&str, &str) -> Option<Result<(), String>>,
    ) -> Self {
        let mut asked = Self::default();
        asked.faults = Faults::of(query, |name, value| match name {
            "customer" => Customer::parse(value)
                .map(|customer| asked.customer = Some(customer))
                .map_err(|error| error.to_string()),
            "from" => moment(value, &mut asked.from),
            "to" => moment(value, &mut asked.to),
            _ => other(name, value).unwrap_or_else(|| Err(format!("is not known here; known are {known}"))),
        });
        asked
    }

    /// Notes that a parameter cannot be used.
    pub(super) fn fault(&mut self, name: &str, detail: String) {
        self.faults.add(name, detail);
    }

    /// Returns what is wrong, if anything is.
    pub(super) fn refuse(mut self) -> Result<Self, Problem> {
        std::mem::take(&mut self.faults).refuse()?;
        Ok(self)
    }

    /// Returns the minutes that the time touches, where one was asked for. Without an end it ends now;
    /// without a start it lasts for `length`, where that is given.
    pub(super) fn minutes(&mut self, now: Timestamp, length: Option<Duration>) -> Option<Range<i64>> {
        let asked = self.from.is_some() || self.to.is_some() || length.is_some();
        if !asked || !self.faults.is_empty() {
            return None;
        }
        let to = self.to.unwrap_or(now);
        let Some(from) = self.from.or_else(|| length.map(|length| to.before(length))) else {
            self.fault("from", "is missing; a time has a start".to_owned());
            return None;
        };
        if from > to {
            self.fault("from", format!("{from} is after `to`, which is {to}"));
            return None;
        }
        if to.since(from) > Duration::from_secs(MOST_DAYS * 86_400) {
            self.fault("from", format!("{from} is more than {MOST_DAYS} days before `to`, which is {to}"));
            return None;
        }
        let end = to.before(Duration::from_millis(1)).minute() + 1;
        Some(from.minute()..end.max(from.minute()))
    }
}

fn moment(value: &str, to: &mut Option<Timestamp>) -> Result<(), String> {
    *to = Some(Timestamp::parse(value).map_err(|error| error.to_string())?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(from: &str, to: &str) -> Option<Range<i64>> {
        let query = [("from", from), ("to", to)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        Asked::read(&query, "", |_, _| None).minutes(Timestamp::default(), None)
    }

    #[test]
    fn a_time_is_rounded_outward_to_whole_minutes() {
        let table = [
            ("1970-01-01T00:01:00Z", "1970-01-01T00:02:00Z", 1..2, "whole ones stay"),
            ("1970-01-01T00:01:59.999Z", "1970-01-01T00:02:00.001Z", 1..3, "all that it touches"),
            ("1970-01-01T00:01:30Z", "1970-01-01T00:01:30Z", 1..2, "a moment is in a minute"),
            ("1970-01-01T00:01:00Z", "1970-01-01T00:01:00Z", 1..1, "its start is in none before it"),
            ("1969-12-31T23:59:30Z", "1970-01-01T00:00:30Z", -1..1, "before 1970 too"),
        ];
        for (from, to, right, why) in table {
            assert_eq!(minutes(from, to), Some(right), "{why}");
        }
    }
}
