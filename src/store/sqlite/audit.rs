//! Compares the ledger with the rows, each time as of one moment.

use std::ops::Range;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Sqlite};

use crate::domain::Customer;
use crate::store::audit::{
    AddedUp, Audit, AuditScope, Compared, Counted, MOST_ROWS, MinuteTally, Pick, Queries, RowCounts,
    SeriesScope,
};
use crate::store::fields::Fields;
use crate::store::{StoreError, Totals, rows};

const QUERIES: Queries<Sqlite> = Queries::new(" INDEXED BY notifications_by_id", "+n.customer");

/// Adds up the ledger and, where that is cheap, counts the rows.
pub(super) async fn audit(pool: &SqlitePool, scope: &AuditScope) -> Result<Audit, StoreError> {
    // Of one snapshot, from the first reading on.
    let mut snapshot = pool.begin().await?;
    let sums = one(&mut snapshot, QUERIES.ledger(scope)).await?;
    let ledger = Totals::of(|column| sums.int(column))?;
    let mut least = i64::MAX;
    for way in scope.ways() {
        let weight = one(&mut snapshot, QUERIES.weight(scope, *way)).await?;
        let weight = rows::int(&weight, "weight")?;
        if weight <= MOST_ROWS {
            let found = all(&mut snapshot, QUERIES.rows(scope, *way)).await?;
            return Ok(Audit {
                ledger,
                rows: Some(RowCounts::read(&found)?),
                counted: *way,
            });
        }
        least = least.min(weight);
    }
    Ok(Audit {
        ledger,
        rows: None,
        counted: Counted::TooMany(least),
    })
}

/// Adds up the ledger's minutes, point by point.
pub(super) async fn series(pool: &SqlitePool, scope: &SeriesScope) -> Result<Vec<Totals>, StoreError> {
    let found = QUERIES.series(scope).build().fetch_all(pool).await?;
    Ok(scope.fill(&found)?)
}

/// Compares the cells of one minute with the rows.
pub(super) async fn compare(
    pool: &SqlitePool,
    minutes: &Range<i64>,
    pick: Pick,
    patience: Duration,
) -> Result<Compared, StoreError> {
    let begun = Instant::now();
    let mut snapshot = pool.begin().await?;
    let minute = one(&mut snapshot, QUERIES.minute(minutes, pick)).await?;
    let Some(minute) = minute.int("minute")? else {
        return Ok(Compared::Nothing);
    };
    let mut tally = MinuteTally::new(minute, &all(&mut snapshot, QUERIES.cells(minute)).await?)?;
    for ids in tally.slices() {
        if begun.elapsed() > patience {
            return Ok(Compared::GaveUp { minute });
        }
        tally.add(&all(&mut snapshot, QUERIES.rows_of(minute, &ids)).await?)?;
    }
    Ok(tally.finish())
}

/// Adds up what the ledger says of some customers.
pub(super) async fn add_up(
    pool: &SqlitePool,
    after: Option<&Customer>,
    limit: u32,
) -> Result<AddedUp, StoreError> {
    let found = QUERIES.customers(after, limit).build().fetch_all(pool).await?;
    Ok(AddedUp::read(&found, limit)?)
}

async fn one(
    snapshot: &mut SqliteConnection,
    mut query: QueryBuilder<Sqlite>,
) -> Result<SqliteRow, sqlx::Error> {
    query.build().fetch_one(snapshot).await
}

async fn all(
    snapshot: &mut SqliteConnection,
    mut query: QueryBuilder<Sqlite>,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    query.build().fetch_all(snapshot).await
}
