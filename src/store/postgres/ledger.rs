//! Adds a transaction's changes to the ledger.

use std::sync::LazyLock;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, SqlSafeStr};

use crate::domain::Timestamp;
use crate::store::StoreError;
use crate::store::changes::{Cell, Changes, DeathKind, Deaths};
use crate::store::ledger::Totals;

/// Adds cells to the customers' counts and to those of their minutes; of old ones only where they are still there.
static ADD: LazyLock<String> = LazyLock::new(|| {
    let columns = Totals::COLUMNS.join(", ");
    let each = |of: &dyn Fn((usize, &&str)) -> String| -> String {
        let each: Vec<String> = Totals::COLUMNS.iter().enumerate().map(of).collect();
        each.join(", ")
    };
    let arrays = each(&|(index, _)| format!("${}::BIGINT[]", index + 5));
    let totals = each(&|(_, column)| format!("sum({column})::BIGINT"));
    let sums = each(&|(_, column)| format!("{column} = l.{column} + excluded.{column}"));
    format!(
        "WITH given AS MATERIALIZED ( \
           SELECT * FROM unnest($2::TEXT[], $3::BIGINT[], $4::BOOLEAN[], {arrays}) \
             AS given (customer, minute, is_old, {columns})), \
         minutes AS ( \
           INSERT INTO ledger_minutes AS l (customer, minute, slot, {columns}) \
           SELECT customer, minute, $1, {columns} FROM given \
           WHERE NOT is_old OR EXISTS ( \
             SELECT 1 FROM ledger_minutes AS m WHERE m.customer = given.customer AND m.minute = given.minute) \
           ON CONFLICT (customer, minute, slot) DO UPDATE SET {sums}) \
         INSERT INTO ledger AS l (customer, slot, {columns}) \
         SELECT customer, $1, {totals} FROM given GROUP BY customer \
         ON CONFLICT (customer, slot) DO UPDATE SET {sums}"
    )
});

/// Adds the changes to the rows of this replica's slot.
pub(super) async fn add(
    connection: &mut PgConnection,
    slot: i64,
    changes: &Changes,
) -> Result<(), StoreError> {
    let (kept, old) = (changes.cells(), changes.old_cells());
    let cells = kept.map(|cell| (cell, false)).chain(old.map(|cell| (cell, true)));
    let cells: Vec<(Cell<'_>, bool)> = cells.collect();
    if cells.is_empty() {
        return Ok(());
    }
    // Nothing but fixed text is in it.
    let query = sqlx::query(AssertSqlSafe(ADD.as_str()).into_sql_str())
        .bind(slot)
        .bind(
            cells
                .iter()
                .map(|((customer, ..), _)| customer.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            cells
                .iter()
                .map(|((_, minute, _), _)| *minute)
                .collect::<Vec<_>>(),
        )
        .bind(cells.iter().map(|(_, is_old)| *is_old).collect::<Vec<_>>());
    let mut columns = vec![Vec::with_capacity(cells.len()); Totals::COLUMNS.len()];
    for ((_, _, totals), _) in &cells {
        for (column, value) in columns.iter_mut().zip(totals.values()) {
            column.push(value);
        }
    }
    columns
        .into_iter()
        .fold(query, sqlx::query::Query::bind)
        .execute(&mut *connection)
        .await?;
    // In this order: a step of a redrive holds the redrive's row before it counts deaths, and whoever deletes
    // waits for counts of deaths last. The other way round they could wait for each other in a circle.
    add_redriven(connection, changes).await?;
    add_deaths(connection, slot, changes).await
}

/// Adds to the kinds of dead letters.
async fn add_deaths(connection: &mut PgConnection, slot: i64, changes: &Changes) -> Result<(), StoreError> {
    let deaths: Vec<(&DeathKind, &Deaths)> = changes.deaths().iter().collect();
    if deaths.is_empty() {
        return Ok(());
    }
    let texts =
        |of: fn(&DeathKind) -> &str| -> Vec<&str> { deaths.iter().map(|(kind, _)| of(kind)).collect() };
    let times = |of: fn(&Deaths) -> Timestamp| -> Vec<i64> {
        deaths.iter().map(|(_, deaths)| of(deaths).as_millis()).collect()
    };
    sqlx::query(
        "INSERT INTO dead_groups AS g (customer, slot, event_type, reason, status, outcome, dead, first_at, last_at) \
         SELECT d.customer, $1, d.event_type, d.reason, d.status, d.outcome, d.dead, d.first_at, d.last_at \
         FROM unnest($2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], $6::TEXT[], $7::BIGINT[], $8::BIGINT[], \
           $9::BIGINT[]) AS d (customer, event_type, reason, status, outcome, dead, first_at, last_at) \
         ON CONFLICT (customer, slot, event_type, reason, status, outcome) DO UPDATE SET \
           dead = g.dead + excluded.dead, first_at = least(g.first_at, excluded.first_at), \
           last_at = greatest(g.last_at, excluded.last_at)",
    )
    .bind(slot)
    .bind(texts(|kind| kind.customer.as_str()))
    .bind(texts(|kind| &kind.event_type))
    .bind(texts(|kind| &kind.reason))
    .bind(deaths.iter().map(|(kind, _)| kind.status).collect::<Vec<_>>())
    .bind(texts(|kind| &kind.outcome))
    .bind(deaths.iter().map(|(_, deaths)| deaths.dead).collect::<Vec<_>>())
    .bind(times(|deaths| deaths.first_at))
    .bind(times(|deaths| deaths.last_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Adds to how far redrives have come.
async fn add_redriven(connection: &mut PgConnection, changes: &Changes) -> Result<(), StoreError> {
    // In order, so that no two replicas wait for each other.
    for (redrive, counts) in changes.redrives() {
        sqlx::query(
            "UPDATE redrives SET delivered = delivered + $1, dead = dead + $2, expired = expired + $3 WHERE id = $4",
        )
        .bind(counts.delivered)
        .bind(counts.dead)
        .bind(counts.expired)
        .bind(redrive.as_bytes().as_slice())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
