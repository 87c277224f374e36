//! A customer's filter: which of its events go on to Svix.
//!
//! Lists of event types are asked first, then an expression in [CEL](https://cel.dev). Whoever writes a
//! filter is not trusted: its text is looked over before it is parsed ([`scan`]), parsed where it can do no
//! harm ([`expression`]), kept to a small language ([`check`]) and evaluated for a price ([`meter`],
//! [`purse`]). An expression that cannot be evaluated lets the event pass: a mistake in a filter must not
//! lose events.

mod check;
mod clause;
mod error;
mod expression;
mod failure;
mod meter;
mod pattern;
mod purse;
mod reads;
mod scan;
mod settings;
mod value;

pub use clause::{Clause, Verdict};
pub use error::{FilterError, Position};
pub use failure::FilterFailure;
pub use settings::FilterSettings;

use expression::Expression;
use pattern::Pattern;

/// A filter that can be asked; made once and shared.
#[derive(Debug)]
pub struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    expression: Option<Expression>,
}

/// What a filter may know of an event.
#[derive(Clone, Copy, Debug)]
pub struct FilterInput<'a> {
    /// Its type.
    pub event_type: &'a str,
    /// The customer that it belongs to.
    pub customer: &'a str,
    /// The event as it was posted: a JSON object.
    pub event: &'a [u8],
    /// Its `data` or `payload`: a JSON object.
    pub data: &'a [u8],
}

impl Filter {
    /// Compiles a filter.
    ///
    /// # Errors
    ///
    /// Fails with everything that is wrong with it, of a list's patterns and of the expression alike.
    pub fn compile(settings: &FilterSettings) -> Result<Self, Vec<FilterError>> {
        let mut errors = Vec::new();
        let include = patterns("/include", &settings.include, &mut errors);
        let exclude = patterns("/exclude", &settings.exclude, &mut errors);
        let expression = match settings
            .expression
            .as_deref()
            .map(Expression::compile)
            .transpose()
        {
            Ok(expression) => expression,
            Err(mistakes) => {
                errors.extend(mistakes.into_iter().map(|(position, message)| FilterError {
                    pointer: "/expression".to_owned(),
                    message,
                    position: Some(position),
                }));
                None
            }
        };
        if errors.is_empty() {
            Ok(Self {
                include,
                exclude,
                expression,
            })
        } else {
            Err(errors)
        }
    }

    /// Decides about an event. The types are asked first: what they hold back is not parsed.
    pub fn decide(&self, input: &FilterInput<'_>) -> Verdict {
        let find = |patterns: &[Pattern]| {
            let found = patterns
                .iter()
                .find(|pattern| pattern.matches(input.event_type))?;
            Some(found.text().clone())
        };
        if let Some(pattern) = find(&self.exclude) {
            return Verdict {
                passes: false,
                clause: Clause::Exclude(pattern),
            };
        }
        let included = find(&self.include);
        if included.is_none() && !self.include.is_empty() {
            return Verdict {
                passes: false,
                clause: Clause::NotIncluded,
            };
        }
        match self
            .expression
            .as_ref()
            .map(|expression| expression.evaluate(input))
        {
            Some(Ok(passes)) => Verdict {
                passes,
                clause: Clause::Expression,
            },
            Some(Err(failure)) => Verdict {
                passes: true,
                clause: Clause::Failed(failure),
            },
            None => Verdict {
                passes: true,
                clause: included.map_or(Clause::All, Clause::Include),
            },
        }
    }
}

/// Checks the patterns of a list; what is wrong is added to `errors`.
fn patterns(pointer: &str, texts: &[String], errors: &mut Vec<FilterError>) -> Vec<Pattern> {
    let mut refuse = |pointer: String, message: String| {
        errors.push(FilterError {
            pointer,
            message,
            position: None,
        });
    };
    if texts.len() > FilterSettings::PATTERNS_MAX {
        let message =
            format!("there are {} patterns, more than {}", texts.len(), FilterSettings::PATTERNS_MAX);
        refuse(pointer.to_owned(), message);
        return Vec::new();
    }
    let mut patterns = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match Pattern::parse(text) {
            Ok(pattern) => patterns.push(pattern),
            Err(message) => refuse(format!("{pointer}/{index}"), message),
        }
    }
    patterns
}

#[cfg(test)]
mod tests;
