//! What can be set for customers, accounts and keys: documents in, settings out.

mod account;
mod customer;
mod key;
mod members;
mod patch;
mod rate;

pub use account::{SvixAccount, check_account_name};
pub use customer::{CustomerSettings, RetrySettings};
pub use key::{KeyGrant, KeyRequest, KeySettings};
pub use members::{Fault, Spelling};
pub use patch::{difference, merge};
pub use rate::CustomerRate;
