//! What queries may be narrowed by, read the same way everywhere.

use std::str::FromStr;

use super::problem::{Detail, Problem, shown};
use crate::domain::{AnswerKind, Customer, Reason, SVIX_ID_MAX, Timestamp};
use crate::store::Narrowing;

/// Faults that one answer names.
const LISTED: usize = 8;

/// The longest text to search for, in characters.
const WORDS_MAX: usize = 200;

/// The names of what narrows.
const NARROWING: &str = "customer, type, reason, status, outcome, q, from, to";

/// What is wrong with a query, as far as one answer tells.
#[derive(Default)]
pub(super) struct Faults(Vec<Detail>);

impl Faults {
    /// Has each pair of a query read, and notes what cannot be.
    pub(super) fn of(
        query: &[(String, String)],
        mut read: impl FnMut(&str, &str) -> Result<(), String>,
    ) -> Self {
        let mut faults = Self::default();
        for (name, value) in query {
            if let Err(detail) = read(name, value) {
                faults.add(name, format!("{} {detail}", shown(value)));
            }
        }
        faults
    }

    pub(super) fn add(&mut self, name: &str, detail: String) {
        if self.0.len() < LISTED {
            self.0.push(Detail::of_parameter(name, detail));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails with what is wrong, if anything is.
    pub(super) fn refuse(self) -> Result<(), Problem> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(Problem::parameters(self.0))
        }
    }
}

/// Reads the pairs of a query. What `own` does not know, narrows; what neither knows, is a fault.
pub(super) fn read(
    query: &[(String, String)],
    own_names: &str,
    mut own: impl FnMut(&str, &str) -> Option<Result<(), String>>,
) -> Result<Narrowing, Problem> {
    let mut narrowing = Narrowing::default();
    let mut faults = Faults::of(query, |name, value| {
        own(name, value).unwrap_or_else(|| narrow(&mut narrowing, name, value, own_names))
    });
    if let Err(detail) = check_order(&narrowing) {
        faults.add("from", detail);
    }
    faults.refuse()?;
    Ok(narrowing)
}

/// Sets one thing that narrows.
pub(super) fn narrow(to: &mut Narrowing, name: &str, value: &str, others: &str) -> Result<(), String> {
    match name {
        "customer" => to.customer = Some(Customer::parse(value).map_err(says)?),
        "type" if !value.is_empty() && value.len() <= SVIX_ID_MAX => to.event_type = Some(value.to_owned()),
        "type" => return Err(format!("is no event type, which has 1 to {SVIX_ID_MAX} characters")),
        "reason" => to.reason = Some(value.parse::<Reason>().map_err(says)?.as_str().to_owned()),
        "outcome" => to.outcome = Some(value.parse::<AnswerKind>().map_err(says)?.as_str().to_owned()),
        "status" => match value.parse() {
            Ok(status) if status == 0 || (100..=599).contains(&status) => to.status = Some(status),
            _ => return Err("is no HTTP status from 100 to 599, or 0 for none".to_owned()),
        },
        "q" if value.chars().count() <= WORDS_MAX && value.chars().any(char::is_alphanumeric) => {
            to.words = Some(value.to_owned());
        }
        "q" => return Err(format!("has no words to search for, or more than {WORDS_MAX} characters")),
        "from" => to.from = Some(Timestamp::parse(value).map_err(says)?),
        "to" => to.to = Some(Timestamp::parse(value).map_err(says)?),
        _ => {
            let others = if others.is_empty() {
                String::new()
            } else {
                format!(", {others}")
            };
            return Err(format!("is not known here; known are {NARROWING}{others}"));
        }
    }
    Ok(())
}

/// Makes sure that a span of time is one.
pub(super) fn check_order(narrowing: &Narrowing) -> Result<(), String> {
    match (narrowing.from, narrowing.to) {
        (Some(from), Some(to)) if from >= to => Err(format!("{from} is not before {to}, which is `to`")),
        _ => Ok(()),
    }
}

/// Reads a value into its place.
pub(super) fn parse<T: FromStr<Err: std::error::Error>>(
    value: &str,
    to: &mut Option<T>,
) -> Result<(), String> {
    *to = Some(value.parse().map_err(says)?);
    Ok(())
}

/// Reads a whole number of a range.
pub(super) fn number(value: &str, least: u32, most: u32) -> Result<u32, String> {
    value
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("is no number from {least} to {most}"))
}

fn says(error: impl std::error::Error) -> String {
    error.to_string()
}
