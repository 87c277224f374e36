//! The operator's own Svix account: its credential, its limits, and what is done when it fails.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::text::{redacted, secret, text};
use crate::policy::base_url;

/// The operator's own Svix account.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Svix {
    /// The API token, never shown. Default unset.
    #[serde(deserialize_with = "secret", serialize_with = "redacted")]
    pub token: Option<SecretString>,
    /// The base URL of the API, else that of the token's region. Default unset.
    #[serde(deserialize_with = "text")]
    pub server_url: Option<String>,
    /// A file of authorities that the certificate of Svix may come from beside the usual ones. Default unset.
    #[serde(deserialize_with = "text")]
    pub ca_file: Option<String>,
    /// The application that receives events without one of their own. Default unset.
    #[serde(deserialize_with = "text")]
    pub app_id: Option<String>,
    /// What Svix is sent as the payload. Default [`PayloadForm::Event`].
    pub payload: PayloadForm,
    /// Requests per second, over any window. Default 5.
    pub requests_per_second: f64,
    /// Requests that may go out at once after a pause, at least 2. Default 10.
    pub burst: u32,
    /// How long to wait for a connection, in milliseconds. Default 5000.
    pub connect_timeout_ms: u64,
    /// How long to wait for an answer, in milliseconds. Default 15000.
    pub request_timeout_ms: u64,
    /// Whether a message that was sent ambiguously must be seen dispatched. Default true.
    pub verify_ambiguous: bool,
    /// How long Svix gets to show an attempt before it is asked to resend, in milliseconds. Default 60000.
    ///
    /// Longer than the 30 s that Svix gives an endpoint, for it records an attempt when that ends, and than the 45 s
    /// after which it takes up again what a worker of its own left behind.
    pub settle_ms: u64,
    /// How often Svix is asked to resend one message. Default 8.
    pub max_resends: u32,
    /// The wait between the first resend and the second, in milliseconds; later ones grow as Svix's own schedule does.
    /// Default 5000.
    pub resend_backoff_ms: u64,
    /// How long after a send that may have reached Svix it is asked what it holds before it is sent to again, in
    /// seconds. Default six hours: Svix knows keys for twelve.
    pub confirm_after_s: u64,
    /// Whether the token may go to another machine in clear. Default false.
    pub allow_plain_http: bool,
    /// Failures in a row that open the circuit. Default 20.
    pub circuit_threshold: u32,
    /// The wait before the first probe of an open circuit, in milliseconds. Default 1000.
    pub probe_interval_ms: u64,
    /// The longest wait between probes, in milliseconds. Default 30000.
    pub max_probe_interval_ms: u64,
    /// The longest `Retry-After` that is honoured, in milliseconds. Default one hour.
    pub max_retry_after_ms: u64,
}

/// What Svix is sent as the payload of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadForm {
    /// The event, byte for byte as posted.
    Event,
    /// Its data member only.
    Data,
}

impl Svix {
    /// Returns the base URL of the API, without a slash at its end.
    ///
    /// It is the explicit one, else that of the token's region; nothing with neither URL nor token.
    pub fn base_url(&self) -> Option<String> {
        let explicit = self.server_url.as_deref();
        let token = self.plain_token();
        (explicit.is_some() || token.is_some()).then(|| base_url(explicit, token.unwrap_or_default()))
    }

    /// Lends the token as it is, for comparisons and checks.
    pub(super) fn plain_token(&self) -> Option<&str> {
        self.token.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl PartialEq for Svix {
    fn eq(&self, other: &Self) -> bool {
        // Taken apart in full, so that a new field cannot be forgotten.
        let Self {
            token: _,
            server_url,
            ca_file,
            app_id,
            payload,
            requests_per_second,
            burst,
            connect_timeout_ms,
            request_timeout_ms,
            verify_ambiguous,
            settle_ms,
            max_resends,
            resend_backoff_ms,
            confirm_after_s,
            allow_plain_http,
            circuit_threshold,
            probe_interval_ms,
            max_probe_interval_ms,
            max_retry_after_ms,
        } = self;
        self.plain_token() == other.plain_token()
            && *server_url == other.server_url
            && *ca_file == other.ca_file
            && *app_id == other.app_id
            && *payload == other.payload
            && *requests_per_second == other.requests_per_second
            && *burst == other.burst
            && *connect_timeout_ms == other.connect_timeout_ms
            && *request_timeout_ms == other.request_timeout_ms
            && *verify_ambiguous == other.verify_ambiguous
            && *settle_ms == other.settle_ms
            && *max_resends == other.max_resends
            && *resend_backoff_ms == other.resend_backoff_ms
            && *confirm_after_s == other.confirm_after_s
            && *allow_plain_http == other.allow_plain_http
            && *circuit_threshold == other.circuit_threshold
            && *probe_interval_ms == other.probe_interval_ms
            && *max_probe_interval_ms == other.max_probe_interval_ms
            && *max_retry_after_ms == other.max_retry_after_ms
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn the_base_url_is_the_explicit_one_or_that_of_the_region() {
        let table = [
            (None, None, None, "nothing says where Svix is"),
            (Some("sk_abc.eu"), None, Some("https://api.eu.svix.com"), "a region"),
            (
                Some("sk_a.b.in"),
                None,
                Some("https://api.in.svix.com"),
                "only what follows the last dot counts",
            ),
            (Some("sk_abc"), None, Some("https://api.svix.com"), "no region"),
            (Some("sk_abc.mars"), None, Some("https://api.svix.com"), "no region of Svix"),
            (Some("eu"), None, Some("https://api.svix.com"), "a region follows a dot"),
            (
                Some("sk_abc.eu"),
                Some("http://localhost:8071/"),
                Some("http://localhost:8071"),
                "the explicit one wins",
            ),
            (None, Some("https://x.test/svix//"), Some("https://x.test/svix"), "a path prefix is kept"),
        ];
        for (token, server_url, url, why) in table {
            let svix = Svix {
                token: token.map(SecretString::from),
                server_url: server_url.map(str::to_owned),
                ..Config::default().svix
            };
            assert_eq!(svix.base_url().as_deref(), url, "{why}");
        }
    }

    #[test]
    fn another_token_is_another_account() {
        let with = |token: &str| Svix {
            token: Some(token.into()),
            ..Config::default().svix
        };
        assert_eq!(with("a"), with("a"));
        assert_ne!(with("a"), with("b"));
        assert_ne!(with("a"), Config::default().svix);
    }
}
