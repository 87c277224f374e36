//! Bytes of a posted event in, words of the domain out. Pure: no I/O, no clock.
//!
//! `Envelope::read` looks at each byte of the body a fixed number of times, borrows what it can, and
//! never touches the members it does not know. What it refuses, it refuses with everything that is wrong.

mod canonical;
mod depth;
mod error;
#[cfg(test)]
mod fuzz;
mod identity;
mod number;
mod object;
mod pointer;
mod read;
mod reserialised;
#[cfg(test)]
mod tests;

pub use canonical::{content_digest, same_content};
pub use error::{EnvelopeCode, EnvelopeError, EnvelopeErrors};
pub use identity::KeyPart;
pub use read::{Envelope, Limits};
pub use reserialised::{is_expired_marker, same_after_reserialising};
