//! One request as it was read, borrowed from the connection.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::answer::Answer;
use super::body::{Body, MAX_BODY};
use super::keys::Key;
use super::route::Route;
use super::submission::Submission;

/// The query of a request; none of the values that are looked for needs decoding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    /// Takes what stands after the question mark.
    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Returns the value of a parameter.
    pub(super) fn get(self, name: &str) -> Option<&'a str> {
        self.0
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// Tells whether the payload is asked for, which it is unless refused.
    ///
    /// # Errors
    /// The answer to give where the value is neither true nor false.
    pub(super) fn with_content(self) -> Result<bool, Answer> {
        match self.get("with_content") {
            None | Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(Answer::error(400, "generic_error", "Failed to deserialize query string")),
        }
    }
}

/// A request with what is needed to answer it.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The method.
    pub(super) method: &'a str,
    /// The path and the query.
    pub(super) uri: &'a str,
    /// The query.
    pub(super) query: Query<'a>,
    /// The operation.
    pub(super) route: Route<'a>,
    /// The value of the `Authorization` header, where it is visible ASCII.
    pub(super) authorization: Option<&'a str>,
    /// The value of the `Idempotency-Key` header, where it is visible ASCII.
    pub(super) idempotency_key: Option<&'a str>,
    /// The value of the `traceparent` header, where it is visible ASCII.
    pub(super) traceparent: Option<&'a str>,
    /// The value of the `X-Request-Id` header, where it is visible ASCII.
    pub(super) request_id: Option<&'a str>,
    /// The length of the body in bytes.
    pub(super) body_len: usize,
    /// The message, where one is posted, or what is wrong with it.
    pub(super) submission: Option<Result<Submission<'a>, Answer>>,
}

impl<'a> Call<'a> {
    /// Reads a request.
    pub(super) fn read(request: &'a HttpRequest, body: &'a Body) -> Self {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let uri = request.uri();
        let route = Route::of(request.method(), uri.path());
        let submission = matches!(route, Route::CreateMessage { .. }).then(|| match body {
            Body::Whole(bytes) => Submission::read(bytes),
            Body::TooLarge(_) => Err(Answer::error(
                413,
                "payload_too_large",
                &format!("The body is larger than {MAX_BODY} bytes"),
            )),
            Body::Broken => Err(Answer::empty(400)),
        });
        Self {
            method: request.method().as_str(),
            uri: uri.path_and_query().map_or("", |uri| uri.as_str()),
            query: Query::new(uri.query().unwrap_or_default()),
            route,
            authorization: header(AUTHORIZATION.as_str()),
            idempotency_key: header("idempotency-key"),
            traceparent: header("traceparent"),
            request_id: header("x-request-id"),
            body_len: body.len(),
            submission,
        }
    }

    /// Tells whether it posts a message.
    pub(super) fn posts_message(&self) -> bool {
        self.submission.is_some()
    }

    /// Returns the event id that is posted, where it could be read.
    pub(super) fn event_id(&self) -> Option<&str> {
        self.submission.as_ref()?.as_ref().ok()?.event_id()
    }

    /// Returns what its idempotency key holds for, where it has one and is a POST.
    pub(super) fn key(&self) -> Option<Key> {
        (self.method == "POST").then_some(())?;
        Some(Key::of(self.authorization?, self.idempotency_key?, self.uri))
    }
}
