//! Adds up what is counted, and what it counts: the ledger, its minutes, and the kinds of dead letters.
//!
//! The database adds up, and shows one customer, minute or kind after the other; so it costs the same memory
//! however many there are.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Row, SqlSafeStr, SqlStr};

use super::Database;
use super::connect::either;
use super::survey::Survey;
use crate::domain::State;
use crate::store::Totals;

/// Makes the statement for the counts of each customer; those of several slots together.
pub(in crate::store) fn ledger() -> SqlStr {
    let sums = Totals::sums();
    fixed(format!("SELECT customer, {sums} FROM ledger GROUP BY customer"))
}

/// Makes the statement for the counts of each customer and minute, with how many rows are in each state.
/// Minutes are let go of from the oldest on, so none is missing after the first that is there.
fn minutes() -> SqlStr {
    let (sums, columns) = (Totals::sums(), Totals::COLUMNS.join(", "));
    let no_counts = vec!["0"; Totals::COLUMNS.len()].join(", ");
    let each_state = |of: &dyn Fn(&State) -> String| -> String {
        let each: Vec<String> = State::ALL.iter().map(of).collect();
        each.join(", ")
    };
    let has = each_state(&|state| format!("CAST(sum(has_{state}) AS BIGINT)"));
    let no_rows = each_state(&|state| format!("0 AS has_{state}"));
    let row = each_state(&|state| format!("CASE state WHEN '{state}' THEN 1 ELSE 0 END"));
    fixed(format!(
        "SELECT {sums}, {has}, customer, minute FROM ( \
           SELECT customer, minute, {columns}, {no_rows} FROM ledger_minutes \
           UNION ALL SELECT customer, accepted_at / 60000, {no_counts}, {row} FROM notifications \
           WHERE accepted_at >= (SELECT min(minute) FROM ledger_minutes) * 60000) AS cells \
         GROUP BY customer, minute"
    ))
}

/// Finds the kinds of dead letters of which there are not as many as are counted.
const KINDS: &str = "SELECT customer, event_type, reason, status, outcome, CAST(sum(counted) AS BIGINT) AS counted, \
       CAST(sum(found) AS BIGINT) AS found \
     FROM ( \
       SELECT customer, event_type, reason, status, outcome, dead AS counted, 0 AS found FROM dead_groups \
       UNION ALL SELECT customer, event_type, reason, status, outcome, 0, 1 FROM undelivered \
       WHERE state = 'dead') AS kinds \
     GROUP BY customer, event_type, reason, status, outcome HAVING sum(counted) <> sum(found)";

/// Shows all sums to the survey, which must have seen all rows.
pub(super) async fn all(database: &mut Database, survey: &mut Survey) -> Result<(), sqlx::Error> {
    either!(database, connection => {
        let mut ledger = sqlx::query(self::ledger()).fetch(&mut *connection);
        while let Some(row) = ledger.try_next().await? {
            match row.try_get("customer") {
                Ok(customer) => survey.ledger(customer, &Totals::of(|column| row.try_get(column))?),
                Err(why) => survey.broken("ledger", &why),
            }
        }
        drop(ledger);
        let mut minutes = sqlx::query(self::minutes()).fetch(&mut *connection);
        while let Some(row) = minutes.try_next().await? {
            let totals = Totals::of(|column| row.try_get(column))?;
            let mut found = Vec::with_capacity(State::ALL.len());
            for (index, state) in (Totals::COLUMNS.len()..).zip(State::ALL) {
                found.push((*state, row.try_get(index)?));
            }
            match (row.try_get("customer"), row.try_get("minute")) {
                (Ok(customer), Ok(minute)) => survey.minute(customer, minute, &totals, &found),
                // Rows that cannot be read have been seen as such.
                (Err(why), _) | (_, Err(why)) if totals != Totals::default() => {
                    survey.broken("ledger_minutes", &why);
                }
                _ => {}
            }
        }
        drop(minutes);
        let mut kinds = sqlx::query(KINDS).fetch(connection);
        while let Some(row) = kinds.try_next().await? {
            let (counted, found) = (row.try_get("counted")?, row.try_get("found")?);
            let mut words = Vec::new();
            for column in ["customer", "event_type", "reason", "outcome"] {
                words.push(row.try_get::<&str, _>(column).unwrap_or("?"));
            }
            survey.kind(&words.join(" "), row.try_get("status")?, counted, found);
        }
    });
    Ok(())
}

/// Nothing but fixed text is in any of the statements.
fn fixed(text: String) -> SqlStr {
    AssertSqlSafe(text).into_sql_str()
}
