//! The way out: a short queue, and one thread that carries its envelopes to Sentry. Nobody else waits for it.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use log::{info, warn};
use sentry::client_report::{Reason, Recorder};
use sentry::{Envelope, Transport, TransportFactory, TransportOptions};
use ureq::Agent;
use ureq::http::Response;

use super::{count, pause, stack};

/// Envelopes that wait to be carried.
const QUEUE: usize = 30;

/// How long each step of carrying an envelope may take: the connection, sending it, the answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is read of an answer at most, in bytes; only so that the connection can be used again.
const ANSWER: u64 = 16 * 1024;

thread_local! {
    static IS_HERE: Cell<bool> = const { Cell::new(false) };
}

/// Tells whether this thread is the one that carries reports: what goes wrong there is not reported.
pub(super) fn is_here() -> bool {
    IS_HERE.try_with(Cell::get).unwrap_or(false)
}

/// Makes transports.
pub(super) struct Factory;

impl TransportFactory for Factory {
    fn create_transport_with_options(&self, options: TransportOptions) -> Arc<dyn Transport> {
        Arc::new(Queue::new(options))
    }
}

struct Queue {
    sender: SyncSender<Envelope>,
    waiting: Arc<Waiting>,
    losses: Recorder,
}

impl Queue {
    fn new(options: TransportOptions) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let waiting = Arc::new(Waiting::default());
        let losses = options.client_report_recorder.clone();
        let (carrier, done) = (Carrier::new(options), waiting.clone());
        let started = thread::Builder::new()
            .name("reports".to_owned())
            .spawn(move || carry_all(carrier, &receiver, &done));
        if let Err(error) = started {
            // Its end of the queue is gone, so that everything is dropped.
            warn!(error:err; "faults cannot be reported: there is no thread for it");
        }
        Self {
            sender,
            waiting,
            losses,
        }
    }
}

impl Transport for Queue {
    fn send_envelope(&self, envelope: Envelope) {
        self.waiting.begin();
        if let Err(full) = self.sender.try_send(envelope) {
            self.waiting.end();
            count::dropped();
            let (std::sync::mpsc::TrySendError::Full(envelope)
            | std::sync::mpsc::TrySendError::Disconnected(envelope)) = full;
            self.losses.record_lost_data(&envelope, Reason::QueueOverflow);
        }
    }

    fn flush(&self, patience: Duration) -> bool {
        self.waiting.is_over_within(patience)
    }
}

fn carry_all(mut carrier: Carrier, receiver: &Receiver<Envelope>, waiting: &Waiting) {
    IS_HERE.set(true);
    // The first takes long, and a process that dies has little time for it.
    stack::prepare();
    for envelope in receiver {
        let carried = catch_unwind(AssertUnwindSafe(|| carrier.carry(&stack::put_in(envelope))));
        match carried {
            Ok(true) => count::sent(),
            Ok(false) | Err(_) => count::dropped(),
        }
        waiting.end();
    }
}

/// How many envelopes are on their way.
#[derive(Default)]
struct Waiting {
    number: Mutex<usize>,
    fewer: Condvar,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        *self.lock() += 1;
    }

    fn end(&self) {
        let mut number = self.lock();
        *number = number.saturating_sub(1);
        drop(number);
        self.fewer.notify_all();
    }

    fn is_over_within(&self, patience: Duration) -> bool {
        let waited = self
            .fewer
            .wait_timeout_while(self.lock(), patience, |number| *number > 0);
        let (number, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *number == 0
    }
}

/// Carries envelopes one after the other.
struct Carrier {
    agent: Agent,
    url: String,
    auth: String,
    losses: Recorder,
    /// Until when Sentry wants nothing.
    paused_until: Option<Instant>,
    /// Whether the last one did not arrive.
    failing: bool,
}

impl Carrier {
    fn new(options: TransportOptions) -> Self {
        let agent = Agent::config_builder()
            // With a limit for all together names would be looked up on a thread of its own each time, and a machine
            // that has no more threads is what must be reported.
            .timeout_connect(Some(PATIENCE))
            .timeout_send_request(Some(PATIENCE))
            .timeout_send_body(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_recv_body(Some(PATIENCE))
            .http_status_as_error(false)
            // Reports go where the operator has said, and nowhere else.
            .max_redirects(0)
            .build()
            .new_agent();
        Self {
            agent,
            url: options.dsn.envelope_api_url().to_string(),
            auth: options.dsn.to_auth(Some(&options.user_agent)).to_string(),
            losses: options.client_report_recorder,
            paused_until: None,
            failing: false,
        }
    }

    /// Carries one envelope. Returns whether Sentry has taken it.
    fn carry(&mut self, envelope: &Envelope) -> bool {
        if self.paused_until.is_some_and(|until| Instant::now() < until) {
            self.losses.record_lost_data(envelope, Reason::RatelimitBackoff);
            return false;
        }
        let mut body = Vec::new();
        if envelope.to_writer(&mut body).is_err() {
            self.losses.record_lost_data(envelope, Reason::InternalError);
            return false;
        }
        let answer = self
            .agent
            .post(&self.url)
            .header("X-Sentry-Auth", &self.auth)
            .send(&body);
        match answer {
            Ok(mut answer) => {
                self.keep_pause(&answer);
                let status = answer.status();
                // What it says in its body does not matter.
                let _ = answer.body_mut().with_config().limit(ANSWER).read_to_vec();
                if status.is_success() {
                    self.arrived();
                    return true;
                }
                // Those refused with this status Sentry counts itself.
                if status.as_u16() != 429 {
                    self.losses.record_lost_data(envelope, Reason::SendError);
                }
                self.failed(&format!("sentry answers {}", status.as_u16()));
            }
            Err(error) => {
                self.losses.record_lost_data(envelope, Reason::NetworkError);
                self.failed(&error.to_string());
            }
        }
        false
    }

    fn keep_pause<B>(&mut self, answer: &Response<B>) {
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let status = answer.status().as_u16();
        if let Some(wait) = pause::asked_for(status, text("x-sentry-rate-limits"), text("retry-after")) {
            self.paused_until = Some(Instant::now() + wait);
        }
    }

    fn failed(&mut self, error: &str) {
        if !self.failing {
            warn!(error; "faults cannot be reported; nothing waits for that");
        }
        self.failing = true;
    }

    fn arrived(&mut self) {
        if self.failing {
            info!("faults can be reported again");
        }
        self.failing = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_waited_for_and_no_longer_than_patience_lasts() {
        let waiting = Arc::new(Waiting::default());
        assert!(waiting.is_over_within(Duration::ZERO), "nothing waits");
        waiting.begin();
        assert!(!waiting.is_over_within(Duration::from_millis(1)));
        let other = waiting.clone();
        let ending = thread::spawn(move || other.end());
        assert!(waiting.is_over_within(Duration::from_secs(60)));
        ending.join().unwrap();
    }
}
