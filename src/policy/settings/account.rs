//! What can be set for an account at Svix, but for its token.

use serde::Serialize;
use serde_json::{Map, Value};

use super::members::{Fault, Faults, Members};
use super::rate::{BURST, PER_SECOND};
use crate::policy::{Networks, ServerUrl};

/// The longest name of an account, in bytes.
const NAME_MAX: usize = 64;

/// The longest base URL, in bytes.
const URL_MAX: usize = 512;

/// An account at Svix; what is not set is as for the operator's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SvixAccount {
    /// The base URL of the API, else that of the token's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_url: Option<String>,
    /// Requests per second, over any window and all replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
    /// Requests that may go out at once after a pause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// How long one request may take, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_timeout_ms: Option<u64>,
    /// The end of the token, by which people tell it from others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl SvixAccount {
    /// Reads a document whose token is no more than its end.
    ///
    /// # Errors
    /// Everything that is wrong with it, up to a bound.
    pub fn read(document: &Map<String, Value>) -> Result<Self, Vec<Fault>> {
        Self::read_with(document, |_| Ok(()))
    }

    /// Reads a document and makes sure that requests may go where it says.
    ///
    /// # Errors
    /// Everything that is wrong with it, up to a bound.
    pub fn check(document: &Map<String, Value>, networks: &Networks) -> Result<Self, Vec<Fault>> {
        Self::read_with(document, |url| server_url(url, networks))
    }

    fn read_with(
        document: &Map<String, Value>,
        check_url: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let mut members = Members::new(document.clone(), &mut faults);
        let account = Self {
            server_url: members.text("serverUrl", check_url),
            requests_per_second: members.number("requestsPerSecond", PER_SECOND),
            burst: members
                .whole("burst", BURST)
                .and_then(|burst| u32::try_from(burst).ok()),
            request_timeout_ms: members.whole("requestTimeoutMs", 1..=600_000),
            token: members.text("token", |_| Ok(())),
        };
        members.finish();
        faults.or(account)
    }
}

/// Says why a text cannot name an account.
///
/// # Errors
/// When it cannot.
pub fn check_account_name(text: &str) -> Result<(), String> {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let fits = (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(known);
    let right = || format!("names no account: 1 to {NAME_MAX} of a-z, 0-9, - and _");
    fits.then_some(()).ok_or_else(right)
}

/// Says why requests must not go to a URL. Where a name leads is looked at again at each connection.
fn server_url(text: &str, networks: &Networks) -> Result<(), String> {
    if text.len() > URL_MAX {
        return Err(format!("is longer than {URL_MAX} bytes"));
    }
    let url = ServerUrl::parse(text).map_err(|right| format!("is not {right}"))?;
    let allowed = url.address().map(|address| networks.allow(address));
    match (url.is_encrypted(), allowed) {
        (_, Some(false)) => {
            Err("is not in a public network, nor in one of accounts.allowed_networks".to_owned())
        }
        (false, None) => Err("does not start with https://".to_owned()),
        // Plain text stays within what the operator allows.
        (false, Some(true))
            if url
                .address()
                .is_some_and(|address| Networks::default().allow(address)) =>
        {
            Err("does not start with https://".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: Value, networks: &Networks) -> Result<SvixAccount, Vec<Fault>> {
        SvixAccount::check(document.as_object().unwrap(), networks)
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        let document = json!({"serverUrl": "https://api.eu.svix.com", "requestsPerSecond": 2.5, "burst": 5,
            "requestTimeoutMs": 100, "token": "…abcd"});
        let account = read(document.clone(), &Networks::default()).unwrap();
        assert_eq!(serde_json::to_value(account).unwrap(), document);
        let faults = read(json!({"requestsPerSecond": 0, "burst": 1, "tokens": 1}), &Networks::default());
        assert_eq!(faults.unwrap_err().len(), 3);
    }

    #[test]
    fn requests_go_out_encrypted_to_the_public_internet() {
        let none = Networks::default();
        let lab = Networks::new(vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()]);
        let table = [
            ("https://api.svix.com", true, true, "as Svix has it"),
            ("https://1.1.1.1:8443/svix", true, true, "a public address"),
            ("http://api.svix.com", false, false, "in clear"),
            ("http://1.1.1.1", false, false, "in clear, to the internet"),
            ("https://127.0.0.1", false, true, "this machine"),
            ("http://127.0.0.1:8071", false, true, "in clear, where the operator allows it"),
            ("https://[::1]", false, false, "this machine, which is not allowed under this address"),
            ("https://[::ffff:10.0.0.1]", false, true, "a private address in other clothes"),
            ("https://169.254.169.254", false, false, "where clouds tell their secrets"),
            ("https://user@api.svix.com", false, false, "a second credential"),
            ("ftp://api.svix.com", false, false, "another protocol"),
        ];
        for (url, by_default, in_lab, why) in table {
            let fits = |networks| read(json!({ "serverUrl": url }), networks).is_ok();
            assert_eq!((fits(&none), fits(&lab)), (by_default, in_lab), "{url}: {why}");
        }
        let long = format!("https://x.test/{}", "x".repeat(600));
        assert!(read(json!({ "serverUrl": long }), &none).is_err());
    }

    #[test]
    fn names_of_accounts_are_plain() {
        for (name, fits) in [
            ("acme-eu_1", true),
            ("", false),
            ("Acme", false),
            ("a/b", false),
            ("ä", false),
        ] {
            assert_eq!(check_account_name(name).is_ok(), fits, "{name}");
        }
    }
}
