//! What the ledger shows to tests and to `/sandbox`, beyond what Svix shows.

use bytes::Bytes;

use super::ledger::Ledger;
use super::message::MessageRecord;

impl Ledger {
    /// Shows the newest messages that are held, newest first.
    pub(super) fn newest(&self, now: u64) -> impl DoubleEndedIterator<Item = MessageRecord> {
        self.numbered().rev().map(move |(number, message)| MessageRecord {
            application: self.name(message.application).to_owned(),
            event_id: message.event_id.as_deref().map(str::to_owned),
            event_type: message.event_type.to_string(),
            message_id: self.id(number, message.at),
            payload: message
                .payload
                .as_ref()
                .map(|payload| Bytes::copy_from_slice(payload.get().as_bytes())),
            timestamp: self.timestamp(message.at),
            attempts: message.attempts(now).count(),
        })
    }

    /// Returns the event ids, or ids where there are none, of the messages that an enabled endpoint gets and
    /// that no attempt was made for by itself or with success, oldest first.
    pub(super) fn undispatched(&self, now: u64) -> impl Iterator<Item = String> {
        self.numbered()
            .filter(move |(_, message)| {
                let mut attempts = message.attempts(now);
                attempts.all(|(_, attempt)| attempt.manual && attempt.failed())
            })
            .filter_map(|(number, message)| {
                let mut endpoints = self.endpoints(message.application).iter();
                let due =
                    endpoints.any(|endpoint| endpoint.options.gets(&message.event_type, &message.channels));
                let name = || {
                    message
                        .event_id
                        .as_deref()
                        .map_or_else(|| self.id(number, message.at), str::to_owned)
                };
                due.then(name)
            })
    }
}
