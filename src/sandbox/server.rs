//! The listener and the threads of a sandbox while it runs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::KeepAlive;
use actix_web::rt::System;
use actix_web::rt::net::TcpSocket;
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};

use super::connections::Connections;
use super::state::State;
use super::{api, control};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1_024;

/// How long a stop waits for the threads before it leaves them to themselves.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A server that listens.
pub(super) struct Running {
    handle: ServerHandle,
    thread: JoinHandle<()>,
    connections: Arc<Connections>,
    /// Closed when the last thread has let go of its part.
    threads: Receiver<()>,
}

/// A port that is kept free for a server that does not listen; who connects to it is refused.
pub(super) struct Reservation(#[expect(dead_code, reason = "it is held, not used")] Option<TcpSocket>);

/// What a server is built of.
struct Parts {
    state: Data<State>,
    connections: Arc<Connections>,
    /// Held by each thread for as long as it runs.
    presence: Sender<()>,
    port: u16,
    workers: usize,
}

impl Running {
    /// Starts to listen on 127.0.0.1 with threads of its own; returns the port as well.
    ///
    /// # Errors
    /// When the port cannot be bound or no thread can be started.
    pub(super) fn start(state: Data<State>, port: u16, workers: usize) -> io::Result<(Self, u16)> {
        let connections = Arc::<Connections>::default();
        let (presence, threads) = channel();
        let parts = Parts {
            state,
            connections: Arc::clone(&connections),
            presence,
            port,
            workers,
        };
        let (ready, bound) = channel();
        let thread = Builder::new()
            .name("svix-sandbox".to_owned())
            .spawn(move || run(parts, &ready))?;
        let (handle, port) = bound
            .recv()
            .map_err(|_| io::Error::other("the sandbox's thread ended"))??;
        Ok((
            Self {
                handle,
                thread,
                connections,
                threads,
            },
            port,
        ))
    }

    /// Stops listening and breaks every connection; returns when its threads are gone.
    pub(super) fn stop(self) {
        // The command is given here; there is nothing to wait for but the thread.
        drop(self.handle.stop(false));
        self.connections.close();
        // It has no result, and a panic in it is told by its own thread.
        let _ = self.thread.join();
        // Nobody sends: it ends when the last sender is dropped.
        let _ = self.threads.recv_timeout(STOP_PATIENCE);
    }

    /// Returns how many connections are open.
    #[cfg(test)]
    pub(super) fn connections(&self) -> usize {
        self.connections.count()
    }
}

impl Reservation {
    /// Keeps nothing free.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Keeps a port free, as far as the system lets.
    pub(super) fn of(port: u16) -> Self {
        let bind = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
            io::Result::Ok(socket)
        };
        Self(bind().ok())
    }
}

fn run(parts: Parts, ready: &Sender<io::Result<(ServerHandle, u16)>>) {
    System::new().block_on(async move {
        let told = match build(parts) {
            Ok((server, port)) => {
                let told = ready.send(Ok((server.handle(), port)));
                if told.is_ok()
                    && let Err(error) = server.await
                {
                    log::error!(error:%; "the sandbox's server ended");
                }
                told
            }
            Err(error) => ready.send(Err(error)),
        };
        if told.is_err() {
            log::debug!("nobody waits for the sandbox any more");
        }
    });
}

fn build(parts: Parts) -> io::Result<(Server, u16)> {
    let Parts {
        state,
        connections,
        presence,
        port,
        workers,
    } = parts;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::clone(&state))
            .app_data(presence.clone())
            .configure(control::configure)
            .default_service(web::to(api::serve))
    })
    .on_connect(move |io, data| {
        if let Some(connection) = connections.enter(io) {
            data.insert(connection);
        }
    })
    .workers(workers.max(1))
    .backlog(BACKLOG)
    .disable_signals()
    // A client that keeps a connection open decides itself when it has been idle for long enough.
    .keep_alive(KeepAlive::Os)
    .client_request_timeout(Duration::ZERO)
    // A request that is left hanging ends when its client goes away.
    .h1_allow_half_closed(false)
    .bind((Ipv4Addr::LOCALHOST, port))?;
    let port = server.addrs().first().map_or(port, SocketAddr::port);
    Ok((server.run(), port))
}
