//! The way to the collector: one HTTP request at a time, within bounds of time and size.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response, ResponseBodyTooLarge};
use ureq::Agent;

/// How long one request may take, from the connection to the end of the answer.
const REQUEST: Duration = Duration::from_secs(5);

/// What is read at most of an answer, in bytes.
const ANSWER: u64 = 64 * 1024;

/// What is kept of a fault's words, in characters.
const WORDS: usize = 256;

/// A client of the collector; blocks the thread that uses it.
#[derive(Debug)]
pub(super) struct Collector {
    agent: Agent,
    fault: Fault,
}

/// What went wrong with the last request; copies share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault(Arc<Mutex<Option<String>>>);

impl Fault {
    /// Takes the words.
    pub(super) fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, words: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }
}

impl Collector {
    pub(super) fn new(fault: Fault) -> Self {
        let agent = Agent::config_builder()
            .timeout_global(Some(REQUEST))
            .http_status_as_error(false)
            .max_redirects(0)
            // It would take the place of the address that the operator has written.
            .proxy(None)
            .max_idle_connections(1)
            .user_agent(concat!("svix-hooks/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { agent, fault }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (parts, body) = request.into_parts();
        let response = self.agent.run(Request::from_parts(parts, body.as_ref()))?;
        let (parts, body) = response.into_parts();
        let body = body.into_with_config().limit(ANSWER).read_to_vec()?;
        Ok(Response::from_parts(parts, body.into()))
    }
}

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let answer = self.send(request);
        let words = |error: &ureq::Error| {
            let cause = error.source().map(|cause| format!(": {cause}"));
            let words = format!("{error}{}", cause.unwrap_or_default());
            words.chars().take(WORDS).collect()
        };
        self.fault.put(answer.as_ref().err().map(words));
        let answer = answer.map_err(|error| match error {
            // Not worth trying again.
            ureq::Error::BodyExceedsLimit(_) => Box::new(ResponseBodyTooLarge::new()) as HttpError,
            error => Box::new(error) as HttpError,
        });
        Box::pin(std::future::ready(answer))
    }
}
