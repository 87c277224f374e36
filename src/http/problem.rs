//! Errors as callers see them: `application/problem+json` with a code from a closed set (RFC 9457).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpResponse, ResponseError};
use log::{debug, error};
use serde::Serialize;
use serde_json::{Value, json};

pub use super::code::Code;
use super::request::REQUEST_ID;
use crate::domain::RequestId;
use crate::envelope::{EnvelopeCode, EnvelopeErrors};
use crate::store::StoreError;
use crate::telemetry::subject;

/// One of several things that are wrong.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Detail {
    pub(super) code: &'static str,
    pub(super) pointer: String,
    pub(super) detail: String,
}

impl Detail {
    pub(super) fn of_parameter(name: &str, detail: String) -> Self {
        Self {
            code: "invalid_parameter",
            pointer: shown(name),
            detail,
        }
    }
}

/// An error as a caller sees it.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    errors: Vec<Detail>,
    members: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, String)>,
    /// The request that it answers, where that is not the one under way.
    request: Option<RequestId>,
    closes: bool,
}

impl Problem {
    /// Makes a problem. The detail says what is wrong and what would be right.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            members: Vec::new(),
            headers: Vec::new(),
            request: None,
            closes: false,
        }
    }

    /// Names the request that it answers.
    pub(super) fn of_request(mut self, request: &RequestId) -> Self {
        self.request = Some(request.clone());
        self.header(REQUEST_ID, request.as_str())
    }

    /// Ends the connection with the answer.
    pub(super) fn close(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Returns what it says.
    pub(super) fn into_detail(self) -> String {
        self.detail
    }

    /// Tells whether it has this code.
    pub(super) fn is(&self, code: Code) -> bool {
        self.code == code
    }

    /// Returns the name of its code.
    pub(super) fn code(&self) -> &'static str {
        self.code.as_str()
    }

    pub(super) fn parameters(errors: Vec<Detail>) -> Self {
        Self {
            errors,
            ..Self::new(Code::InvalidParameter, "the query has parameters that cannot be used")
        }
    }

    /// Lists what is wrong.
    pub(super) fn with_errors(mut self, errors: Vec<Detail>) -> Self {
        self.errors = errors;
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn member(mut self, name: &'static str, value: Value) -> Self {
        self.members.push((name, value));
        self
    }

    /// A refusal for now: the caller is to come again after so many seconds.
    pub(super) fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, &seconds.to_string())
    }
}

/// Cuts a caller's text to what an answer may repeat.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_default).collect()
}

impl From<EnvelopeErrors> for Problem {
    fn from(errors: EnvelopeErrors) -> Self {
        let errors: Vec<Detail> = errors
            .into_iter()
            .map(|error| Detail {
                code: error.code.as_str(),
                pointer: error.pointer,
                detail: error.detail,
            })
            .zip(0..64)
            .map(|(detail, _)| detail)
            .collect();
        let code = match errors.as_slice() {
            [only] => EnvelopeCode::ALL
                .iter()
                .copied()
                .find(|code| code.as_str() == only.code)
                .map(Code::Event),
            _ => None,
        };
        let words: Vec<String> = errors
            .iter()
            .map(|error| format!("{} {}", error.pointer, error.detail).trim().to_owned())
            .collect();
        Self {
            errors,
            ..Self::new(code.unwrap_or(Code::InvalidEvent), words.join("; "))
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable { trouble, .. } => {
                Self::new(Code::StorageUnavailable, format!("nothing can be stored now: {trouble}"))
                    .retry_after(1)
            }
            StoreError::Overloaded => {
                Self::new(Code::Overloaded, "more is waiting to be stored than the service has room for")
                    .retry_after(1)
            }
            StoreError::Closed => Self::new(Code::Stopping, "the service is stopping").retry_after(1),
            _ => {
                error!(error:err; "the store failed on a request");
                Self::new(Code::Internal, "a fault of the service; its log says more")
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.code.status();
        let code = self.code.as_str();
        let mut body = json!({
            "type": format!("urn:svix-hooks:problem:{code}"),
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "code": code,
            "detail": self.detail,
        });
        let request = self.request.clone().or_else(|| subject().request);
        // Its words may quote what was posted.
        debug!(request = request.as_ref().map(RequestId::as_str), status = status.as_u16(), code; "a request was refused");
        if let Some(request) = request {
            body["requestId"] = json!(request.as_str());
        }
        if !self.errors.is_empty() {
            body["errors"] = json!(self.errors);
        }
        for (name, value) in &self.members {
            body[*name] = value.clone();
        }
        let mut response = HttpResponse::build(status);
        for (name, value) in &self.headers {
            response.insert_header((name.clone(), value.as_str()));
        }
        if self.closes || matches!(self.code, Code::BodyTooLarge | Code::BodyTimeout | Code::BodyBroken) {
            // What is left of the body is not worth reading.
            response.force_close();
        }
        response
            .content_type("application/problem+json")
            .body(body.to_string())
    }
}
