//! Asks the running service over HTTP, and tells its refusals from silence.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, ensure};
use awc::error::{ConnectError, SendRequestError};
use awc::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use awc::http::{Method, StatusCode, Uri};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::table::shown;
use crate::svix::{Roots, tls_config};

/// The largest answer that is read, in bytes.
const LARGEST: usize = 256 * 1024 * 1024;

/// How long a connection may take at most.
const CONNECT: Duration = Duration::from_secs(10);

/// How this client names itself.
const USER_AGENT: &str = concat!("svix-hooks/", env!("CARGO_PKG_VERSION"));

/// The parameters of a query.
pub(super) type Query = Vec<(&'static str, String)>;

/// A client of one service; lives inside its runtime.
pub(super) struct Client {
    http: awc::Client,
    url: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

/// What the service answered where it did what it was asked.
#[derive(Debug)]
pub(super) struct Answer {
    url: String,
    /// The JSON as it came.
    pub(super) text: String,
}

impl Answer {
    /// Reads what a command needs of it.
    pub(super) fn read<'a, T: Deserialize<'a>>(&'a self) -> anyhow::Result<T> {
        self.part_of(&self.text)
    }

    /// Reads what a command needs of a part of it.
    pub(super) fn part<'a, T: Deserialize<'a>>(&self, part: &'a RawValue) -> anyhow::Result<T> {
        self.part_of(part.get())
    }

    fn part_of<'a, T: Deserialize<'a>>(&self, text: &'a str) -> anyhow::Result<T> {
        serde_json::from_str(text).with_context(|| format!("{}: the answer is not as expected", self.url))
    }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The service refuses it.
    #[error(transparent)]
    Refused(Refusal),
    /// Nobody answered, or not as the service does.
    #[error("{url}: {why}")]
    Unanswered {
        /// What was asked.
        url: String,
        /// What came instead.
        why: String,
    },
}

impl Failure {
    /// Tells whether the same may work soon.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status >= 500,
            Self::Unanswered { .. } => true,
        }
    }
}

/// A problem as the service tells it.
#[derive(Debug, thiserror::Error, Deserialize)]
pub(super) struct Refusal {
    /// What it is, of a closed set.
    pub(super) code: String,
    /// The HTTP status.
    pub(super) status: u16,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<Fault>,
    /// How many would be concerned.
    pub(super) total: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Fault {
    #[serde(default)]
    pointer: String,
    #[serde(default)]
    detail: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shown(&self.code), shown(&self.detail))?;
        for Fault { pointer, detail } in &self.errors {
            write!(f, "\n  {}: {}", shown(pointer), shown(detail))?;
        }
        Ok(())
    }
}

impl Client {
    /// Makes a client of the service there, which shows the key if there is one.
    pub(super) fn new(url: &str, key: Option<&SecretString>, timeout: Duration) -> anyhow::Result<Self> {
        let url = checked(url)?;
        let authorization = key.map(|key| {
            let value = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()));
            let mut value = value.ok().context("the key has characters that no key has")?;
            value.set_sensitive(true);
            anyhow::Ok(value)
        });
        let connector = awc::Connector::new()
            .timeout(timeout.min(CONNECT))
            .handshake_timeout(timeout.min(CONNECT))
            // It names no protocol, so HTTP/1.1 is spoken. To bound the version here would take TLS away again.
            .rustls_0_23(tls_config(&Roots::default())?);
        // Where a proxy points elsewhere, the key does not follow.
        let http = awc::Client::builder()
            .connector(connector)
            .disable_redirects()
            .disable_timeout()
            .add_default_header(("user-agent", USER_AGENT))
            .add_default_header(("accept", "application/json"))
            .finish();
        Ok(Self {
            http,
            url,
            authorization: authorization.transpose()?,
            timeout,
        })
    }

    /// Looks at something.
    pub(super) async fn get(&self, path: &str, query: &Query) -> Result<Answer, Failure> {
        self.ask(Method::GET, path, query, None).await
    }

    /// Has something done.
    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        self.ask(Method::POST, path, &Query::new(), body).await
    }

    /// Has something deleted.
    pub(super) async fn delete(&self, path: &str, query: &Query) -> Result<Answer, Failure> {
        self.ask(Method::DELETE, path, query, None).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &Query,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let url = format!("{}{path}", self.url);
        let changes = method != Method::GET;
        let asked = actix_rt::time::timeout(self.timeout, self.exchange(method, &url, query, body)).await;
        let failed = |why: String| {
            let unknown = if changes {
                "; it may have been done all the same"
            } else {
                ""
            };
            Failure::Unanswered {
                url: url.clone(),
                why: format!("{why}{unknown}"),
            }
        };
        let (status, text) = match asked {
            Ok(Ok(answered)) => answered,
            Ok(Err(Exchange::NotSent(why))) => return Err(Failure::Unanswered { url, why }),
            Ok(Err(Exchange::BrokenOff(why))) => return Err(failed(why)),
            Err(_) => {
                let seconds = self.timeout.as_secs();
                return Err(failed(format!("no answer within {seconds} s; --timeout-s allows more")));
            }
        };
        if status.is_success() && serde_json::from_str::<IgnoredAny>(&text).is_ok() {
            return Ok(Answer { url, text });
        }
        match serde_json::from_str(&text) {
            Ok(refusal) if !status.is_success() => Err(Failure::Refused(refusal)),
            _ => Err(Failure::Unanswered {
                why: format!("answered {status}, and not as svix-hooks does"),
                url,
            }),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        url: &str,
        query: &Query,
        body: Option<&Value>,
    ) -> Result<(StatusCode, String), Exchange> {
        let mut request = self.http.request(method, url);
        if !query.is_empty() {
            request = request
                .query(query)
                .map_err(|error| Exchange::NotSent(error.to_string()))?;
        }
        if let Some(authorization) = &self.authorization {
            request = request.insert_header((AUTHORIZATION, authorization.clone()));
        }
        let sent = match body {
            Some(body) => {
                request
                    .insert_header((CONTENT_TYPE, "application/json"))
                    .send_body(body.to_string())
                    .await
            }
            None => request.send().await,
        };
        let mut response = sent.map_err(|error| match error {
            SendRequestError::Connect(ConnectError::Disconnected) => {
                Exchange::BrokenOff("the connection ended before an answer".to_owned())
            }
            SendRequestError::Connect(error) => Exchange::NotSent(error.to_string()),
            error => Exchange::BrokenOff(error.to_string()),
        })?;
        let body = response.body().limit(LARGEST).await;
        let body = body.map_err(|error| Exchange::BrokenOff(format!("the answer broke off: {error}")))?;
        Ok((response.status(), String::from_utf8_lossy(&body).into_owned()))
    }
}

/// Why an exchange came to nothing.
enum Exchange {
    NotSent(String),
    BrokenOff(String),
}

/// Makes sure that a URL can be one of the service. What is refused is not repeated: it may hold a password.
fn checked(url: &str) -> anyhow::Result<String> {
    const RIGHT: &str = "the URL of the service must be one such as https://hooks.example.com";
    let uri: Uri = url.parse().ok().context(RIGHT)?;
    ensure!(matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none(), RIGHT);
    let authority = uri.authority().context(RIGHT)?;
    ensure!(!authority.as_str().contains('@'), "{RIGHT}, without a user or a password");
    let base = format!("{}://{authority}{}", uri.scheme_str().unwrap_or("http"), uri.path());
    Ok(base.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_service_is_asked_and_a_password_is_not_repeated() {
        let table = [
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080"), "a plain one"),
            ("https://ops.example.com/hooks/", Some("https://ops.example.com/hooks"), "below a path"),
            ("http://u:s3cret@host", None, "a password"),
            ("ftp://s3cret", None, "another scheme"),
            ("127.0.0.1:8080", None, "no scheme"),
            ("http://host/?key=s3cret", None, "a query"),
            ("s3cret s3cret", None, "no URL"),
            ("", None, "nothing"),
        ];
        for (url, right, why) in table {
            match checked(url) {
                Ok(base) => assert_eq!(Some(base.as_str()), right, "{why}"),
                Err(error) => {
                    assert_eq!(None, right, "{why}: {error:#}");
                    assert!(!format!("{error:#}").contains("s3cret"), "{why}: {error:#}");
                }
            }
        }
    }

    #[actix_web::test]
    async fn a_service_is_spoken_to_encrypted_where_its_url_says_so() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let heard = std::thread::spawn(move || {
            let mut first = [0];
            std::io::Read::read_exact(&mut listener.accept().unwrap().0, &mut first).unwrap();
            first
        });
        let client = Client::new(&url, None, Duration::from_secs(5)).unwrap();
        let Err(Failure::Unanswered { why, .. }) = client.get("/stats", &Query::new()).await else {
            panic!("nobody answers")
        };
        assert!(!why.contains("not supported"), "{why}");
        assert_eq!(heard.join().unwrap(), [22], "a handshake");
    }
}
