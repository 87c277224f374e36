//! One connection to a server, over which requests go one after the other.
//!
//! What drives it is owned with it and polled with each request: the runtime of a delivery thread stands still while it has
//! no requests, and a task of its own would see nothing then.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use super::failure::Failure;
use super::socket::{Socket, Wire};

/// What an answer's line and headers may take, and what is read at once, in bytes.
const HEAD: usize = 16 * 1024;

/// What is read at most before an answer's headers have ended, interim answers and all, in bytes.
const HEADS: u64 = 256 * 1024;

/// One connection.
pub(super) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    driver: http1::Connection<TokioIo<Wire>, Full<Bytes>>,
    /// Whether the driver has come to its end.
    over: bool,
    socket: Socket,
    /// How many bytes have been read since it was opened.
    received: Rc<Cell<u64>>,
    /// How many had been before the last request.
    before: u64,
}

impl Connection {
    pub(super) async fn new(wire: Wire) -> Result<Self, Failure> {
        let (socket, received) = (wire.socket(), wire.received());
        let (requests, driver) = http1::Builder::new()
            .max_buf_size(HEAD)
            .handshake(TokioIo::new(wire))
            .await?;
        Ok(Self {
            requests,
            driver,
            over: false,
            socket,
            received,
            before: 0,
        })
    }

    /// Sends a request, and waits for the head of its answer. Interim answers are passed over.
    pub(super) async fn request(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        self.before = self.received.get();
        let mut answer = pin!(self.requests.send_request(request));
        poll_fn(|context| {
            // First, because what it finds wakes the answer.
            let over = self.over || Pin::new(&mut self.driver).poll(context).is_ready();
            self.over = over;
            match answer.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(answer.map_err(Failure::from)),
                Poll::Pending if over => Poll::Ready(Err(Failure::Ended)),
                Poll::Pending if self.received.get() - self.before > HEADS => {
                    Poll::Ready(Err(Failure::EndlessHead))
                }
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Waits for the next part of an answer's body; `None` at its end.
    pub(super) async fn frame(&mut self, body: &mut Incoming) -> Option<Result<Frame<Bytes>, Failure>> {
        poll_fn(|context| {
            let ready = Pin::new(&mut *body).poll_frame(context);
            let ready = if ready.is_pending() && !self.over {
                self.over = Pin::new(&mut self.driver).poll(context).is_ready();
                Pin::new(&mut *body).poll_frame(context)
            } else {
                ready
            };
            match ready {
                Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(Failure::from))),
                Poll::Pending if self.over => Poll::Ready(Some(Err(Failure::Ended))),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Tells whether no byte has come since the last request.
    pub(super) fn is_silent(&self) -> bool {
        self.received.get() == self.before
    }

    /// Ends an exchange. Returns the connection where it may carry another: it is open, and nothing came behind the answer.
    pub(super) fn rest(mut self) -> Option<Self> {
        let mut context = Context::from_waker(Waker::noop());
        let over = self.over || Pin::new(&mut self.driver).poll(&mut context).is_ready();
        (!over && self.requests.is_ready()).then_some(self)
    }

    /// Tells whether nothing has happened to it while it was idle.
    pub(super) fn is_quiet(&self) -> bool {
        self.socket.is_quiet()
    }
}
