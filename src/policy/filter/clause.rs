//! What a filter decided about an event, and which of its clauses did.

use std::fmt;
use std::sync::Arc;

use super::failure::FilterFailure;

/// What a filter decided about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the event goes on to Svix.
    pub passes: bool,
    /// What decided it.
    pub clause: Clause,
}

/// The clause of a filter that decided. Its display is short and stable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clause {
    /// Nothing speaks against the event.
    All,
    /// A pattern of `include` matched.
    Include(Arc<str>),
    /// No pattern of `include` matched.
    NotIncluded,
    /// A pattern of `exclude` matched.
    Exclude(Arc<str>),
    /// The expression came to true or false.
    Expression,
    /// The expression could not be evaluated, so the event passes.
    Failed(FilterFailure),
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Include(pattern) => write!(f, "include \"{pattern}\""),
            Self::NotIncluded => f.write_str("not included"),
            Self::Exclude(pattern) => write!(f, "exclude \"{pattern}\""),
            Self::Expression => f.write_str("expression"),
            Self::Failed(failure) => write!(f, "expression failed: {failure}"),
        }
    }
}
