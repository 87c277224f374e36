//! Compares the ledger with the rows, each time as of one moment.

use std::ops::Range;
use std::time::{Duration, Instant};

use sqlx::QueryBuilder;
use sqlx::postgres::{PgConnection, PgRow, Postgres};

use crate::domain::Customer;
use crate::store::audit::{
    AddedUp, Audit, AuditScope, Compared, Counted, MOST_ROWS, MinuteTally, Pick, Queries, RowCounts,
    SeriesScope,
};
use crate::store::fields::Fields;
use crate::store::{StoreError, Totals, rows};

/// One replica at a time compares, under this lock.
const COMPARE_LOCK: i64 = 0x7376_6978_0003;

/// A customer that is no column by itself is looked for by no index.
const QUERIES: Queries<Postgres> = Queries::new("", "n.customer || ''");

/// Adds up the ledger and, where that is cheap, counts the rows.
pub(super) async fn audit(snapshot: &mut PgConnection, scope: &AuditScope) -> Result<Audit, StoreError> {
    let sums = one(snapshot, QUERIES.ledger(scope)).await?;
    let ledger = Totals::of(|column| sums.int(column))?;
    let mut least = i64::MAX;
    for way in scope.ways() {
        let weight = one(snapshot, QUERIES.weight(scope, *way)).await?;
        let weight = rows::int(&weight, "weight")?;
        if weight <= MOST_ROWS {
            let found = all(snapshot, QUERIES.rows(scope, *way)).await?;
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
pub(super) async fn series(
    connection: &mut PgConnection,
    scope: &SeriesScope,
) -> Result<Vec<Totals>, StoreError> {
    let found = all(connection, QUERIES.series(scope)).await?;
    Ok(scope.fill(&found)?)
}

/// Compares the cells of one minute with the rows, unless another replica is at it.
pub(super) async fn compare(
    snapshot: &mut PgConnection,
    minutes: &Range<i64>,
    pick: Pick,
    patience: Duration,
) -> Result<Compared, StoreError> {
    let begun = Instant::now();
    let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(COMPARE_LOCK)
        .fetch_one(&mut *snapshot)
        .await?;
    if !free {
        return Ok(Compared::Busy);
    }
    let minute = one(snapshot, QUERIES.minute(minutes, pick)).await?;
    let Some(minute) = minute.int("minute")? else {
        return Ok(Compared::Nothing);
    };
    let mut tally = MinuteTally::new(minute, &all(snapshot, QUERIES.cells(minute)).await?)?;
    for ids in tally.slices() {
        if begun.elapsed() > patience {
            return Ok(Compared::GaveUp { minute });
        }
        tally.add(&all(snapshot, QUERIES.rows_of(minute, &ids)).await?)?;
    }
    Ok(tally.finish())
}

/// Adds up what the ledger says of some customers.
pub(super) async fn add_up(
    connection: &mut PgConnection,
    after: Option<&Customer>,
    limit: u32,
) -> Result<AddedUp, StoreError> {
    let found = all(connection, QUERIES.customers(after, limit)).await?;
    Ok(AddedUp::read(&found, limit)?)
}

async fn one(connection: &mut PgConnection, mut query: QueryBuilder<Postgres>) -> Result<PgRow, sqlx::Error> {
    query.build().fetch_one(connection).await
}

async fn all(
    connection: &mut PgConnection,
    mut query: QueryBuilder<Postgres>,
) -> Result<Vec<PgRow>, sqlx::Error> {
    query.build().fetch_all(connection).await
}
