//! Keeps notifications durably: the port that the rest of the service sees, and what stands behind it.
//!
//! ```text
//!  accept, settle, claim ──▶ writer (gathers what waits) ──▶ one transaction, one fsync ──▶ SQLite
//!  find, list, totals ─────▶ reader (connections beside the writer) ──────────────────────▶ SQLite
//! ```
//! Whoever takes a notification to deliver it holds its [`Lease`]; dropping that gives it back.

mod accounts;
mod audit;
mod changes;
mod check;
mod clock;
mod condition;
mod copy;
mod directory;
mod disk;
mod error;
mod fields;
mod handle;
mod key_uses;
mod known;
mod known_account;
mod known_customer;
mod known_keys;
mod known_portals;
mod lease;
mod ledger;
mod line;
mod narrowing;
mod operating;
mod operations;
mod port;
mod portal_rows;
mod postgres;
mod pruning;
mod query;
mod redrive;
mod redrive_rows;
mod releases;
mod repeat;
mod retention;
mod rows;
mod setting_rows;
mod settings;
mod shapes;
mod sqlite;
mod survey;
mod taken;
mod undelivered;
mod waiting;
mod watch;
mod writer;

#[cfg(test)]
mod contract;
#[cfg(test)]
pub(crate) mod examples;

pub use accounts::{RateOwner, SharedGate, Slice, SliceRequest};
pub use audit::{
    AddedUp, Audit, AuditScope, Compared, Counted, Difference, MOST_ROWS, Pick, RowCounts, SeriesScope,
};
pub use check::{CheckReport, ConnectError, Fault, Finding, check};
pub use condition::Condition;
pub use copy::{CopyError, CopyReport, Counts, Progress as CopyProgress, copy};
pub use directory::{Directory, RateInForce};
pub use disk::{Disk, DiskSpace};
pub use error::{StoreError, Trouble};
pub use handle::{Store, StoreOptions};
pub use key_uses::KeySource;
pub use known_account::KnownAccount;
pub use known_customer::{FilterFailures, KnownCustomer};
pub use known_keys::KnownKey;
pub use lease::{Lease, Leased};
pub use ledger::Totals;
pub use narrowing::Narrowing;
pub use query::{Cursor, CursorError, Filter, Page};
pub use redrive::{DeadGroup, DeadLetters, GroupBy, Redrive, RedriveStep, Redrives, SentAgain};
pub use retention::Retention;
pub use rows::ATTEMPTS_KEPT;
pub use settings::{
    Expected, Setting, SettingCause, SettingChange, SettingChanged, SettingChanges, SettingKind,
    SettingQuery, SettingVersion,
};
pub use shapes::{Accepted, Existing, NewNotification, OtherEvent, Record, Settlement};
pub use survey::{BacklogSurvey, Overdue, SurveyBounds, SurveyPart, SurveyPlace, Surveyor, Waiting};
pub use taken::{ClaimLimit, Taken};
pub use undelivered::DeadQuery;
pub use watch::{Unwatched, Watch};
