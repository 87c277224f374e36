//! What waits for the writer, and how it is gathered into one turn.

use std::time::Duration;

use log::error;
use tokio::sync::{mpsc, oneshot};

use super::lease::LeasedRow;
use super::line::Line;
use super::operations::Operation;
use super::port::{Accept, Batch};
use super::taken::{ClaimLimit, Taken};
use super::{Accepted, NewNotification, Settlement, StoreError};
use crate::domain::Customer;

/// An accept that waits for its transaction.
pub(super) struct Request {
    pub(super) new: NewNotification,
    pub(super) lease: bool,
    pub(super) reply: oneshot::Sender<Result<Accepted, StoreError>>,
}

/// An outcome that waits for its transaction.
pub(super) struct Outcome {
    pub(super) row: LeasedRow,
    pub(super) settlement: Box<Settlement>,
    pub(super) reply: oneshot::Sender<()>,
}

/// A claim that waits for its turn.
pub(super) struct Claim {
    pub(super) customer: Customer,
    pub(super) limit: ClaimLimit,
    pub(super) reply: oneshot::Sender<Result<Taken, StoreError>>,
}

/// The end, asked for.
pub(super) struct Close {
    pub(super) clean: bool,
    pub(super) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// Everything but accepts that the writer is asked for.
pub(super) enum Command {
    Settle(Outcome),
    Duplicate(Customer),
    Claim(Claim),
    Operate(Operation),
    Close(Close),
}

/// Writes that go together.
#[derive(Default)]
pub(super) struct Writes {
    pub(super) accepts: Vec<Request>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) duplicates: Vec<Customer>,
}

impl Writes {
    pub(super) fn len(&self) -> usize {
        self.accepts.len() + self.outcomes.len() + self.duplicates.len()
    }

    /// Shows them to the database.
    pub(super) fn batch(&self) -> Batch<'_> {
        let accepts = self
            .accepts
            .iter()
            .map(|Request { new, lease, .. }| Accept { new, lease: *lease });
        let outcomes = self.outcomes.iter();
        Batch {
            accepts: accepts.collect(),
            settlements: outcomes
                .map(|outcome| (&outcome.row, &*outcome.settlement))
                .collect(),
            duplicates: &self.duplicates,
        }
    }

    /// Takes them apart, each write on its own.
    pub(super) fn each(self) -> impl Iterator<Item = Self> {
        let accepts = self.accepts.into_iter().map(|accept| Self {
            accepts: vec![accept],
            ..Self::default()
        });
        let outcomes = self.outcomes.into_iter().map(|outcome| Self {
            outcomes: vec![outcome],
            ..Self::default()
        });
        let duplicates = self.duplicates.into_iter().map(|duplicate| Self {
            duplicates: vec![duplicate],
            ..Self::default()
        });
        accepts.chain(outcomes).chain(duplicates)
    }

    /// Says what the database did not take, of which there is one.
    pub(super) fn tell_refused(&self, error: &StoreError) {
        if let Some(Request { new, .. }) = self.accepts.first() {
            error!(
                request = new.origin.request(), notification:% = new.id, customer:% = new.customer,
                account:% = new.account, attempt = 0, error:err = *error;
                "a notification cannot be stored"
            );
        } else if let Some(Outcome { settlement, .. }) = self.outcomes.first() {
            let (notification, attempt) = (&settlement.notification, settlement.progress.attempts);
            error!(
                request = notification.request(), notification:% = notification.id, customer:% = notification.customer,
                account:% = notification.account, attempt, error:err = *error;
                "an outcome cannot be stored; it is kept and tried again"
            );
        } else {
            let customer = self.duplicates.first();
            error!(customer = customer.map(Customer::as_str), error:err = *error; "a duplicate cannot be counted; it is tried again");
        }
    }
}

/// What waits for the next turn of the writer.
#[derive(Default)]
pub(super) struct Waiting {
    /// Accepts that have not come to their turn.
    pub(super) line: Line,
    pub(super) writes: Writes,
    pub(super) claims: Vec<Claim>,
    pub(super) operations: Vec<Operation>,
    pub(super) close: Option<Close>,
}

impl Waiting {
    /// Waits for something to do, but no longer than `nap`, and takes what goes into one
    /// transaction; of accepts and of commands at most `most`. Returns whether anybody is left to serve.
    pub(super) async fn gather(
        &mut self,
        accepts: &mut mpsc::Receiver<Request>,
        commands: &mut mpsc::UnboundedReceiver<Command>,
        most: usize,
        nap: Duration,
    ) -> bool {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(command) => self.take(command),
                None => return false,
            },
            Some(request) = accepts.recv(), if self.line.len() < most => self.line.push(request),
            () = tokio::time::sleep(nap) => {}
        }
        while let Ok(command) = commands.try_recv() {
            self.take(command);
            if self.writes.outcomes.len() >= most {
                break;
            }
        }
        while self.line.len() < most {
            let Ok(request) = accepts.try_recv() else { break };
            self.line.push(request);
        }
        self.writes.accepts = self.line.take();
        true
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Settle(outcome) => self.writes.outcomes.push(outcome),
            Command::Duplicate(customer) => self.writes.duplicates.push(customer),
            Command::Claim(claim) => self.claims.push(claim),
            Command::Operate(operation) => self.operations.push(operation),
            Command::Close(close) => self.close = Some(close),
        }
    }
}
