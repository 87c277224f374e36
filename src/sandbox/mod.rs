//! A Svix stand-in: the part of the Svix API that forwarding needs, kept in memory, with faults on demand.
//!
//! It is no Svix: nothing is delivered anywhere and everything is gone when the process ends. What it answers
//! is what a Svix server answers, down to the replay of idempotency keys and the conflict on event ids.
//!
//! ```text
//! handle    Sandbox: start, stop, resume, look into it    options   what it starts with
//! server    its threads and its listener                  connections  how one is broken without an answer
//! api       one request from arrival to answer            call, route, body, submission  what was asked
//! create, operations  what is done                        answer, refusal, page  what goes back
//! state     all that outlives a request                   credentials  which token is taken
//! ledger    application, message, identifier, insight     keys, claim  idempotency keys and their replay
//! faults    what goes wrong                               plan, dice  which request it hits
//! records   what arrived, for tests                       rate      was a rate kept?
//! control   /sandbox: faults and insight over HTTP
//! ```
//!
//! # Bounds
//! At most [`SandboxOptions::max_messages`] messages are held; the oldest is forgotten wholly, with its event
//! id, its key and its attempts, when one more comes in, and only the counts go on. Payloads are further
//! bounded by [`SandboxOptions::max_payload_bytes`]: the oldest are dropped first and are shown as expired,
//! as Svix does.
//!
//! # Control over HTTP
//! | | |
//! |---|---|
//! | `GET /sandbox/faults` | the [`Faults`] in force, camelCase: `{"delayMs":0,"status":null,…}` |
//! | `PUT /sandbox/faults` | replaces them all, a missing member takes its default; answers what is now in force, or 422 `{"code":"invalid_faults","detail":"…"}` |
//! | `GET /sandbox/messages?limit=50` | `{"count":n,"messages":[{"application","messageId","eventId","eventType","timestamp","attempts","payload"}]}`, newest first, at most 1000 |
//! | `GET /sandbox/requests` | `{"requests","messages","undispatched","unanswered","byStatus":{"202":n}}` |
//!
//! These need no token and are never touched by faults.

mod answer;
mod api;
mod application;
mod body;
mod call;
mod claim;
mod connections;
mod control;
mod create;
mod credentials;
mod dice;
mod faults;
mod handle;
mod identifier;
mod insight;
mod keys;
mod ledger;
mod message;
mod operations;
mod options;
mod page;
mod plan;
mod rate;
mod records;
mod refusal;
mod route;
mod server;
mod state;
mod submission;
#[cfg(test)]
mod tests;

pub use application::EndpointOptions;
pub use faults::Faults;
pub use handle::Sandbox;
pub use message::MessageRecord;
pub use options::{DEFAULT_APPLICATION, DEFAULT_TOKEN, SandboxOptions};
pub use rate::max_over_rate;
pub use records::RequestRecord;
