//! What a store holds, in numbers.

use std::collections::BTreeMap;
use std::fmt;

use futures_util::TryStreamExt;
use sqlx::Row;

use crate::store::Totals;
use crate::store::check::{Database, LEDGER, either};

/// What a store holds. Events and attempts without a notification are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of notifications.
    pub notifications: i64,
    /// The same by state.
    pub states: BTreeMap<String, i64>,
    /// Rows of events.
    pub events: i64,
    /// Bytes of them.
    pub bytes: i64,
    /// Rows of attempts.
    pub attempts: i64,
    /// The ledger of all customers.
    pub ledger: Totals,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states: Vec<String> = self
            .states
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let Totals {
            accepted,
            duplicates,
            queued,
            delivered,
            filtered,
            dead,
            expired,
            retries,
            failed_attempts,
        } = self.ledger;
        write!(
            f,
            "{} notifications ({}), {} events of {} bytes, {} attempts; counted {accepted} accepted, \
             {duplicates} duplicates, {queued} queued, {delivered} delivered, {filtered} filtered, \
             {dead} dead, {expired} expired, {retries} retries, {failed_attempts} failed attempts",
            self.notifications,
            states.join(", "),
            self.events,
            self.bytes,
            self.attempts,
        )
    }
}

/// The ledger, by customer; slots are added up.
pub(super) type Ledger = BTreeMap<String, Totals>;

pub(super) async fn ledger(database: &mut Database) -> Result<Ledger, sqlx::Error> {
    let mut ledger = Ledger::new();
    either!(database, connection => {
        let mut rows = sqlx::query(LEDGER).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let totals = Totals::of(|column| row.try_get(column + 1))?;
            ledger.insert(row.try_get(0)?, totals);
        }
    });
    Ok(ledger)
}

/// What is there up to a row: by state, how many rows and how many requests were made for them.
pub(super) type Prefix = BTreeMap<String, (i64, i64)>;

/// Counts what is there up to a row. Whatever a service does to a row changes this.
pub(super) async fn prefix(database: &mut Database, seq: i64) -> Result<Prefix, sqlx::Error> {
    let query = "SELECT state, count(*), CAST(sum(attempts) AS BIGINT) FROM notifications WHERE seq <= $1 \
                 GROUP BY state";
    let states: Vec<(String, i64, i64)> = either!(database, connection => {
        sqlx::query_as(query).bind(seq).fetch_all(connection).await?
    });
    let prefix = states.into_iter();
    Ok(prefix.map(|(state, rows, made)| (state, (rows, made))).collect())
}

/// Counts everything.
pub(super) async fn counts(database: &mut Database) -> Result<Counts, sqlx::Error> {
    let states: Vec<(String, i64)> = either!(database, connection => {
        sqlx::query_as("SELECT state, count(*) FROM notifications GROUP BY state")
            .fetch_all(connection)
            .await?
    });
    let (events, attempts) = match database {
        Database::Sqlite { .. } => (
            "SELECT count(*), CAST(coalesce(sum(length(e.body)), 0) AS BIGINT) \
             FROM notifications AS n JOIN events AS e ON e.seq = n.seq",
            "SELECT count(*) FROM notifications AS n JOIN attempts AS a ON a.seq = n.seq",
        ),
        Database::Postgres(_) => (
            "SELECT count(*), CAST(coalesce(sum(octet_length(e.body)), 0) AS BIGINT) \
             FROM notifications AS n JOIN events AS e ON e.customer = n.customer AND e.seq = n.seq",
            "SELECT count(*) FROM notifications AS n JOIN attempts AS a \
             ON a.customer = n.customer AND a.seq = n.seq",
        ),
    };
    let (events, bytes): (i64, i64) =
        either!(database, connection => sqlx::query_as(events).fetch_one(connection).await?);
    let attempts = database.number(attempts).await?;
    Ok(Counts {
        notifications: states.iter().map(|(_, count)| count).sum(),
        states: states.into_iter().collect(),
        events,
        bytes,
        attempts,
        ledger: sum(&ledger(database).await?),
    })
}

fn sum(ledger: &Ledger) -> Totals {
    ledger.values().fold(Totals::default(), |sum, totals| Totals {
        accepted: sum.accepted + totals.accepted,
        duplicates: sum.duplicates + totals.duplicates,
        queued: sum.queued + totals.queued,
        delivered: sum.delivered + totals.delivered,
        filtered: sum.filtered + totals.filtered,
        dead: sum.dead + totals.dead,
        expired: sum.expired + totals.expired,
        retries: sum.retries + totals.retries,
        failed_attempts: sum.failed_attempts + totals.failed_attempts,
    })
}
