//! Closes the connection where a request was answered before its body was read to the end.
//!
//! Of a body in chunks that nobody holds any more, actix reads on and on to keep the connection, without
//! a time limit: whoever never ends it would be a guest for ever. A body that is still held when the
//! answer is complete ends the connection instead, a moment later.

use std::cell::RefCell;
use std::error::Error as StdError;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::TRANSFER_ENCODING;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage};
use futures_util::Stream;
use futures_util::stream::poll_fn;

/// Holds a body in chunks until its request is answered.
pub(super) async fn hold(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if !request.headers().contains_key(TRANSFER_ENCODING) {
        return next.call(request).await;
    }
    let payload = Rc::new(RefCell::new(request.take_payload()));
    let read = payload.clone();
    let stream = poll_fn(move |context| Pin::new(&mut *read.borrow_mut()).poll_next(context));
    request.set_payload(Payload::Stream {
        payload: Box::pin(stream),
    });
    let response = next.call(request).await?;
    Ok(response.map_body(|_, body| {
        BoxBody::new(Holding {
            body,
            _payload: payload,
        })
    }))
}

/// The body of an answer that holds the body of its request.
struct Holding {
    body: BoxBody,
    _payload: Rc<RefCell<Payload>>,
}

impl MessageBody for Holding {
    type Error = Box<dyn StdError>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_pin_mut().poll_next(context)
    }
}
