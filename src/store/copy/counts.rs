//! What a store holds, in numbers.

use std::collections::BTreeMap;
use std::fmt;

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::Row;

use super::table::{AT_THE_END, BELONGINGS};
use crate::store::check::{self, Database, either};
use crate::store::{Totals, rows};

/// What a store holds. What belongs to a notification that is not there is not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of notifications.
    pub notifications: i64,
    /// The same by state.
    pub states: BTreeMap<String, i64>,
    /// Bytes of their events.
    pub bytes: i64,
    /// Rows of each other table, those of several slots as one.
    pub rows: BTreeMap<&'static str, i64>,
    /// The ledger of all customers.
    pub ledger: Totals,
    /// Notifications accepted, as the minutes of the ledger have it.
    pub accepted_in_minutes: i64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states = self.states.iter().map(|(state, count)| (state.as_str(), *count));
        let rows = self.rows.iter().map(|(table, count)| (*table, *count));
        let counted = Totals::COLUMNS.iter().copied().zip(self.ledger.values());
        write!(
            f,
            "{} notifications ({}), {} bytes of events; rows: {}; counted: {}; in minutes: {} accepted",
            self.notifications,
            list(states),
            self.bytes,
            list(rows),
            list(counted),
            self.accepted_in_minutes,
        )
    }
}

/// Names what there is any of.
fn list<'a>(counts: impl Iterator<Item = (&'a str, i64)>) -> String {
    let counts: Vec<String> = counts
        .filter(|(_, count)| *count != 0)
        .map(|(name, count)| format!("{count} {}", name.replace('_', " ")))
        .collect();
    if counts.is_empty() {
        return "none".to_owned();
    }
    counts.join(", ")
}

/// The ledger, by customer; slots are added up.
pub(super) type Ledger = BTreeMap<String, Totals>;

pub(super) async fn ledger(database: &mut Database) -> Result<Ledger, sqlx::Error> {
    let mut ledger = Ledger::new();
    either!(database, connection => {
        let mut rows = sqlx::query(check::ledger()).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let totals = Totals::of(|column| row.try_get(column))?;
            ledger.insert(row.try_get("customer")?, totals);
        }
    });
    Ok(ledger)
}

/// Settings by kind and name: of each its version, its revision and a digest of what it says.
pub(super) type Settings = BTreeMap<(String, String), (i64, i64, [u8; 32])>;

pub(super) async fn settings(database: &mut Database) -> Result<Settings, sqlx::Error> {
    let mut settings = Settings::new();
    either!(database, connection => {
        let mut found = sqlx::query("SELECT kind, name, version, revision, document, sealed FROM settings")
            .fetch(connection);
        while let Some(row) = found.try_next().await? {
            let document: Option<&str> = row.try_get("document")?;
            let sealed: Option<&[u8]> = row.try_get("sealed")?;
            let mut digest = Sha256::new();
            for part in [document.map(str::as_bytes), sealed] {
                // With its length, so that none can be taken for another.
                digest.update(part.map_or(-1, |part| rows::index(part.len())).to_be_bytes());
                digest.update(part.unwrap_or_default());
            }
            let says = (row.try_get("version")?, row.try_get("revision")?, digest.finalize().into());
            settings.insert((row.try_get("kind")?, row.try_get("name")?), says);
        }
    });
    Ok(settings)
}

/// What there is of notifications in one state. Whatever a service does to one changes this.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OfState {
    pub(super) rows: i64,
    /// Requests that were made for them.
    attempts: i64,
    /// Times that they were sent again.
    redrives: i64,
}

/// What is there up to a row, by state.
pub(super) type Prefix = BTreeMap<String, OfState>;

/// Counts what is there up to a row.
pub(super) async fn prefix(database: &mut Database, seq: i64) -> Result<Prefix, sqlx::Error> {
    let query = "SELECT state, count(*), CAST(sum(attempts) AS BIGINT), CAST(sum(redrives) AS BIGINT) \
                 FROM notifications WHERE seq <= $1 GROUP BY state";
    let states: Vec<(String, i64, i64, i64)> = either!(database, connection => {
        sqlx::query_as(query).bind(seq).fetch_all(connection).await?
    });
    let of_state = |(state, rows, attempts, redrives)| {
        let of_state = OfState {
            rows,
            attempts,
            redrives,
        };
        (state, of_state)
    };
    Ok(states.into_iter().map(of_state).collect())
}

/// Counts everything.
pub(super) async fn counts(database: &mut Database) -> Result<Counts, sqlx::Error> {
    let states: Vec<(String, i64)> = either!(database, connection => {
        sqlx::query_as("SELECT state, count(*) FROM notifications GROUP BY state")
            .fetch_all(connection)
            .await?
    });
    let shared = database.is_shared();
    let bytes = if shared {
        "SELECT CAST(coalesce(sum(octet_length(e.body)), 0) AS BIGINT) \
         FROM notifications AS n JOIN events AS e ON e.customer = n.customer AND e.seq = n.seq"
    } else {
        "SELECT CAST(coalesce(sum(length(e.body)), 0) AS BIGINT) \
         FROM notifications AS n JOIN events AS e ON e.seq = n.seq"
    };
    let accepted = "SELECT CAST(coalesce(sum(accepted), 0) AS BIGINT) FROM ledger_minutes";
    let mut rows = BTreeMap::new();
    for table in BELONGINGS.iter() {
        rows.insert(table.name, database.number(table.count(shared)).await?);
    }
    for table in AT_THE_END.iter() {
        rows.insert(table.name, database.number(table.count_all()).await?);
    }
    Ok(Counts {
        notifications: states.iter().map(|(_, count)| count).sum(),
        states: states.into_iter().collect(),
        bytes: database.number(bytes).await?,
        rows,
        ledger: sum(&ledger(database).await?),
        accepted_in_minutes: database.number(accepted).await?,
    })
}

fn sum(ledger: &Ledger) -> Totals {
    let mut sum = Totals::default();
    ledger.values().for_each(|totals| sum.add(totals));
    sum
}
