//! What is set for customers, accounts and keys, as the store keeps it: documents whose content others know.

use crate::domain::{Timestamp, named};

named! {
    /// What settings are about.
    SettingKind {
        /// A customer.
        Customer = "customer",
        /// An account at Svix.
        Account = "account",
        /// A key that callers may show.
        Key = "key",
        /// A token for the page of one customer, which has no versions and leaves by itself.
        Portal = "portal",
    }
}

named! {
    /// How a version of settings came about.
    SettingCause {
        /// They were written as a whole.
        Put = "put",
        /// Some of them were written.
        Patch = "patch",
        /// They were deleted.
        Delete = "delete",
        /// They were made what they had been.
        Rollback = "rollback",
        /// Their secret was written.
        Secret = "secret",
    }
}

/// Settings as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What they are about.
    pub kind: SettingKind,
    /// Whose they are.
    pub name: String,
    /// From 1 on; each change gets the next, deletions too.
    pub version: i64,
    /// Of all settings together: each change gets the next.
    pub revision: i64,
    /// JSON; none where they were deleted.
    pub document: Option<String>,
    /// Secrets, sealed.
    pub sealed: Option<Vec<u8>>,
    /// When they were first written after they had not been there.
    pub created_at: Timestamp,
    /// When they were changed last.
    pub changed_at: Timestamp,
    /// By whose key.
    pub key: Option<String>,
}

/// Settings as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingVersion {
    /// Which version it is.
    pub version: i64,
    /// When it was written.
    pub at: Timestamp,
    /// By whose key.
    pub key: Option<String>,
    /// How it came about.
    pub cause: SettingCause,
    /// JSON; none where they were deleted.
    pub document: Option<String>,
}

/// What settings must be like before they are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Anything.
    Anything,
    /// Not there.
    Absent,
    /// There, in whichever version.
    Present,
    /// There, in this version.
    Version(i64),
    /// A key, and not the last one that may change keys: no two changes at once can take away the last two.
    NotLastAdmin,
    /// A token for a customer's page that is not there, of a customer who may have another. Where it may not, it is
    /// refused with the one that ends first.
    PortalRoom,
}

impl Expected {
    /// Tells whether what is there is what was expected; which keys there are beside it, is for others to tell.
    pub fn holds(self, there: Option<&Setting>) -> bool {
        match self {
            Self::Anything => true,
            Self::Absent | Self::PortalRoom => there.is_none(),
            Self::Present | Self::NotLastAdmin => there.is_some(),
            Self::Version(version) => there.is_some_and(|there| there.version == version),
        }
    }
}

/// Settings that are to be written.
#[derive(Debug, Clone)]
pub struct SettingChange {
    /// What they are about.
    pub kind: SettingKind,
    /// Whose they are.
    pub name: String,
    /// How this comes about.
    pub cause: SettingCause,
    /// JSON; none to delete them.
    pub document: Option<String>,
    /// The secrets from now on, sealed; none to keep those that are there.
    pub sealed: Option<Vec<u8>>,
    /// What they must be like.
    pub expected: Expected,
    /// By whose key.
    pub key: Option<String>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingChanged {
    /// It is written.
    Written {
        /// What is there now.
        now: Setting,
        /// Whether nothing was there before.
        created: bool,
    },
    /// That is there already.
    Unchanged(Setting),
    /// What is there is not what was expected.
    Refused(Option<Setting>),
}

/// Which settings are asked for.
#[derive(Debug, Clone)]
pub enum SettingQuery {
    /// These.
    One(SettingKind, String),
    /// Those of a kind that are there, in the order of their names, after this one, up to so many.
    Page(SettingKind, Option<String>, u32),
}

/// What was changed of all settings after a revision, deletions too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingChanges {
    /// What can be read of it, in the order of the revisions.
    pub settings: Vec<Setting>,
    /// The revisions of what cannot, and why; a later version of this service may have written it.
    pub unreadable: Vec<(i64, String)>,
    /// Up to which revision it goes.
    pub revision: i64,
    /// Whether there may be more.
    pub more: bool,
}
