//! What the sandbox holds: applications, their messages, and the idempotency keys.
//!
//! One lock guards all of it, held for one look-up and one insertion at a time, so that "is this key done, is
//! this event id free, then take it" is one step, as in a database transaction.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::application::{Application, Endpoint, EndpointOptions};
use super::identifier::{identifier, number_of};
use super::keys::Keys;
use super::message::Message;
use super::options::SandboxOptions;
use super::refusal::Refusal;
use super::submission::NewApplication;
use crate::domain::Timestamp;

/// Applications that are held at most.
const MAX_APPLICATIONS: usize = 100_000;

/// Everything that is held. Moments are milliseconds since the sandbox started.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The idempotency keys.
    pub(super) keys: Keys,
    applications: Vec<Application>,
    /// Where each application stands, by id and by uid.
    names: HashMap<Arc<str>, usize>,
    messages: VecDeque<Message>,
    /// The number of the oldest message that is held.
    first: u64,
    payload_bytes: usize,
    /// The number of the oldest message whose payload may be held.
    first_payload: u64,
    options: SandboxOptions,
    started_unix_ms: i64,
}

impl Ledger {
    /// Starts with the applications of the options, at this moment on the wall clock.
    pub(super) fn new(options: SandboxOptions, started_unix_ms: i64) -> Self {
        let ttl = u64::try_from(options.key_ttl.as_millis()).unwrap_or(u64::MAX);
        let mut ledger = Self {
            keys: Keys::new(options.max_messages, ttl),
            applications: Vec::new(),
            names: HashMap::new(),
            messages: VecDeque::new(),
            first: 0,
            payload_bytes: 0,
            first_payload: 0,
            started_unix_ms,
            options,
        };
        for name in ledger.options.applications.clone() {
            // Only a list longer than the bound is cut short.
            let _ = ledger.add_application(&name, 0);
        }
        ledger
    }

    /// Returns the moment on the wall clock.
    pub(super) fn timestamp(&self, at: u64) -> Timestamp {
        Timestamp::from_millis(self.unix_ms(at))
    }

    /// Finds an application by its id or uid.
    pub(super) fn application(&self, name: &str) -> Result<usize, Refusal> {
        self.names.get(name).copied().ok_or(Refusal::UnknownApplication)
    }

    /// Finds an application by its id or uid, or creates it.
    pub(super) fn add_application(&mut self, name: &str, now: u64) -> Result<usize, Refusal> {
        if let Ok(place) = self.application(name) {
            return Ok(place);
        }
        if self.applications.len() >= MAX_APPLICATIONS {
            return Err(Refusal::Full);
        }
        let place = self.applications.len();
        let name: Arc<str> = name.into();
        if !name.starts_with("app_") {
            let id = identifier("app_", self.options.seed, self.unix_ms(now), place as u64);
            self.names.insert(id.into(), place);
        }
        self.names.insert(Arc::clone(&name), place);
        self.applications.push(Application {
            name,
            endpoints: Vec::new(),
            events: HashMap::new(),
        });
        self.place_endpoints(place, self.options.endpoints.clone(), now);
        Ok(place)
    }

    /// Gives an application other endpoints, creating it where it does not exist; returns their ids. The
    /// first keeps the id of the first before it, and so on.
    pub(super) fn set_endpoints(
        &mut self,
        name: &str,
        endpoints: Vec<EndpointOptions>,
        now: u64,
    ) -> Result<Vec<String>, Refusal> {
        let place = self.add_application(name, now)?;
        Ok(self.place_endpoints(place, endpoints, now))
    }

    /// Returns the endpoints of an application, oldest first.
    pub(super) fn endpoints(&self, place: usize) -> &[Arc<Endpoint>] {
        self.applications
            .get(place)
            .map_or(&[], |application| &application.endpoints)
    }

    /// Takes a message into an application, with an attempt for every endpoint that gets it unless
    /// `lose_dispatch`; returns its number.
    pub(super) fn take(
        &mut self,
        name: &str,
        inline: Option<&NewApplication>,
        mut message: Message,
        now: u64,
        lose_dispatch: bool,
    ) -> Result<u64, Refusal> {
        let place = match (self.application(name), inline.map(|application| &application.uid)) {
            (Ok(place), _) => place,
            (Err(refusal), None) => return Err(refusal),
            (Err(_), Some(None)) => return Err(Refusal::UidMissing),
            (Err(_), Some(Some(uid))) if uid != name => return Err(Refusal::UidMismatch),
            (Err(_), Some(Some(_))) => self.add_application(name, now)?,
        };
        let number = self.count();
        let Some(application) = self.applications.get_mut(place) else {
            return Err(Refusal::UnknownApplication);
        };
        if let Some(event_id) = &message.event_id {
            let index = |number: &u64| usize::try_from(number.checked_sub(self.first)?).ok();
            let known = application.events.get(event_id).and_then(index);
            if let Some(known) = known.and_then(|index| self.messages.get(index))
                && self
                    .options
                    .event_id_ttl
                    .is_none_or(|ttl| u128::from(now.saturating_sub(known.at)) < ttl.as_millis())
            {
                return Err(Refusal::Conflict);
            }
            application.events.insert(Arc::clone(event_id), number);
        }
        if !lose_dispatch {
            let at = now.saturating_add(self.options.dispatch_delay.as_millis() as u64);
            for endpoint in &application.endpoints {
                if endpoint.options.gets(&message.event_type, &message.channels) {
                    message.attempt(Arc::clone(endpoint), at, false);
                }
            }
        }
        message.application = place;
        message.at = now;
        self.payload_bytes += message.payload_len();
        self.messages.push_back(message);
        self.stay_within_bounds();
        Ok(number)
    }

    /// Finds a message of an application by its id or event id.
    pub(super) fn find(&self, place: usize, id: &str) -> Result<(u64, &Message), Refusal> {
        let number = match number_of("msg_", id) {
            Some(number) => Some(number),
            None => self
                .applications
                .get(place)
                .and_then(|application| application.events.get(id).copied()),
        };
        number
            .and_then(|number| Some((number, self.message(number)?)))
            .filter(|(number, message)| {
                message.application == place
                    && (message.event_id.as_deref() == Some(id) || self.id(*number, message.at) == id)
            })
            .ok_or(Refusal::Unknown)
    }

    /// Returns the message with this number, where it is still held.
    pub(super) fn message(&self, number: u64) -> Option<&Message> {
        self.messages
            .get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// Returns the id of the message with this number that was taken at this moment.
    pub(super) fn id(&self, number: u64, at: u64) -> String {
        identifier("msg_", self.options.seed, self.unix_ms(at), number)
    }

    /// Returns the id of an attempt.
    pub(super) fn attempt_id(&self, number: u64, place: usize, at: u64) -> String {
        let unique = number.wrapping_mul(1_000).wrapping_add(place as u64);
        identifier("atmpt_", self.options.seed, self.unix_ms(at), unique)
    }

    /// Adds an attempt that was asked for.
    pub(super) fn resend(&mut self, place: usize, id: &str, endpoint: &str, now: u64) -> Result<(), Refusal> {
        let (number, message) = self.find(place, id)?;
        if message.payload.is_none() {
            return Err(Refusal::PayloadGone);
        }
        let found = self
            .endpoints(place)
            .iter()
            .find(|known| known.id == endpoint)
            .map(Arc::clone);
        let endpoint = found.ok_or(Refusal::Unknown)?;
        let at = now.saturating_add(self.options.dispatch_delay.as_millis() as u64);
        let index = number
            .checked_sub(self.first)
            .and_then(|index| usize::try_from(index).ok());
        if let Some(message) = index.and_then(|index| self.messages.get_mut(index)) {
            message.attempt(endpoint, at, true);
        }
        Ok(())
    }

    /// Returns how many messages were taken in all, forgotten ones included.
    pub(super) fn count(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    /// Returns the names of the applications, the oldest first.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.applications.iter().map(|application| &*application.name)
    }

    /// Returns the name of the application that stands here.
    pub(super) fn name(&self, place: usize) -> &str {
        self.applications
            .get(place)
            .map_or("", |application| &application.name)
    }

    /// Returns the messages that are held and their numbers, oldest first.
    pub(super) fn numbered(&self) -> impl DoubleEndedIterator<Item = (u64, &Message)> {
        self.messages
            .iter()
            .enumerate()
            .map(|(index, message)| (self.first + index as u64, message))
    }

    fn unix_ms(&self, at: u64) -> i64 {
        self.started_unix_ms
            .saturating_add(i64::try_from(at).unwrap_or(i64::MAX))
    }

    fn place_endpoints(&mut self, place: usize, endpoints: Vec<EndpointOptions>, now: u64) -> Vec<String> {
        let seed = self.options.seed;
        let unix_ms = self.unix_ms(now);
        let Some(application) = self.applications.get_mut(place) else {
            return Vec::new();
        };
        let before = std::mem::take(&mut application.endpoints);
        let endpoints = endpoints.into_iter().enumerate().map(|(index, options)| {
            let (id, created_at) = match before.get(index) {
                Some(known) => (known.id.clone(), known.created_at),
                None => (identifier("ep_", seed, unix_ms, (place as u64) << 32 | index as u64), now),
            };
            Arc::new(Endpoint {
                id,
                created_at,
                options,
            })
        });
        application.endpoints = endpoints.collect();
        application
            .endpoints
            .iter()
            .map(|endpoint| endpoint.id.clone())
            .collect()
    }

    fn stay_within_bounds(&mut self) {
        while self.messages.len() > self.options.max_messages {
            let Some(oldest) = self.messages.pop_front() else {
                break;
            };
            self.first += 1;
            self.payload_bytes -= oldest.payload_len();
            let application = self.applications.get_mut(oldest.application);
            if let (Some(application), Some(event_id)) = (application, &oldest.event_id)
                && application.events.get(event_id) == Some(&(self.first - 1))
            {
                application.events.remove(event_id);
            }
        }
        self.first_payload = self.first_payload.max(self.first);
        while self.payload_bytes > self.options.max_payload_bytes {
            let index = (self.first_payload - self.first) as usize;
            let Some(message) = self.messages.get_mut(index) else {
                break;
            };
            self.payload_bytes -= message.payload_len();
            message.payload = None;
            self.first_payload += 1;
        }
    }
}
