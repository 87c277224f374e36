//! Settings as they are posted: a body becomes a document, and what is wrong with one becomes a refusal.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use actix_web::web::Payload;
use serde_json::{Map, Value};

use super::body;
use super::document_shapes::READ_ONLY;
use super::gateway::Gateway;
use super::problem::{Code, Detail, Problem};
use crate::policy::SettingFault;

/// The largest document, in bytes.
const LARGEST: usize = 64 * 1024;

pub(super) type Document = Map<String, Value>;

/// Reads a body that is a document.
pub(super) async fn read(
    request: &HttpRequest,
    payload: Payload,
    gateway: &Gateway,
) -> Result<Document, Problem> {
    let mut document = object(request, payload, gateway).await?;
    leave_out_read_only(&mut document);
    Ok(document)
}

/// Leaves out what an answer has beside the settings, so that an answer can be sent back as it came.
pub(super) fn leave_out_read_only(document: &mut Document) {
    READ_ONLY.iter().for_each(|name| drop(document.remove(*name)));
}

/// Reads a body that is an object.
pub(super) async fn object(
    request: &HttpRequest,
    payload: Payload,
    gateway: &Gateway,
) -> Result<Document, Problem> {
    let body = body::read(request, payload, gateway).await?;
    if body.bytes.len() > LARGEST {
        return Err(Problem::new(Code::BodyTooLarge, format!("settings have at most {LARGEST} bytes")));
    }
    serde_json::from_slice(&body.bytes).map_err(|error| {
        Problem::new(Code::InvalidSettings, format!("the body must be a JSON object: {error}"))
    })
}

/// Reads a body that is an object, or that may be left out.
pub(super) async fn object_or_none(
    request: &HttpRequest,
    payload: Payload,
    gateway: &Gateway,
) -> Result<Document, Problem> {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
    let is_empty = !headers.contains_key(TRANSFER_ENCODING) && length.is_none_or(|length| length == b"0");
    match is_empty {
        true => Ok(Document::new()),
        false => object(request, payload, gateway).await,
    }
}

/// Refuses a document with everything that is wrong with it.
pub(super) fn refuse(faults: Vec<SettingFault>) -> Problem {
    let words: Vec<_> = faults
        .iter()
        .map(|fault| format!("{} {}", fault.pointer, fault.detail))
        .collect();
    let details = faults.into_iter().map(|fault| Detail {
        code: "invalid_member",
        pointer: fault.pointer,
        detail: fault.detail,
    });
    Problem::new(Code::InvalidSettings, words.join("; ")).with_errors(details.collect())
}
