//! Puts the questions, each to one connection.

use std::ops::Range;
use std::time::{Duration, Instant};

use sqlx::{Database, Encode, Executor, IntoArguments, QueryBuilder, Type};

use super::{
    AddedUp, Audit, AuditScope, Compared, Counted, MOST_ROWS, MinuteTally, Pick, Queries, RowCounts,
    SeriesScope,
};
use crate::domain::Customer;
use crate::store::fields::Fields;
use crate::store::{StoreError, Totals, rows};

impl<DB> Queries<DB>
where
    DB: Database<Row: Fields, Arguments: IntoArguments<DB>>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    Vec<u8>: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    /// Adds up the ledger, of one customer or of all.
    pub(in crate::store) async fn totals(
        &self,
        connection: &mut DB::Connection,
        customer: Option<Customer>,
    ) -> Result<Totals, StoreError> {
        let scope = AuditScope {
            customer,
            minutes: None,
        };
        self.sums(connection, &scope).await
    }

    async fn sums(&self, connection: &mut DB::Connection, scope: &AuditScope) -> Result<Totals, StoreError> {
        let sums = one(connection, self.ledger(scope)).await?;
        Ok(Totals::of(|column| sums.int(column))?)
    }

    /// Adds up the ledger and, where that is cheap, counts the rows, of one snapshot.
    pub(in crate::store) async fn audit(
        &self,
        snapshot: &mut DB::Connection,
        scope: &AuditScope,
    ) -> Result<Audit, StoreError> {
        let ledger = self.sums(snapshot, scope).await?;
        let mut least = i64::MAX;
        for way in scope.ways() {
            let weight = one(snapshot, self.weight(scope, *way)).await?;
            let weight = rows::int(&weight, "weight")?;
            if weight <= MOST_ROWS {
                let found = all(snapshot, self.rows(scope, *way)).await?;
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
    pub(in crate::store) async fn points(
        &self,
        connection: &mut DB::Connection,
        scope: &SeriesScope,
    ) -> Result<Vec<Totals>, StoreError> {
        let found = all(connection, self.series(scope)).await?;
        Ok(scope.fill(&found)?)
    }

    /// Compares the cells of one minute with the rows, of one snapshot.
    pub(in crate::store) async fn compare(
        &self,
        snapshot: &mut DB::Connection,
        minutes: &Range<i64>,
        pick: Pick,
        patience: Duration,
    ) -> Result<Compared, StoreError> {
        let begun = Instant::now();
        let minute = one(snapshot, self.minute(minutes, pick)).await?;
        let Some(minute) = minute.int("minute")? else {
            return Ok(Compared::Nothing);
        };
        let mut tally = MinuteTally::new(minute, &all(snapshot, self.cells(minute)).await?)?;
        for ids in tally.slices() {
            if begun.elapsed() > patience {
                return Ok(Compared::GaveUp { minute });
            }
            tally.add(&all(snapshot, self.rows_of(minute, &ids)).await?)?;
        }
        Ok(tally.finish())
    }

    /// Adds up what the ledger says of some customers.
    pub(in crate::store) async fn add_up(
        &self,
        connection: &mut DB::Connection,
        after: Option<&Customer>,
        limit: u32,
    ) -> Result<AddedUp, StoreError> {
        let found = all(connection, self.customers(after, limit)).await?;
        Ok(AddedUp::read(&found, limit)?)
    }
}

async fn one<DB>(connection: &mut DB::Connection, mut query: QueryBuilder<DB>) -> Result<DB::Row, sqlx::Error>
where
    DB: Database<Arguments: IntoArguments<DB>>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    query.build().fetch_one(connection).await
}

async fn all<DB>(
    connection: &mut DB::Connection,
    mut query: QueryBuilder<DB>,
) -> Result<Vec<DB::Row>, sqlx::Error>
where
    DB: Database<Arguments: IntoArguments<DB>>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    query.build().fetch_all(connection).await
}
