//! Passes all of a database by, a batch at a time and row by row, so that it costs the same memory however
//! much there is.

use futures_util::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row, SqlSafeStr, SqlStr};

use super::Database;
use super::connect::either;
use super::findings::Fault;
use super::survey::Survey;
use crate::store::{Totals, rows};

/// Rows of one statement, which SQLite or PostgreSQL may have to sort.
const BATCH: usize = 1000;

/// The counts of each customer; those of several slots together.
pub(in crate::store) const LEDGER: &str = "SELECT customer, \
    CAST(sum(accepted) AS BIGINT), CAST(sum(duplicates) AS BIGINT), \
    CAST(sum(queued) AS BIGINT), CAST(sum(delivered) AS BIGINT), CAST(sum(filtered) AS BIGINT), \
    CAST(sum(dead) AS BIGINT), CAST(sum(expired) AS BIGINT), CAST(sum(retries) AS BIGINT), \
    CAST(sum(failed_attempts) AS BIGINT) FROM ledger GROUP BY customer";

/// Shows everything to the survey.
pub(super) async fn all(database: &mut Database, survey: &mut Survey) -> Result<(), sqlx::Error> {
    match database {
        Database::Sqlite { connection, .. } => file(connection, survey).await?,
        Database::Postgres(connection) => server(connection, survey).await?,
    }
    either!(database, connection => {
        let mut ledger = sqlx::query(LEDGER).fetch(connection);
        while let Some(row) = ledger.try_next().await? {
            match row.try_get(0) {
                Ok(customer) => survey.ledger(customer, &Totals::of(|column| row.try_get(column + 1))?),
                Err(why) => survey.broken_ledger(&why),
            }
        }
    });
    Ok(())
}

async fn file(connection: &mut SqliteConnection, survey: &mut Survey) -> Result<(), sqlx::Error> {
    // What is queued is in the queue by that alone.
    let statement = select(
        "CASE state WHEN 'queued' THEN due_at END AS queued_for, NULL AS owner",
        "seq > $1 ORDER BY seq",
        "e.seq = n.seq",
    );
    let mut after = i64::MIN;
    loop {
        let mut found = 0;
        let query = sqlx::query(statement.clone()).bind(after);
        let mut batch = query.fetch(&mut *connection);
        while let Some(row) = batch.try_next().await? {
            survey.notification(&row);
            after = row.try_get("seq")?;
            found += 1;
        }
        if found < BATCH {
            break;
        }
    }
    let mut orphans = sqlx::query_scalar(
        "SELECT seq FROM events AS e WHERE NOT EXISTS (SELECT 1 FROM notifications AS n WHERE n.seq = e.seq)",
    )
    .fetch(connection);
    while let Some(seq) = orphans.try_next().await? {
        survey.orphan(Fault::EventOrphaned, seq);
    }
    Ok(())
}

async fn server(connection: &mut PgConnection, survey: &mut Survey) -> Result<(), sqlx::Error> {
    let runs: Vec<i64> = sqlx::query_scalar("SELECT run FROM replicas")
        .fetch_all(&mut *connection)
        .await?;
    survey.replicas.extend(runs);
    // Only with the customer is a number one row's.
    let statement = select(
        "(SELECT q.due_at FROM queue AS q WHERE q.customer = notifications.customer AND q.seq = notifications.seq) \
           AS queued_for, \
         (SELECT q.owner FROM queue AS q WHERE q.customer = notifications.customer AND q.seq = notifications.seq) \
           AS owner",
        "seq >= $1 AND (seq, customer) > ($1, $2) ORDER BY seq, customer",
        "e.customer = n.customer AND e.seq = n.seq",
    );
    let mut after = (i64::MIN, String::new());
    loop {
        let mut found = 0;
        let query = sqlx::query(statement.clone()).bind(after.0).bind(after.1.clone());
        let mut batch = query.fetch(&mut *connection);
        while let Some(row) = batch.try_next().await? {
            survey.notification(&row);
            after = (row.try_get("seq")?, row.try_get("customer")?);
            found += 1;
        }
        if found < BATCH {
            break;
        }
    }
    for (fault, orphans) in [
        (
            Fault::EventOrphaned,
            "SELECT seq FROM events AS e WHERE NOT EXISTS ( \
               SELECT 1 FROM notifications AS n WHERE n.customer = e.customer AND n.seq = e.seq)",
        ),
        (
            Fault::QueueOrphaned,
            "SELECT seq FROM queue AS q WHERE NOT EXISTS ( \
               SELECT 1 FROM notifications AS n WHERE n.customer = q.customer AND n.seq = q.seq)",
        ),
    ] {
        let mut orphans = sqlx::query_scalar(orphans).fetch(&mut *connection);
        while let Some(seq) = orphans.try_next().await? {
            survey.orphan(fault, seq);
        }
    }
    Ok(())
}

/// Makes the statement for a batch of rows with their places in the queue and their events, in order.
fn select(queue: &str, after: &str, event: &str) -> SqlStr {
    let columns = rows::RECORD_COLUMNS;
    // Nothing but fixed text is in it.
    AssertSqlSafe(format!(
        "SELECT n.*, e.body FROM ( \
           SELECT {columns}, create_application, payload_start, payload_end, {queue} FROM notifications \
           WHERE {after} LIMIT {BATCH}) AS n \
         LEFT JOIN events AS e ON {event} ORDER BY n.seq, n.customer"
    ))
    .into_sql_str()
}
