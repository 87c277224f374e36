//! What can be set for customers, accounts and keys: documents in, settings out.

mod account;
mod customer;
mod key;
mod members;
mod own;
mod patch;
mod portal;
mod rate;
mod retry;

pub use account::{SvixAccount, check_account_name};
pub use customer::CustomerSettings;
pub use key::{KeyGrant, KeyRequest, KeySettings};
pub use members::{Fault, Spelling};
pub use own::Own;
pub use patch::{difference, merge};
pub use portal::PortalRequest;
pub use rate::CustomerRate;
pub use retry::{RetryBounds, RetrySettings};
