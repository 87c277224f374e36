//! What goes back: Svix's shapes of success and failure.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::Bytes;
use serde::Serialize;
use serde_json::Value;

/// An answer before it is given to the HTTP layer.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    retry_after: Option<String>,
    body: Bytes,
}

#[derive(Serialize)]
struct Problem<'a> {
    code: &'a str,
    detail: &'a str,
}

#[derive(Serialize)]
struct Refused<'a> {
    detail: Vec<Complaint<'a>>,
}

#[derive(Serialize)]
struct Complaint<'a> {
    loc: Vec<&'a str>,
    msg: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
}

impl Answer {
    /// Makes an answer out of a body in JSON.
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        // Nothing that is written here has keys that are no text, which is all that can fail.
        Self::raw(status, serde_json::to_vec(body).unwrap_or_default().into())
    }

    /// Makes an answer out of bytes: JSON, unless they look like something else.
    pub(super) fn raw(status: u16, body: Bytes) -> Self {
        let is_json = body.first().is_none_or(|byte| matches!(byte, b'{' | b'['));
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            content_type: if is_json { "application/json" } else { "text/html" },
            retry_after: None,
            body,
        }
    }

    /// Makes an answer without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self::raw(status, Bytes::new())
    }

    /// Makes Svix's `{code, detail}`.
    pub(super) fn error(status: u16, code: &str, detail: &str) -> Self {
        Self::json(status, &Problem { code, detail })
    }

    /// Makes Svix's 422 out of (part of the request, place in it separated by dots, type, message).
    pub(super) fn invalid(complaints: &[(&str, &str, &str, &str)]) -> Self {
        let detail = complaints.iter().map(|(part, place, kind, msg)| {
            let loc = std::iter::once(*part)
                .chain(place.split('.').filter(|name| !name.is_empty()))
                .collect();
            Complaint { loc, msg, kind }
        });
        Self::json(
            422,
            &Refused {
                detail: detail.collect(),
            },
        )
    }

    /// Makes the answer to a token that is not accepted.
    pub(super) fn unauthorized() -> Self {
        Self::error(401, "authentication_failed", "Invalid token")
    }

    /// Makes the answer to names that are not known.
    pub(super) fn not_found() -> Self {
        Self::error(404, "not_found", "Entity not found")
    }

    /// Adds a `Retry-After` header with this value as it is.
    pub(super) fn with_retry_after(self, retry_after: Option<String>) -> Self {
        Self { retry_after, ..self }
    }

    /// Puts a text into the body of an error; a success stays as it is.
    pub(super) fn with_echo(self, text: &str) -> Self {
        if self.status.is_success() {
            return self;
        }
        let echo = format!(" (authorization: {text})");
        let body = match serde_json::from_slice(&self.body) {
            Ok(Value::Object(mut members)) => {
                match members.get_mut("detail") {
                    Some(Value::String(detail)) => detail.push_str(&echo),
                    Some(Value::Array(complaints)) => complaints.iter_mut().for_each(|complaint| {
                        if let Some(Value::String(msg)) = complaint.get_mut("msg") {
                            msg.push_str(&echo);
                        }
                    }),
                    _ => drop(members.insert("detail".to_owned(), Value::String(echo))),
                }
                Value::Object(members).to_string().into()
            }
            _ => [&self.body, echo.as_bytes()].concat().into(),
        };
        Self { body, ..self }
    }

    /// Returns the status.
    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Gives it to the HTTP layer.
    pub(super) fn into_response(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.content_type(HeaderValue::from_static(self.content_type));
        if let Some(retry_after) = self.retry_after {
            response.insert_header((RETRY_AFTER, retry_after));
        }
        response.body(self.body)
    }
}
