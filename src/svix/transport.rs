//! Carries one request: over an idle connection where that is safe, else over a fresh one.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap};
use hyper::{Request, Response, StatusCode, Version};

use super::Account;
use super::body::{self, Bound, Text};
use super::connect::Connector;
use super::connection::Connection;
use super::failure::Failure;
use super::origin::Origin;
use super::pool::Pool;

/// Carries requests; lives on one thread.
pub(super) struct Transport {
    connector: Connector,
    /// For accounts whose address the operator has configured.
    open: RefCell<Pool<Connection>>,
    /// For all others.
    guarded: RefCell<Pool<Connection>>,
}

/// How a request is carried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Whether it must not be repeated, so that it goes over a connection that no server is about to close.
    pub(super) once: bool,
    /// What is read at most of a success. Of everything else a long body is cut.
    pub(super) most: usize,
}

/// A whole answer, with the connection that it came over.
pub(super) struct Received<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Text<'a>,
    connection: Connection,
    keeps: bool,
}

/// Why there is none.
pub(super) struct Failed {
    pub(super) failure: Failure,
    /// The HTTP status, where the answer's head came.
    pub(super) status: Option<u16>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            status: None,
        }
    }
}

impl Transport {
    /// Makes one that keeps up to `connections` idle, and as many to guarded accounts.
    pub(super) fn new(connector: Connector, connections: usize) -> Self {
        Self {
            connector,
            open: RefCell::new(Pool::new(connections)),
            guarded: RefCell::new(Pool::new(connections)),
        }
    }

    /// Sends a request and reads the answer. Where an idle connection turns out to have ended before anything went out, it is
    /// sent over a fresh one.
    pub(super) async fn carry<'a>(
        &self,
        account: &'a Account,
        manner: Manner,
        request: impl Fn(&Origin) -> Option<Request<Full<Bytes>>>,
    ) -> Result<Received<'a>, Failed> {
        let origin = account.origin().ok_or(Failure::Address)?;
        let request = || request(origin).ok_or(Failure::Request);
        let idle = if manner.once {
            None
        } else {
            self.idle(account, origin)
        };
        let Some(mut connection) = idle else {
            return self.fresh(account, origin, manner, request()?).await;
        };
        let (status, failure) = match connection.request(request()?).await {
            Ok(response) if response.status() == StatusCode::REQUEST_TIMEOUT => {
                (Some(response.status().as_u16()), Failure::Idle)
            }
            Ok(response) => return receive(account, manner, connection, response).await,
            Err(Failure::Unsent) => (None, Failure::Unsent),
            Err(_) if connection.is_silent() => (None, Failure::Idle),
            Err(failure) => (None, failure),
        };
        drop(connection);
        // Others to the same server have most likely ended with it.
        self.pool(account).borrow_mut().forget(origin);
        match failure {
            Failure::Unsent => self.fresh(account, origin, manner, request()?).await,
            failure => Err(Failed { failure, status }),
        }
    }

    /// Keeps the connection of an answer for the next request, if nothing speaks against it.
    pub(super) fn keep(&self, account: &Account, received: Received<'_>) {
        let Some(origin) = account.origin() else { return };
        let connection = received.connection;
        if let Some(connection) = received.keeps.then(|| connection.rest()).flatten() {
            let mut pool = self.pool(account).borrow_mut();
            pool.put(origin.clone(), connection, Instant::now());
        }
    }

    async fn fresh<'a>(
        &self,
        account: &'a Account,
        origin: &Origin,
        manner: Manner,
        request: Request<Full<Bytes>>,
    ) -> Result<Received<'a>, Failed> {
        let mut connection = self.connector.connect(origin, account.is_guarded()).await?;
        let response = connection.request(request).await?;
        receive(account, manner, connection, response).await
    }

    /// Finds an idle connection to which nothing has happened.
    fn idle(&self, account: &Account, origin: &Arc<Origin>) -> Option<Connection> {
        let mut pool = self.pool(account).borrow_mut();
        let now = Instant::now();
        std::iter::from_fn(|| pool.take(origin, now)).find(Connection::is_quiet)
    }

    fn pool(&self, account: &Account) -> &RefCell<Pool<Connection>> {
        if account.is_guarded() {
            &self.guarded
        } else {
            &self.open
        }
    }
}

/// Reads the rest of an answer. It counts only as a whole.
async fn receive(
    account: &Account,
    manner: Manner,
    mut connection: Connection,
    response: Response<Incoming>,
) -> Result<Received<'_>, Failed> {
    let (head, body) = response.into_parts();
    let failed = |failure| Failed {
        failure,
        status: Some(head.status.as_u16()),
    };
    check(head.status, &head.headers).map_err(failed)?;
    let bound = if head.status.is_success() {
        Bound::Whole(manner.most)
    } else {
        Bound::Cut
    };
    let body = body::read(&mut connection, body, bound, account.share())
        .await
        .map_err(failed)?;
    if body.is_cut && is_verdict(head.status) {
        return Err(failed(Failure::TooLong(body.bytes.len())));
    }
    Ok(Received {
        status: head.status,
        keeps: head.version == Version::HTTP_11,
        headers: head.headers,
        body,
        connection,
    })
}

/// Tells whether an answer may end a notification, so that it counts only as a whole.
fn is_verdict(status: StatusCode) -> bool {
    let of_the_account = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::TOO_MANY_REQUESTS,
    ]
    .contains(&status);
    status.is_client_error() && !of_the_account
}

/// Refuses answers of which it is not certain what they say.
fn check(status: StatusCode, headers: &HeaderMap) -> Result<(), Failure> {
    let is_all = |name, word: &str| {
        let mut values = headers.get_all(name).iter();
        values.all(|value| value.as_bytes().eq_ignore_ascii_case(word.as_bytes()))
    };
    let in_chunks = headers.contains_key(header::TRANSFER_ENCODING);
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Failure::Upgrade);
    }
    if in_chunks
        && (headers.contains_key(header::CONTENT_LENGTH) || !is_all(header::TRANSFER_ENCODING, "chunked"))
    {
        return Err(Failure::Framing);
    }
    if status.is_success() && !is_all(header::CONTENT_ENCODING, "identity") {
        return Err(Failure::Compressed);
    }
    Ok(())
}
