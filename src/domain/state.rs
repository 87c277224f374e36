//! The states of a notification and the moves between them.

/// A text that is none of the names it should be one of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is none of {known}")]
pub struct UnknownName {
    /// The names that would be right, separated by commas.
    pub known: String,
}

/// Declares an enum whose variants have one name each, in JSON, in the store and in queries.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the name used in JSON, in the store and in queries.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::UnknownName;

            fn from_str(text: &str) -> Result<Self, $crate::domain::UnknownName> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::domain::UnknownName { known: [$($text),+].join(", ") }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
pub(crate) use named;

named! {
    /// Where a notification stands.
    State {
        /// Accepted, or waiting for a retry; has a due time.
        Queued = "queued",
        /// Svix has it as one message.
        Delivered = "delivered",
        /// A filter decided that it is not sent.
        Filtered = "filtered",
        /// It will not be tried again by itself; the reason says why.
        Dead = "dead",
        /// Its time ran out before it could be delivered.
        Expired = "expired",
    }
}

impl State {
    /// Tells whether nothing moves it out of this state but an operator.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued)
    }

    /// Tells whether the pipeline itself may move a notification from here to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Queued, Self::Queued | Self::Delivered | Self::Filtered | Self::Dead | Self::Expired)
        )
    }

    /// Tells whether an operator's redrive may move a notification from here to `queued`.
    pub const fn may_be_redriven(self) -> bool {
        matches!(self, Self::Dead)
    }
}

named! {
    /// Why a notification is dead or expired.
    Reason {
        /// Svix refused it for what it holds (400, 413, 422).
        Rejected = "rejected",
        /// Svix does not know the application (404).
        Unroutable = "unroutable",
        /// Every attempt that the retry policy allows has failed.
        Exhausted = "exhausted",
        /// Svix holds another message under the same event id in that application.
        EventIdTaken = "event_id_taken",
        /// Svix holds the message, but dispatched it to nobody, however often it was asked to.
        Undispatched = "undispatched",
        /// The stored row cannot be read.
        Unreadable = "unreadable",
        /// It panicked the delivery code.
        Panicked = "panicked",
        /// It became older than it may be.
        TooOld = "too_old",
        /// The time that the event itself set came before it could be sent.
        PastExpiry = "past_expiry",
    }
}

named! {
    /// What shuts an account's gate.
    Shut {
        /// Svix asked for a pause.
        Limited = "limited",
        /// Svix is unavailable.
        Circuit = "circuit",
        /// Svix refuses the token.
        Refused = "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_final_state_is_left_by_itself() {
        for from in State::ALL.iter().filter(|state| state.is_final()) {
            for to in State::ALL {
                assert!(!from.may_become(*to), "{from} -> {to}");
            }
        }
        assert_eq!(State::ALL.iter().filter(|state| state.may_be_redriven()).count(), 1);
    }

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
        assert!(
            "nowhere"
                .parse::<State>()
                .is_err_and(|error| error.known.contains("queued, delivered"))
        );
    }
}
