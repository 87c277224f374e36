//! Notifications in the supervisor's hands, and the requests that are under way for them.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::actors::messages::Reservation;
use crate::domain::{AccountName, Attempt, Notification, Progress, Step, Timestamp};
use crate::policy::{Deadline, Hold, Overdue, ask_first, first_step, must_confirm};
use crate::store::{ATTEMPTS_KEPT, Lease, Leased};

/// How many requests that have ended are remembered at least before they are left out.
const SPARE: usize = 64;

/// A notification that waits for its turn or is under way.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) notification: Arc<Notification>,
    pub(super) lease: Lease,
    /// Holds its place until its outcome is recorded.
    pub(super) reservation: Reservation,
    pub(super) progress: Progress,
    /// The request that comes next.
    pub(super) step: Step,
    /// When it was due.
    pub(super) due_at: Timestamp,
    /// Requests made since its last settlement.
    pub(super) attempts: Vec<Attempt>,
}

impl Entry {
    pub(super) fn new(Leased { notification, lease }: Leased, reservation: Reservation) -> Self {
        let progress = notification.progress.clone();
        let step = first_step(&progress);
        Self {
            due_at: notification.due_at,
            notification: Arc::new(notification),
            lease,
            reservation,
            progress,
            step,
            attempts: Vec::new(),
        }
    }

    /// Returns from when on it is not sent any more.
    pub(super) fn deadline(&self, max_age: Option<Duration>) -> Option<Deadline> {
        Deadline::of(self.notification.accepted_at, self.notification.expires_at, max_age)
    }

    /// Tells what becomes of it where it must not be sent any more.
    pub(super) fn overdue(&self, max_age: Option<Duration>, now: Timestamp) -> Option<Overdue> {
        let suspect = self.notification.suspect_until.is_some();
        self.deadline(max_age)?.overdue(now, suspect, &self.progress)
    }

    /// Lets Svix be asked what it holds before it is sent, where it may have forgotten what was sent before.
    pub(super) fn confirm_first(&mut self, now: Timestamp, after: Duration) {
        let Notification {
            accepted_at,
            suspect_until,
            ..
        } = *self.notification;
        let suspect = suspect_until.is_some();
        if self.step == Step::Send
            && must_confirm(&self.progress, accepted_at, suspect, now, after)
            && Hold::of(&self.attempts).absent == 0
        {
            ask_first(&mut self.progress);
            self.step = Step::FetchMessage;
        }
    }

    /// Records a request. Of more than are kept, the last one takes the place of the one before.
    pub(super) fn note(&mut self, attempt: Attempt) {
        if self.attempts.len() >= ATTEMPTS_KEPT as usize {
            self.attempts.pop();
        }
        self.attempts.push(attempt);
    }

    /// Tells whether no request has been made for it yet.
    pub(super) fn is_untried(&self) -> bool {
        self.progress.attempts == 0
    }

    /// Tells whether it is not sent again by an operator's wish.
    pub(super) fn is_fresh(&self) -> bool {
        self.notification.redrives == 0
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) entry: Box<Entry>,
    pub(super) account: AccountName,
    pub(super) probe: bool,
    /// When it has its answer or is given up, unless its thread hangs.
    pub(super) answer_by: Timestamp,
    /// Whether its account had not answered in time before.
    pub(super) untried: bool,
    /// Whether it has been under way for long.
    pub(super) slow: bool,
}

/// Requests that are under way, by number and by batch.
#[derive(Debug, Default)]
pub(super) struct Flights {
    last_number: u64,
    flights: HashMap<u64, Flight>,
    batches: HashMap<u64, Vec<u64>>,
    /// Those that are not slow by now and when they started, the oldest first; and some that have ended.
    quick: VecDeque<(Instant, u64)>,
}

impl Flights {
    pub(super) fn len(&self) -> usize {
        self.flights.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flights.is_empty()
    }

    /// Tells whether any may still be answered in time.
    pub(super) fn are_due(&self, now: Timestamp) -> bool {
        self.flights.values().any(|flight| now < flight.answer_by)
    }

    /// Numbers a request that is about to go out.
    pub(super) fn start(&mut self, flight: Flight) -> u64 {
        self.last_number += 1;
        self.flights.insert(self.last_number, flight);
        // Those that have ended are left out now and then, so that they cost little and pile up nowhere.
        if self.quick.len() > 2 * self.flights.len() + SPARE {
            self.quick.retain(|(_, number)| self.flights.contains_key(number));
        }
        self.quick.push_back((Instant::now(), self.last_number));
        self.last_number
    }

    /// Finds one that has grown slow since `patience` was over, each once.
    pub(super) fn next_slow(&mut self, now: Instant, patience: Duration) -> Option<&Flight> {
        while let Some((started, number)) = self.quick.front().copied()
            && now.saturating_duration_since(started) >= patience
        {
            self.quick.pop_front();
            if let Some(flight) = self.flights.get_mut(&number) {
                flight.slow = true;
                // Looked up twice, because a loop cannot lend out what it goes on with.
                return self.flights.get(&number);
            }
        }
        None
    }

    /// Notes which requests make up a batch; returns the batch's number.
    pub(super) fn group(&mut self, flights: Vec<u64>) -> u64 {
        self.last_number += 1;
        self.batches.insert(self.last_number, flights);
        self.last_number
    }

    /// Tells whether all of these are for accounts that had answered in time before.
    pub(super) fn are_tried(&self, flights: &[u64]) -> bool {
        flights
            .iter()
            .all(|number| self.flights.get(number).is_none_or(|flight| !flight.untried))
    }

    pub(super) fn end(&mut self, flight: u64) -> Option<Flight> {
        self.flights.remove(&flight)
    }

    /// Ends a batch. Returns those of its requests that nobody has reported on.
    pub(super) fn end_batch(&mut self, batch: u64) -> Vec<Flight> {
        let flights = self.batches.remove(&batch).unwrap_or_default();
        flights
            .into_iter()
            .filter_map(|flight| self.end(flight))
            .collect()
    }
}
