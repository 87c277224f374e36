//! The open connections of one run of the server, so that they can be broken without an answer.
//!
//! The HTTP layer has no such notion: whatever a handler returns, bytes go out. A second handle on the same
//! socket, taken when the connection opens, shuts it beneath that layer.

use std::any::Any;
use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

/// The open connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    closed: bool,
    next: u64,
    streams: HashMap<u64, Arc<TcpStream>>,
}

/// One of them; it is forgotten when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    number: u64,
    stream: Arc<TcpStream>,
    home: Arc<Connections>,
}

impl Connections {
    /// Enters a connection that has just opened; nothing where it is no TCP connection.
    pub(super) fn enter(self: &Arc<Self>, io: &dyn Any) -> Option<Connection> {
        let stream = io.downcast_ref::<actix_web::rt::net::TcpStream>()?;
        let handle = stream.as_fd().try_clone_to_owned().ok()?;
        let stream = Arc::new(TcpStream::from(handle));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.closed {
            shut(&stream);
        }
        let number = open.next;
        open.next += 1;
        open.streams.insert(number, Arc::clone(&stream));
        Some(Connection {
            number,
            stream,
            home: Arc::clone(self),
        })
    }

    /// Breaks all connections, and each that opens from now on.
    pub(super) fn close(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.closed = true;
        open.streams.values().for_each(|stream| shut(stream));
    }

    /// Returns how many connections are open.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .streams
            .len()
    }
}

impl Connection {
    /// Breaks it: the client sees its end, and no byte more.
    pub(super) fn shut(&self) {
        shut(&self.stream);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.home
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .streams
            .remove(&self.number);
    }
}

fn shut(stream: &TcpStream) {
    // It fails where the client was faster, which comes to the same.
    let _ = stream.shutdown(Shutdown::Both);
}
