//! What can go wrong with a request before there is a whole answer.

use std::error::Error;
use std::io;

use super::{Account, excerpt};
use crate::domain::Answer;

/// Why a request has no answer that counts.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the account's address is not one that a request can go to")]
    Address,
    #[error("the request has characters that no request may have")]
    Request,
    #[error("the name of the server could not be looked up: {0}")]
    LookUp(#[source] io::Error),
    #[error("the name of the server leads to no address")]
    NoAddress,
    #[error("the server could not be connected to: {0}")]
    Connect(#[source] io::Error),
    #[error("the server could not be connected to in time")]
    ConnectTimeout,
    #[error("no encrypted connection could be made: {0}")]
    Encrypt(#[source] io::Error),
    #[error("no encrypted connection could be made in time")]
    EncryptTimeout,
    #[error("the connection ended before the request")]
    Unsent,
    #[error("the connection had been idle, and ended before an answer")]
    Idle,
    #[error("the connection ended before an answer")]
    Ended,
    #[error("the answer could not be read: {0}")]
    Unreadable(#[source] hyper::Error),
    #[error("the answer could not be read: it does not say in one way where it ends")]
    Framing,
    #[error("the answer could not be read: it is compressed")]
    Compressed,
    #[error("the answer could not be read: it changes the protocol")]
    Upgrade,
    #[error("the answer could not be read: there was no end of interim answers and headers")]
    EndlessHead,
    #[error("the answer could not be read: it is longer than {0} bytes")]
    TooLong(usize),
}

impl Failure {
    /// Says what it means for a notification: nothing, as long as no byte has gone out.
    pub(super) fn answer(&self) -> Answer {
        match self {
            Self::Address
            | Self::Request
            | Self::LookUp(_)
            | Self::NoAddress
            | Self::Connect(_)
            | Self::ConnectTimeout
            | Self::Encrypt(_)
            | Self::EncryptTimeout
            | Self::Unsent => Answer::Unavailable {
                retry_after: None,
                may_hold: false,
            },
            Self::Idle => Answer::Broken,
            Self::Ended
            | Self::Unreadable(_)
            | Self::Framing
            | Self::Compressed
            | Self::Upgrade
            | Self::EndlessHead
            | Self::TooLong(_) => Answer::Ambiguous,
        }
    }

    /// Says what went wrong, bounded and without the token.
    pub(super) fn words(&self, account: &Account) -> String {
        let words = match self {
            // Whoever wrote the address may not learn which names there are inside.
            Self::LookUp(_) | Self::NoAddress if account.is_guarded() => format!(
                "{} leads to no address that is allowed: a public one, or one in accounts.allowed_networks",
                account.base_url()
            ),
            Self::Unreadable(error) => match error.source() {
                Some(cause) => format!("{self}: {cause}"),
                None => self.to_string(),
            },
            _ => self.to_string(),
        };
        excerpt::bounded(&account.redact(&words))
    }
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        if error.is_canceled() {
            Self::Unsent
        } else if error.is_incomplete_message() {
            Self::Ended
        } else {
            Self::Unreadable(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_before_the_first_byte_is_harmless() {
        let error = || io::Error::from(io::ErrorKind::ConnectionRefused);
        for failure in [
            Failure::Address,
            Failure::LookUp(error()),
            Failure::NoAddress,
            Failure::Connect(error()),
            Failure::ConnectTimeout,
            Failure::Encrypt(error()),
            Failure::EncryptTimeout,
            Failure::Unsent,
        ] {
            assert_eq!(
                failure.answer(),
                Answer::Unavailable {
                    retry_after: None,
                    may_hold: false,
                },
                "{failure}"
            );
        }
        assert_eq!(Failure::Idle.answer(), Answer::Broken);
        for failure in [
            Failure::Ended,
            Failure::Framing,
            Failure::EndlessHead,
            Failure::TooLong(1),
        ] {
            assert_eq!(failure.answer(), Answer::Ambiguous, "{failure}");
        }
    }
}
