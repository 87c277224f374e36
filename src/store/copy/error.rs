//! Why a store could not be copied.

use crate::store::{ConnectError, StoreError};

/// Why a store could not be copied, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source cannot be used.
    #[error("the source cannot be used")]
    Source(#[source] ConnectError),
    /// The target cannot be used.
    #[error("the target cannot be used")]
    Target(#[source] ConnectError),
    /// A row of the source has something in it that the target's columns cannot hold.
    #[error("row {seq} of the source cannot be read")]
    Row {
        /// Its number.
        seq: i64,
        /// What is wrong with it.
        #[source]
        source: sqlx::Error,
    },
    /// The target has something that the source has not.
    #[error("the target holds something else: {what}; copy into an empty database")]
    Foreign {
        /// What that is.
        what: String,
    },
}

/// Makes an error of one that the source's database returned.
pub(super) fn of_source(error: sqlx::Error) -> CopyError {
    CopyError::Source(ConnectError::Store(StoreError::from(error)))
}

/// Makes an error of one that the target's database returned.
pub(super) fn of_target(error: sqlx::Error) -> CopyError {
    CopyError::Target(ConnectError::Store(StoreError::from(error)))
}

/// Makes an error of something in the target that is not the source's.
pub(super) fn foreign(what: impl Into<String>) -> CopyError {
    CopyError::Foreign { what: what.into() }
}
