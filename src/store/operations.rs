//! What operators ask of the writer, one piece of work each.

use tokio::sync::oneshot;

use super::port::WriteSide;
use super::{DeadLetters, Redrive, RedriveStep, SettingChange, SettingChanged, StoreError};
use crate::domain::{Customer, RedriveState, Timestamp};

/// Where the answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Something that an operator asks for.
pub(super) enum Operation {
    /// Store a new redrive.
    AddRedrive { redrive: Box<Redrive>, reply: Reply<()> },
    /// Move a redrive to another state; the answer is whether it was in its state still.
    ChangeRedrive {
        redrive: Box<Redrive>,
        to: RedriveState,
        why: Option<String>,
        reply: Reply<bool>,
    },
    /// Put dead letters back; the answer is how many, or nothing where the redrive has changed.
    Redrive {
        step: Box<RedriveStep>,
        reply: Reply<Option<u64>>,
    },
    /// Delete dead letters; the answer is how many.
    Purge { letters: DeadLetters, reply: Reply<u64> },
    /// Put one dead letter back; the answer is whether it was dead.
    RedriveOne {
        customer: Customer,
        row: i64,
        key: Option<String>,
        reply: Reply<bool>,
    },
    /// Write settings.
    ChangeSetting {
        change: Box<SettingChange>,
        reply: Reply<SettingChanged>,
    },
}

impl Operation {
    /// Does it. Returns the trouble that the database was found to be in.
    pub(super) async fn carry_out(self, side: &mut impl WriteSide, now: Timestamp) -> Option<StoreError> {
        match self {
            Self::AddRedrive { redrive, reply } => answer(reply, side.add_redrive(&redrive).await),
            Self::ChangeRedrive {
                redrive,
                to,
                why,
                reply,
            } => answer(reply, side.change_redrive(&redrive, to, why.as_deref(), now).await),
            Self::Redrive { step, reply } => answer(reply, side.redrive(&step, now).await),
            Self::Purge { letters, reply } => answer(reply, side.purge(&letters).await),
            Self::RedriveOne {
                customer,
                row,
                key,
                reply,
            } => answer(reply, side.redrive_one(&customer, row, key.as_deref(), now).await),
            Self::ChangeSetting { change, reply } => answer(reply, side.change_setting(&change, now).await),
        }
    }

    /// Refuses it.
    pub(super) fn refuse(self, trouble: &StoreError) {
        let trouble = trouble.clone();
        match self {
            Self::AddRedrive { reply, .. } => drop(reply.send(Err(trouble))),
            Self::ChangeRedrive { reply, .. } | Self::RedriveOne { reply, .. } => {
                drop(reply.send(Err(trouble)))
            }
            Self::Redrive { reply, .. } => drop(reply.send(Err(trouble))),
            Self::Purge { reply, .. } => drop(reply.send(Err(trouble))),
            Self::ChangeSetting { reply, .. } => drop(reply.send(Err(trouble))),
        }
    }
}

/// Answers whoever asked, who may have stopped waiting.
fn answer<T>(reply: Reply<T>, done: Result<T, StoreError>) -> Option<StoreError> {
    let trouble = done
        .as_ref()
        .err()
        .filter(|error| error.is_unavailable())
        .cloned();
    let _ = reply.send(done);
    trouble
}
