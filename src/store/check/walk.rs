//! Passes all of a database by, a batch at a time and row by row, so that it costs the same memory however
//! much there is.

use futures_util::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row, SqlSafeStr, SqlStr};

use super::Database;
use super::findings::Fault;
use super::survey::Survey;
use crate::store::rows;

/// Rows of one statement.
const BATCH: usize = 1000;

/// Shows every row to the survey, and what has no notification.
pub(super) async fn all(database: &mut Database, survey: &mut Survey) -> Result<(), sqlx::Error> {
    match database {
        Database::Sqlite { connection, .. } => file(connection, survey).await,
        Database::Postgres(connection) => server(connection, survey).await,
    }
}

async fn file(connection: &mut SqliteConnection, survey: &mut Survey) -> Result<(), sqlx::Error> {
    let statement = of_file();
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
    for (fault, orphans) in [
        (
            Fault::EventOrphaned,
            "SELECT seq FROM events AS e WHERE NOT EXISTS (SELECT 1 FROM notifications AS n WHERE n.seq = e.seq)",
        ),
        (
            Fault::UndeliveredWrong,
            "SELECT seq FROM undelivered AS u WHERE NOT EXISTS ( \
               SELECT 1 FROM notifications AS n WHERE n.seq = u.seq \
                 AND n.state = u.state AND coalesce(n.reason, '') = u.reason)",
        ),
        (
            Fault::WordsMissing,
            "SELECT seq FROM undelivered AS u WHERE NOT EXISTS ( \
               SELECT 1 FROM undelivered_words AS w WHERE w.rowid = u.seq)",
        ),
    ] {
        let mut orphans = sqlx::query_scalar(orphans).fetch(&mut *connection);
        while let Some(seq) = orphans.try_next().await? {
            survey.orphan(fault, seq);
        }
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
        "u.customer = notifications.customer AND u.seq = notifications.seq",
        "seq >= $1 AND (seq, customer) > ($1, $2) ORDER BY seq, customer",
        "e.customer = notifications.customer AND e.seq = notifications.seq",
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
        (
            Fault::UndeliveredWrong,
            "SELECT seq FROM undelivered AS u WHERE NOT EXISTS ( \
               SELECT 1 FROM notifications AS n WHERE n.customer = u.customer AND n.seq = u.seq \
                 AND n.state = u.state AND coalesce(n.reason, '') = u.reason)",
        ),
    ] {
        let mut orphans = sqlx::query_scalar(orphans).fetch(&mut *connection);
        while let Some(seq) = orphans.try_next().await? {
            survey.orphan(fault, seq);
        }
    }
    Ok(())
}

/// Makes the statement for a batch of a file's rows, which come in the order of their numbers: sorted, they would
/// take their events along.
pub(in crate::store) fn of_file() -> SqlStr {
    // What is queued is in the queue by that alone.
    select(
        "CASE state WHEN 'queued' THEN due_at END AS queued_for, NULL AS owner",
        "u.seq = notifications.seq",
        "seq > $1 ORDER BY seq",
        "e.seq = notifications.seq",
    )
}

/// Makes the statement for a batch of rows in order, with their places in the queue, their events, and
/// whether those that were not delivered are among the `undelivered`.
fn select(queue: &str, undelivered: &str, after: &str, event: &str) -> SqlStr {
    let columns = rows::RECORD_COLUMNS;
    // Nothing but fixed text is in it.
    AssertSqlSafe(format!(
        "SELECT {columns}, redrive, create_application, application_name, {queue}, \
           CASE WHEN state IN ('dead', 'expired') \
             THEN (SELECT u.seq FROM undelivered AS u WHERE {undelivered}) END AS undelivered, \
           (SELECT e.body FROM events AS e WHERE {event}) AS body \
         FROM notifications WHERE {after} LIMIT {BATCH}"
    ))
    .into_sql_str()
}
