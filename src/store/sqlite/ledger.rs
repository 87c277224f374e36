//! Adds a transaction's changes to the ledger, and commits it.

use sqlx::sqlite::SqliteConnection;

use super::chunks::{Chunked, LARGEST, Rows};
use crate::store::StoreError;
use crate::store::changes::{Cell, Changes};
use crate::store::ledger::Totals;

/// The statements of this file.
pub(super) struct LedgerStatements {
    add: Chunked,
    /// The same with the end of the transaction, which saves a trip.
    add_and_commit: Chunked,
    /// For minutes that may have been deleted.
    add_to_old: Chunked,
}

impl Default for LedgerStatements {
    fn default() -> Self {
        Self {
            add: add(),
            add_and_commit: add().and_then("COMMIT"),
            add_to_old: add_to_old(),
        }
    }
}

/// Makes the statements that add cells to the customers' counts and to those of their minutes.
fn add() -> Chunked {
    let columns = Totals::COLUMNS.join(", ");
    with_customers(&Rows {
        head: &format!("INSERT OR FAIL INTO ledger_minutes (customer, minute, {columns}) VALUES"),
        row: &format!("(?, ?, {})", values()),
        tail: &format!("ON CONFLICT (customer, minute) DO UPDATE SET {}", sums("ledger_minutes", "excluded")),
    })
}

/// The same, but for minutes that are not there nothing is added.
fn add_to_old() -> Chunked {
    let columns = Totals::COLUMNS.join(", ");
    with_customers(&Rows {
        head: &format!("WITH given (customer, minute, {columns}) AS (VALUES"),
        row: &format!("(?, ?, {})", values()),
        tail: &format!(
            ") UPDATE OR FAIL ledger_minutes SET {} FROM given \
             WHERE ledger_minutes.customer = given.customer AND ledger_minutes.minute = given.minute",
            sums("ledger_minutes", "given")
        ),
    })
}

/// Makes the statements that add to the customers' counts, and then to their minutes.
fn with_customers(minutes: &Rows<'_>) -> Chunked {
    let columns = Totals::COLUMNS.join(", ");
    let customers = Rows {
        head: &format!("INSERT OR FAIL INTO ledger (customer, {columns}) VALUES"),
        row: &format!("(?, {})", values()),
        tail: &format!("ON CONFLICT (customer) DO UPDATE SET {}", sums("ledger", "excluded")),
    };
    Chunked::new(&[customers, *minutes])
}

fn values() -> String {
    vec!["?"; Totals::COLUMNS.len()].join(", ")
}

fn sums(table: &str, added: &str) -> String {
    let sums = Totals::COLUMNS
        .iter()
        .map(|column| format!("{column} = {table}.{column} + {added}.{column}"));
    sums.collect::<Vec<_>>().join(", ")
}

impl LedgerStatements {
    /// Adds the changes.
    pub(super) async fn add(
        &self,
        connection: &mut SqliteConnection,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        self.add_rare(connection, changes).await?;
        let cells: Vec<_> = changes.cells().collect();
        for (statement, chunk) in self.add.cut(&cells, LARGEST) {
            bind(sqlx::query(statement), chunk)
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// Adds the changes and commits.
    pub(super) async fn commit(
        &self,
        connection: &mut SqliteConnection,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        self.add_rare(connection, changes).await?;
        let cells: Vec<_> = changes.cells().collect();
        let mut chunks = self.add.cut(&cells, LARGEST);
        let last = chunks.pop().map_or(&[][..], |(_, last)| last);
        for (statement, chunk) in chunks {
            bind(sqlx::query(statement), chunk)
                .execute(&mut *connection)
                .await?;
        }
        match self.add_and_commit.cut(last, LARGEST).pop() {
            Some((statement, last)) => bind(sqlx::query(statement), last).execute(connection).await?,
            None => sqlx::query("COMMIT").execute(connection).await?,
        };
        Ok(())
    }

    /// Adds what few transactions change: old minutes, kinds of dead letters, and how far redrives have come.
    async fn add_rare(&self, connection: &mut SqliteConnection, changes: &Changes) -> Result<(), StoreError> {
        let cells: Vec<_> = changes.old_cells().collect();
        for (statement, chunk) in self.add_to_old.cut(&cells, LARGEST) {
            bind(sqlx::query(statement), chunk)
                .execute(&mut *connection)
                .await?;
        }
        add_deaths(connection, changes).await?;
        add_redriven(connection, changes).await
    }
}

async fn add_deaths(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), StoreError> {
    for (kind, deaths) in changes.deaths() {
        sqlx::query(
            "INSERT INTO dead_groups (customer, event_type, reason, status, outcome, dead, first_at, last_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (customer, event_type, reason, status, outcome) \
             DO UPDATE SET dead = dead + excluded.dead, first_at = min(first_at, excluded.first_at), \
               last_at = max(last_at, excluded.last_at)",
        )
        .bind(kind.customer.as_str())
        .bind(&kind.event_type)
        .bind(&*kind.reason)
        .bind(kind.status)
        .bind(&*kind.outcome)
        .bind(deaths.dead)
        .bind(deaths.first_at.as_millis())
        .bind(deaths.last_at.as_millis())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn add_redriven(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), StoreError> {
    for (redrive, counts) in changes.redrives() {
        sqlx::query(
            "UPDATE redrives SET delivered = delivered + ?, dead = dead + ?, expired = expired + ? WHERE id = ?",
        )
        .bind(counts.delivered)
        .bind(counts.dead)
        .bind(counts.expired)
        .bind(redrive.as_bytes().to_vec())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

fn bind<'q>(query: Query<'q>, chunk: &[Cell<'_>]) -> Query<'q> {
    let query = chunk.iter().fold(query, |query, (customer, _, totals)| {
        let query = query.bind(customer.as_str().to_owned());
        totals.values().fold(query, Query::bind)
    });
    chunk.iter().fold(query, |query, (customer, minute, totals)| {
        let query = query.bind(customer.as_str().to_owned()).bind(*minute);
        totals.values().fold(query, Query::bind)
    })
}
