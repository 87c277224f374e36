//! Reads a body within bounds of type, size and time.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;

use super::gateway::{self, Gateway, HeldBytes};
use super::problem::{Code, Problem, shown};

/// Up to this size a body finds room where larger ones have taken three quarters of it.
const SMALL: usize = 64 * 1024;

/// A body, and what it takes of the room for bodies.
pub(super) struct HeldBody {
    pub(super) bytes: Bytes,
    /// Let go when the request is answered.
    _held: HeldBytes,
}

/// Reads a JSON body.
pub(super) async fn read(
    request: &HttpRequest,
    payload: Payload,
    gateway: &Gateway,
) -> Result<HeldBody, Problem> {
    check_type(request)?;
    let length = header(request, CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > gateway.max_body_bytes) {
        return Err(too_large(gateway));
    }
    let collected = collect(payload, length.unwrap_or(0), gateway);
    tokio::time::timeout(gateway.body_timeout, collected)
        .await
        .map_err(|_| {
            let limit = gateway.body_timeout.as_millis();
            Problem::new(Code::BodyTimeout, format!("the body did not arrive within {limit} ms"))
        })?
}

async fn collect(mut payload: Payload, expected: usize, gateway: &Gateway) -> Result<HeldBody, Problem> {
    let mut held = gateway.hold_bytes();
    // What a caller announces is not yet room that it gets.
    let mut body = BytesMut::with_capacity(expected.min(16 * 1024));
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Code::BodyBroken, "the body broke off"))?;
        if body.len() + chunk.len() > gateway.max_body_bytes {
            return Err(too_large(gateway));
        }
        let most = match body.len() + chunk.len() {
            ..=SMALL => gateway.max_held_bytes,
            _ => gateway.max_held_bytes / 4 * 3,
        };
        if !held.grow(chunk.len(), most) {
            return Err(gateway::overloaded());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HeldBody {
        bytes: body.freeze(),
        _held: held,
    })
}

fn too_large(gateway: &Gateway) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the body is larger than {} bytes", gateway.max_body_bytes))
}

fn check_type(request: &HttpRequest) -> Result<(), Problem> {
    let encoding = header(request, CONTENT_ENCODING).unwrap_or("identity");
    if !encoding.eq_ignore_ascii_case("identity") {
        let detail = format!("content encoding {} is not taken; send the body as it is", shown(encoding));
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    let media = header(request, CONTENT_TYPE).unwrap_or_default();
    let essence = media
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let given = if essence.is_empty() {
        "none".to_owned()
    } else {
        shown(&essence)
    };
    let detail =
        format!("content type {given} is not taken; send application/json or application/cloudevents+json");
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

fn header(request: &HttpRequest, name: actix_web::http::header::HeaderName) -> Option<&str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}
