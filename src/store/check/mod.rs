//! Looks through a whole store for what must never be: rows that cannot be read, events that are gone
//! or changed, counts that do not add up.
//!
//! ```text
//! connect   opens a database without becoming its service
//! walk      passes every row by, a batch at a time
//! sums      adds up what is counted, and what it counts
//! settings  reads what is set, with its versions and the uses of keys
//! survey    judges each
//! findings  what is wrong, in words
//! ```
//! It writes nothing, and holds one batch of rows and the counts of each customer in memory.

mod connect;
mod findings;
mod settings;
mod sums;
mod survey;
mod walk;

#[cfg(test)]
pub(super) mod tests;

pub use connect::ConnectError;
pub(super) use connect::{Database, either, refused};
pub use findings::{CheckReport, Fault, Finding};
pub(super) use sums::ledger;
use survey::Survey;
#[cfg(test)]
pub(super) use walk::of_file;

/// Checks the store that the URL names. An embedded one must not be in use; a shared one may be, and is
/// seen as it is at one moment.
///
/// # Errors
/// When there is no such store, another process uses it, or it cannot be read.
pub async fn check(url: &str) -> Result<CheckReport, ConnectError> {
    let mut database = Database::for_reading(url).await?;
    database.begin_reading().await?;
    let mut survey = Survey::default();
    walk::all(&mut database, &mut survey).await.map_err(refused)?;
    sums::all(&mut database, &mut survey).await.map_err(refused)?;
    settings::all(&mut database, &mut survey).await.map_err(refused)?;
    database.close().await.map_err(refused)?;
    Ok(survey.finish())
}
