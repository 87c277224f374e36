//! The handle on a sandbox: start, stop and resume it, tell it what goes wrong, look into it.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::web::Data;

use super::application::EndpointOptions;
use super::faults::Faults;
use super::message::MessageRecord;
use super::options::SandboxOptions;
use super::records::RequestRecord;
use super::server::{Reservation, Running};
use super::state::State;

/// A sandbox. Clones are the same sandbox; when the last one is dropped it stops.
///
/// Every method may be called from any thread, inside an async runtime or not; starting, stopping and
/// resuming block for a few milliseconds.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    state: Data<State>,
    port: u16,
    workers: usize,
    server: Mutex<Server>,
}

enum Server {
    Running(Running),
    /// Held for its port.
    Stopped(#[expect(dead_code, reason = "it is held, not used")] Reservation),
}

impl Sandbox {
    /// Starts a sandbox on 127.0.0.1, with threads and a runtime of its own.
    ///
    /// # Errors
    /// When the port cannot be bound or a thread cannot be started.
    pub fn start(options: SandboxOptions) -> io::Result<Self> {
        let (port, workers) = (options.port, options.workers);
        let state = Data::new(State::new(options));
        let (running, port) = Running::start(Data::clone(&state), port, workers)?;
        let server = Mutex::new(Server::Running(running));
        Ok(Self {
            inner: Arc::new(Inner {
                state,
                port,
                workers,
                server,
            }),
        })
    }

    /// Returns the base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.inner.port)
    }

    /// Returns the port, which stays the same while it is stopped.
    pub fn port(&self) -> u16 {
        self.inner.port
    }

    /// Stops listening and breaks every connection: who connects is refused. State and faults stay. Does
    /// nothing where it is stopped.
    pub fn stop(&self) {
        self.inner.stop();
    }

    /// Listens again on the same port. Does nothing where it is running.
    ///
    /// # Errors
    /// When the port cannot be bound again or a thread cannot be started.
    pub fn resume(&self) -> io::Result<()> {
        let Inner {
            state,
            port,
            workers,
            server,
        } = self.inner.as_ref();
        let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*server, Server::Running(_)) {
            return Ok(());
        }
        *server = Server::Stopped(Reservation::none());
        let (running, _) = Running::start(Data::clone(state), *port, *workers)?;
        *server = Server::Running(running);
        Ok(())
    }

    /// Puts faults in force in place of those before.
    ///
    /// A ratio outside 0 to 1 counts as the nearer end; a status that is no HTTP status is answered as 500.
    pub fn set_faults(&self, faults: Faults) {
        self.inner.state.planner.set(faults);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.set_faults(Faults::default());
    }

    /// Returns the faults in force.
    pub fn faults(&self) -> Faults {
        self.inner.state.planner.faults()
    }

    /// Accepts this token from now on in place of the one before.
    pub fn set_token(&self, token: &str) {
        self.inner.state.credentials.set_token(token);
    }

    /// Accepts every bearer token from now on, or no longer does.
    pub fn accept_any_token(&self, any: bool) {
        self.inner.state.credentials.set_any(any);
    }

    /// Creates an application with the endpoints that every one gets, where it does not exist; a sandbox with
    /// 100,000 of them creates none.
    pub fn add_application(&self, name: &str) {
        let state = &self.inner.state;
        if state.ledger().add_application(name, state.now()).is_err() {
            log::warn!("the sandbox holds no more applications");
        }
    }

    /// Gives an application these endpoints in place of those before, creating it where it does not exist;
    /// returns their ids. The first keeps the id of the first before it, and so on.
    pub fn set_endpoints(&self, application: &str, endpoints: Vec<EndpointOptions>) -> Vec<String> {
        let state = &self.inner.state;
        state
            .ledger()
            .set_endpoints(application, endpoints, state.now())
            .unwrap_or_default()
    }

    /// Forgets what idempotency keys were answered, as Svix does after twelve hours.
    pub fn forget_keys(&self) {
        self.inner.state.ledger().keys.forget();
    }

    /// Lets so much time pass at once, for keys and event ids that are forgotten.
    pub fn advance(&self, time: Duration) {
        self.inner.state.advance(time);
    }

    /// Returns the recorded requests, in the order of their arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.inner.state.records.rows()
    }

    /// Forgets the recorded requests; the counts go on.
    pub fn clear_requests(&self) {
        self.inner.state.records.clear();
    }

    /// Returns how many API requests came, other than for the state of the server, recorded or not.
    pub fn request_count(&self) -> u64 {
        self.inner.state.records.requests()
    }

    /// Returns how many API requests were answered with this status.
    pub fn answered_with(&self, status: u16) -> u64 {
        self.inner.state.records.with_status(status)
    }

    /// Returns the messages that are held, oldest first.
    pub fn messages(&self) -> Vec<MessageRecord> {
        let state = &self.inner.state;
        let ledger = state.ledger();
        ledger.newest(state.now()).rev().collect()
    }

    /// Returns how many messages were taken in all.
    pub fn message_count(&self) -> u64 {
        self.inner.state.ledger().count()
    }

    /// Returns the event ids, or ids where there are none, of the messages that are held, that an enabled
    /// endpoint should have got, and that no attempt was made for.
    pub fn undispatched(&self) -> Vec<String> {
        let state = &self.inner.state;
        let ledger = state.ledger();
        ledger.undispatched(state.now()).collect()
    }

    /// Returns by how many API requests the worst of all windows exceeded `burst + per_second × t`: not above
    /// 0 where the rate was kept, infinity where it cannot be told because not every request was recorded.
    pub fn max_over_rate(&self, burst: f64, per_second: f64) -> f64 {
        self.inner.state.records.max_over_rate(burst, per_second)
    }

    /// Returns how many connections are open.
    #[cfg(test)]
    pub(super) fn connections(&self) -> usize {
        match &*self.inner.server.lock().unwrap_or_else(PoisonError::into_inner) {
            Server::Running(running) => running.connections(),
            Server::Stopped(_) => 0,
        }
    }
}

impl Inner {
    fn stop(&self) {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Server::Running(running) =
            std::mem::replace(&mut *server, Server::Stopped(Reservation::none()))
        {
            running.stop();
        }
        *server = Server::Stopped(Reservation::of(self.port));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}
