//! A filter as it is written. It is read with the rest of what is set for a customer.

use serde::Serialize;

/// Which events of a customer go on to Svix. Without any of its parts it lets everything through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterSettings {
    /// Patterns of the event types that are let through; none means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Patterns of the event types that are held back; they win over `include`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// A CEL expression that is true for the events that are let through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}

impl FilterSettings {
    /// Most patterns of a list.
    pub const PATTERNS_MAX: usize = 100;
    /// Longest pattern, in bytes.
    pub const PATTERN_BYTES_MAX: usize = 256;
    /// Longest expression, in bytes.
    pub const EXPRESSION_BYTES_MAX: usize = 2048;

    /// Tells whether it lets everything through.
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty() && self.expression.is_none()
    }
}
