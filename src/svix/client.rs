//! Carries requests to Svix and reads what comes back, within bounds of time and size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_rt::net::TcpStream;
use actix_service::Service;
use actix_tls::connect::{ConnectInfo, Connection, Connector, Resolver};
use awc::error::{ConnectError, PayloadError, SendRequestError};
use awc::http::{Method, Uri, header};
use awc::{ClientRequest, ClientResponse};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use super::classify::{self, Reply};
use super::guard::GuardedConnector;
use super::{Account, Roots, excerpt, request, tls_config};
use crate::domain::{Answer, Notification, Step, Timestamp, TraceParent};
use crate::policy::Networks;

/// What is read at most of an answer to a send, in bytes.
const SHORT_ANSWER: usize = 64 * 1024;

/// What is read at most of a message or a list, in bytes.
const LONG_ANSWER: usize = 8 * 1024 * 1024;

/// How this client names itself.
const USER_AGENT: &str = concat!("svix-hooks/", env!("CARGO_PKG_VERSION"));

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
    /// For accounts whose address the operator has configured.
    open: awc::Client,
    /// For all others.
    guarded: awc::Client,
}

impl Client {
    /// Makes a client that keeps up to `connections` open, and as many to guarded accounts. Must be called inside
    /// a runtime.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(options: &ClientOptions, connections: usize) -> Result<Self, ClientError> {
        let tls = tls_config(&options.roots)?;
        let open = Connector::new(Resolver::default()).service();
        let guarded = GuardedConnector::new(options.networks.clone());
        Ok(Self {
            open: http(open, tls.clone(), options.connect_timeout, connections),
            guarded: http(guarded, tls, options.connect_timeout, connections),
        })
    }

    /// Begins a request by an account, with its token.
    pub(super) fn request(&self, account: &Account, method: Method, url: String) -> ClientRequest {
        let http = if account.is_guarded() {
            &self.guarded
        } else {
            &self.open
        };
        http.request(method, url)
            .insert_header((header::AUTHORIZATION, account.authorization().clone()))
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
        let mut request = self.request(account, outgoing.method, outgoing.url);
        if let Some(key) = outgoing.idempotency_key {
            request = request.insert_header(("idempotency-key", key));
        }
        // Of a retry this is another, and nothing by which Svix knows a repeated key.
        if let Some(trace) = trace {
            request = request.insert_header(("traceparent", trace.to_string()));
        }
        // Svix tells requests apart without it; it is for those who look for one in its logs or those of a proxy.
        if let Some(id) = notification.request() {
            request = request.insert_header(("x-request-id", id));
        }
        let sent = match outgoing.body {
            Some(body) => {
                request
                    .insert_header((header::CONTENT_TYPE, "application/json"))
                    .send_body(body)
                    .await
            }
            None => request.send().await,
        };
        match sent {
            Ok(mut response) => {
                let most = if *step == Step::Send {
                    SHORT_ANSWER
                } else {
                    LONG_ANSWER
                };
                let body = read(&mut response, most).await;
                answered(account, notification, step, &response, &body)
            }
            Err(error) => Exchange {
                answer: classify::failure(&error),
                status: None,
                detail: failure(account, &error),
                duration: Duration::ZERO,
            },
        }
    }
}

fn http<S>(
    connector: S,
    tls: Arc<rustls::ClientConfig>,
    connect_timeout: Duration,
    connections: usize,
) -> awc::Client
where
    S: Service<
            ConnectInfo<Uri>,
            Response = Connection<Uri, TcpStream>,
            Error = actix_tls::connect::ConnectError,
        > + Clone
        + 'static,
{
    let connector = awc::Connector::new()
        .connector(connector)
        .timeout(connect_timeout)
        .handshake_timeout(connect_timeout)
        // It names no protocol, so HTTP/1.1 is spoken. To bound the version here would take TLS away again.
        .rustls_0_23(tls)
        .limit(connections)
        // Shorter than load balancers keep idle connections, so that they are not closed in use.
        .conn_keep_alive(Duration::from_secs(30));
    awc::Client::builder()
        .connector(connector)
        .disable_redirects()
        .disable_timeout()
        .no_default_headers()
        .add_default_header((header::USER_AGENT, USER_AGENT))
        .add_default_header((header::ACCEPT, "application/json"))
        .finish()
}

/// Says what went wrong with a connection, bounded and without the token.
pub(super) fn failure(account: &Account, error: &SendRequestError) -> String {
    let words = match error {
        // Whoever wrote the address may not learn which names there are inside.
        SendRequestError::Connect(ConnectError::Resolver(_) | ConnectError::NoRecords)
            if account.is_guarded() =>
        {
            format!(
                "{} leads to no address that is allowed: a public one, or one in accounts.allowed_networks",
                account.base_url()
            )
        }
        SendRequestError::Connect(ConnectError::Disconnected) => {
            "the connection ended before an answer".to_owned()
        }
        error => error.to_string(),
    };
    excerpt::bounded(&account.redact(&words))
}

fn answered<S>(
    account: &Account,
    notification: &Notification,
    step: &Step,
    response: &ClientResponse<S>,
    body: &[u8],
) -> Exchange {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let status = response.status().as_u16();
    let reply = Reply {
        status,
        retry_after: text(header::RETRY_AFTER),
        date: text(header::DATE),
        received_at: received_at(),
        body,
    };
    let answer = classify::reply(step, notification, &reply);
    let detail = if response.status().is_success() {
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

/// Reads a body up to `most` bytes. What breaks off is judged by what came of it.
pub(super) async fn read<S>(response: &mut ClientResponse<S>, most: usize) -> Bytes
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut body = BytesMut::new();
    while let Some(Ok(chunk)) = response.next().await {
        let room = most - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if body.len() >= most {
            break;
        }
    }
    body.freeze()
}
