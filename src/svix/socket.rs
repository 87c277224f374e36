//! The bytes of a connection, plain or encrypted, and a look at those that wait.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A socket that can be looked at while something else reads from it.
#[derive(Clone)]
pub(super) struct Socket(Rc<RefCell<TcpStream>>);

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(Rc::new(RefCell::new(stream)))
    }

    /// Tells whether nothing waits on it, neither bytes nor its end nor an error. Asks the system and not the runtime, which
    /// is driven only while there are requests.
    pub(super) fn is_quiet(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let waiting = recv(&*self.0.borrow(), &mut [0_u8; 1], flags);
        matches!(waiting, Err(Errno::AGAIN))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_shutdown(context)
    }
}

/// What HTTP is spoken over.
pub(super) struct Wire {
    stream: Stream,
    socket: Socket,
    received: Rc<Cell<u64>>,
}

enum Stream {
    Plain(Socket),
    Encrypted(Box<TlsStream<Socket>>),
}

impl Wire {
    pub(super) fn plain(socket: Socket) -> Self {
        Self::new(Stream::Plain(socket.clone()), socket)
    }

    pub(super) fn encrypted(stream: TlsStream<Socket>, socket: Socket) -> Self {
        Self::new(Stream::Encrypted(Box::new(stream)), socket)
    }

    fn new(stream: Stream, socket: Socket) -> Self {
        Self {
            stream,
            socket,
            received: Rc::default(),
        }
    }

    /// Returns the socket below.
    pub(super) fn socket(&self) -> Socket {
        self.socket.clone()
    }

    /// Returns how many bytes have been read, which goes on counting.
    pub(super) fn received(&self) -> Rc<Cell<u64>> {
        self.received.clone()
    }
}

/// Calls a method of the one stream or the other.
macro_rules! either {
    ($wire:expr, $stream:ident => $call:expr) => {
        match &mut $wire.stream {
            Stream::Plain(socket) => {
                let $stream = Pin::new(socket);
                $call
            }
            Stream::Encrypted(encrypted) => {
                let $stream = Pin::new(&mut **encrypted);
                $call
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = either!(self, stream => stream.poll_read(context, buffer));
        let more = buffer.filled().len().saturating_sub(before);
        self.received.set(self.received.get().saturating_add(more as u64));
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(socket) => socket.is_write_vectored(),
            Stream::Encrypted(encrypted) => encrypted.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(context))
    }
}
