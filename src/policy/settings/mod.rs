//! What can be set for customers and accounts: documents in, settings out.

mod customer;
mod members;
mod patch;

pub use customer::{CustomerSettings, RetrySettings};
pub use members::Fault;
pub use patch::{difference, merge};
