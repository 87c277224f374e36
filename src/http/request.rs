//! Gives each request a name, by which it is found in the log, in problems and on its notification; and answers where
//! a handler panics.

use std::panic::AssertUnwindSafe;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpRequest};
use futures_util::FutureExt;

use super::gateway::Gateway;
use super::problem::{Code, Problem};
use crate::domain::{Call, RequestId, TraceParent};
use crate::telemetry::{Subject, about};

/// The header by which callers name their requests, and answers repeat it.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that names a place in a trace.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Answers a request under its name.
pub(super) async fn identify(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let call = call(request.headers());
    let id = call.request.clone();
    request.extensions_mut().insert(call);
    let gateway = request.app_data::<Data<Gateway>>().cloned();
    let (route, method) = (request.match_pattern(), request.method().clone());
    let answer = AssertUnwindSafe(next.call(request)).catch_unwind();
    let answer = match about(Subject::of_request(id.clone()), answer).await {
        Ok(answer) => answer.map(|mut answer| {
            // Its characters are those of a header.
            if let Ok(id) = HeaderValue::from_str(id.as_str()) {
                answer.headers_mut().insert(REQUEST_ID, id);
            }
            answer
        }),
        // The hook has told of it.
        Err(_) => Err(Problem::new(Code::Internal, "a fault of the service; its log says more")
            .of_request(&id)
            .close()
            .into()),
    };
    if let Some(gateway) = gateway {
        let status = match &answer {
            Ok(answer) => answer.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        gateway
            .metrics
            .answered(route.as_deref(), method.as_str(), status.as_u16());
    }
    answer
}

/// Returns what a request is called and which trace it belongs to.
pub(super) fn of(request: &HttpRequest) -> Option<Call> {
    request.extensions().get::<Call>().cloned()
}

/// Takes the caller's words where they can be used.
fn call(headers: &HeaderMap) -> Call {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let trace = text(TRACEPARENT).and_then(|text| text.trim().parse::<TraceParent>().ok());
    let named = text(REQUEST_ID).and_then(|text| text.trim().parse().ok());
    let of_trace = || trace.and_then(|trace| trace.trace_id().parse().ok());
    Call {
        request: named.or_else(of_trace).unwrap_or_else(RequestId::generate),
        trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_called_what_its_caller_calls_it() {
        const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let table = [
            (Some("abc"), Some(TRACE), Some("abc"), "its own name"),
            (None, Some(TRACE), Some("0af7651916cd43dd8448eb211c80319c"), "the trace's"),
            (Some("a b"), Some(TRACE), Some("0af7651916cd43dd8448eb211c80319c"), "no name"),
            (Some("a b"), Some("00-x"), None, "neither"),
            (None, None, None, "nothing"),
        ];
        for (id, trace, expected, why) in table {
            let mut headers = HeaderMap::new();
            let values = [(REQUEST_ID, id), (TRACEPARENT, trace)];
            for (name, value) in values
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
            {
                headers.insert(name, HeaderValue::from_static(value));
            }
            let call = call(&headers);
            match expected {
                Some(expected) => assert_eq!(call.request.as_str(), expected, "{why}"),
                None => assert_eq!(call.request.as_str().len(), 32, "{why}"),
            }
            assert_eq!(call.trace.is_some(), trace == Some(TRACE), "{why}");
        }
    }
}
