//! Carries requests to Svix and reads what comes back, within bounds of time and size.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Uri};

use super::body::SHORT;
use super::classify::{self, Reply};
use super::connect::Connector;
use super::origin::Origin;
use super::request::Outgoing;
use super::transport::{Failed, Manner, Received, Transport};
use super::{Account, Roots, excerpt, request, tls_config};
use crate::domain::{Answer, Notification, Step, Timestamp, TraceParent};
use crate::policy::Networks;

/// What is read at most of a list, in bytes.
const LIST: usize = 1024 * 1024;

/// How this client names itself.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("svix-hooks/", env!("CARGO_PKG_VERSION")));

/// The form of what goes out and comes back.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How a client connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// How long it waits for a connection, and again for its TLS handshake.
    pub connect_timeout: Duration,
    /// Where guarded accounts may lead.
    pub networks: Networks,
    /// Whom their certificates may come from beside the usual ones.
    pub roots: Roots,
}

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
}

/// One request to Svix and what came of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What it came to.
    pub answer: Answer,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// What Svix or the network said, at most 1 KiB.
    pub detail: String,
    /// How long it took.
    pub duration: Duration,
}

/// An HTTP client with connections of its own; lives on one thread, inside its runtime.
pub struct Client {
    transport: Transport,
}

impl Client {
    /// Makes a client that keeps up to `connections` idle, and as many to guarded accounts.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(options: &ClientOptions, connections: usize) -> Result<Self, ClientError> {
        let connector = Connector {
            tls: tls_config(&options.roots)?,
            networks: options.networks.clone(),
            patience: options.connect_timeout,
        };
        Ok(Self {
            transport: Transport::new(connector, connections),
        })
    }

    /// Asks for something once, over a connection that is not kept.
    pub(super) async fn ask<'a>(&self, account: &'a Account, path: &str) -> Result<Received<'a>, Failed> {
        let manner = Manner {
            once: true,
            most: SHORT,
        };
        let request = |origin: &Origin| {
            let uri = Uri::try_from(format!("{}{path}", origin.prefix)).ok()?;
            let mut request = Request::new(Full::default());
            *request.uri_mut() = uri;
            *request.headers_mut() = headers(account, origin);
            Some(request)
        };
        self.transport.carry(account, manner, request).await
    }

    /// Carries out one step for a notification, within so much time from the connection to the answer. Svix is told
    /// the place in a trace that the request has, where it has one.
    pub async fn perform(
        &self,
        account: &Account,
        notification: &Notification,
        step: &Step,
        timeout: Duration,
        trace: Option<TraceParent>,
    ) -> Exchange {
        let started = Instant::now();
        let exchange = self.exchange(account, notification, step, trace);
        let mut exchange = match actix_rt::time::timeout(timeout, exchange).await {
            Ok(exchange) => exchange,
            Err(_) => Exchange {
                answer: Answer::Ambiguous,
                status: None,
                detail: format!("no answer within {} ms", timeout.as_millis()),
                duration: Duration::ZERO,
            },
        };
        exchange.duration = started.elapsed();
        exchange
    }

    async fn exchange(
        &self,
        account: &Account,
        notification: &Notification,
        step: &Step,
        trace: Option<TraceParent>,
    ) -> Exchange {
        let outgoing = request::build(account, notification, step);
        let manner = Manner {
            // A repeat is not harmless: each makes Svix send the message once more.
            once: matches!(step, Step::Resend { .. }),
            most: most(notification, step),
        };
        let request = |origin: &Origin| http(account, origin, &outgoing, notification, trace);
        match self.transport.carry(account, manner, request).await {
            Ok(received) => {
                let exchange = answered(account, notification, step, &received);
                // What comes late over a kept connection then names another event than that of the next request.
                if matches!(exchange.answer, Answer::Accepted { .. } | Answer::Message { .. }) {
                    self.transport.keep(account, received);
                }
                exchange
            }
            Err(Failed { failure, status }) => Exchange {
                answer: failure.answer(),
                status,
                detail: failure.words(account),
                duration: Duration::ZERO,
            },
        }
    }
}

/// Returns how long a success may be.
fn most(notification: &Notification, step: &Step) -> usize {
    match step {
        Step::Send | Step::Resend { .. } => SHORT,
        // Written otherwise, it may take more than when it was sent.
        Step::FetchMessage => SHORT + 2 * notification.payload().len(),
        Step::FetchAttempts(_) | Step::ListEndpoints { .. } => LIST,
    }
}

/// Writes a request; `None` where it has what no request may have.
fn http(
    account: &Account,
    origin: &Origin,
    outgoing: &Outgoing,
    notification: &Notification,
    trace: Option<TraceParent>,
) -> Option<Request<Full<Bytes>>> {
    let mut headers = headers(account, origin);
    if let Some(key) = &outgoing.idempotency_key {
        headers.insert(HeaderName::from_static("idempotency-key"), HeaderValue::from_str(key).ok()?);
    }
    // Of a retry this is another, and nothing by which Svix knows a repeated key.
    if let Some(trace) = trace {
        let trace = HeaderValue::try_from(trace.to_string()).ok()?;
        headers.insert(HeaderName::from_static("traceparent"), trace);
    }
    // Svix tells requests apart without it; it is for those who look for one in its logs or those of a proxy.
    if let Some(id) = notification.request() {
        headers.insert(HeaderName::from_static("x-request-id"), HeaderValue::from_str(id).ok()?);
    }
    if outgoing.body.is_some() {
        headers.insert(header::CONTENT_TYPE, JSON);
    }
    let mut request = Request::new(Full::new(outgoing.body.clone().unwrap_or_default()));
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = Uri::try_from(outgoing.path.as_str()).ok()?;
    *request.headers_mut() = headers;
    Some(request)
}

/// Returns the headers that all requests by an account have.
fn headers(account: &Account, origin: &Origin) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::HOST, origin.header.clone());
    headers.insert(header::AUTHORIZATION, account.authorization().clone());
    headers.insert(header::USER_AGENT, USER_AGENT);
    headers.insert(header::ACCEPT, JSON);
    headers
}

fn answered(
    account: &Account,
    notification: &Notification,
    step: &Step,
    received: &Received<'_>,
) -> Exchange {
    let text = |name| {
        received
            .headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let (status, body) = (received.status.as_u16(), &received.body.bytes);
    let reply = Reply {
        status,
        retry_after: text(header::RETRY_AFTER),
        date: text(header::DATE),
        received_at: received_at(),
        body,
    };
    let answer = classify::reply(step, notification, &reply);
    let detail = if received.status.is_success() {
        String::new()
    } else {
        excerpt::excerpt(body, account)
    };
    Exchange {
        answer,
        status: Some(status),
        detail,
        duration: Duration::ZERO,
    }
}

/// Returns the machine's time.
fn received_at() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::default().after(since_epoch.unwrap_or_default())
}
