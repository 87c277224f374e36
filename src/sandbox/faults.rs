//! What goes wrong on purpose.

use serde::{Deserialize, Serialize};

/// The faults in force; none by default. In JSON the names are in camelCase and a missing one takes its
/// default.
///
/// A request meets them in this order: it is broken or left hanging before anything is taken, or answered
/// with `status`, or refused for its token; else it does its work, then waits for `delay_ms`, and then, if it
/// posted a message, it may be left hanging or be broken although the work is done.
///
/// Shares are from 0 (never) to 1 (always). Which requests they hit follows from the sandbox's seed and from
/// how many requests came since the faults were set, so that a run with the same requests in the same order
/// is the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    /// How long every answer is held back after its work is done, in milliseconds. A client that leaves
    /// meanwhile has had its work done nevertheless.
    pub delay_ms: u64,
    /// The status with which requests are answered, without any effect.
    pub status: Option<u16>,
    /// The share of requests that are answered with `status`; 1 by default.
    pub status_ratio: f64,
    /// The body of those answers as it is, JSON or not; a body of Svix's shape where there is none.
    pub body: Option<String>,
    /// The value of their `Retry-After` header as it is.
    pub retry_after: Option<String>,
    /// Whether requests are never answered and have no effect.
    pub hang_before: bool,
    /// Whether connections are broken without an answer and without any effect.
    pub drop_before: bool,
    /// The share of message posts that do their work and are never answered.
    pub hang_ratio: f64,
    /// The share of message posts that do their work, after which the connection is broken without an answer.
    pub drop_ratio: f64,
    /// The share of message posts that are answered 500 after the message was stored: it is not dispatched until it is
    /// resent, and its key is not remembered, as where Svix's queue is out of reach.
    pub fail_ratio: f64,
    /// The share, among those left hanging or broken after their work, whose message is stored and never
    /// dispatched until it is resent.
    pub lose_dispatch_ratio: f64,
    /// The share of all message posts whose message is stored and never dispatched until it is resent.
    pub lose_any_dispatch_ratio: f64,
    /// The share, among those left hanging or broken after their work, whose idempotency key is not
    /// remembered, so that sending again is answered 409 rather than with the first answer.
    pub forget_key_ratio: f64,
    /// Whether every token is refused (401).
    pub refuse_tokens: bool,
    /// Whether only message posts are touched; other requests are answered as if there were no faults.
    pub only_messages: bool,
    /// How the event ids of the message posts begin that alone are touched, as a firewall stumbles over some and as keys
    /// get stuck; any where there is none.
    pub only_events: Option<String>,
    /// Whether the `Authorization` header's value stands in the body of every error, fault or not.
    pub echo_authorization: bool,
    /// How many requests are touched before all is well again; without bound where there is none.
    /// `echo_authorization` touches none and stays.
    pub fault_limit: Option<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            delay_ms: 0,
            status: None,
            status_ratio: 1.0,
            body: None,
            retry_after: None,
            hang_before: false,
            drop_before: false,
            hang_ratio: 0.0,
            drop_ratio: 0.0,
            fail_ratio: 0.0,
            lose_dispatch_ratio: 0.0,
            lose_any_dispatch_ratio: 0.0,
            forget_key_ratio: 0.0,
            refuse_tokens: false,
            only_messages: false,
            only_events: None,
            echo_authorization: false,
            fault_limit: None,
        }
    }
}

impl Faults {
    /// Makes faults that answer every request with this status.
    pub fn answering(status: u16) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// Returns what is out of bounds, where anything is.
    pub(super) fn complaint(&self) -> Option<&'static str> {
        let shares = [
            self.status_ratio,
            self.hang_ratio,
            self.drop_ratio,
            self.fail_ratio,
            self.lose_dispatch_ratio,
            self.lose_any_dispatch_ratio,
            self.forget_key_ratio,
        ];
        let line = |text: &Option<String>| {
            text.as_ref()
                .is_some_and(|text| text.bytes().any(|byte| byte < b' ' || byte == 127))
        };
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            Some("a ratio is not from 0 to 1")
        } else if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            Some("status is not from 200 to 599")
        } else if line(&self.retry_after) {
            Some("retryAfter is no header value")
        } else {
            None
        }
    }
}
