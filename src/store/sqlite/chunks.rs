//! Multi-row statements of known sizes, so that each text is prepared once and used for ever, and a
//! batch is few statements: each is a trip to the connection's thread and back.

use sqlx::AssertSqlSafe;
use sqlx::{SqlSafeStr, SqlStr};

/// Every number of rows up to this has a statement of its own.
const EXACT: usize = 64;

/// Sizes beyond that, smallest first.
const BEYOND: [usize; 2] = [128, 256];

/// The largest chunk, for the common way.
pub(super) const LARGEST: usize = 256;

/// Statements that the writer's connection should keep prepared: those of five kinds.
pub(super) const PREPARED: usize = 5 * (EXACT + BEYOND.len()) + 32;

/// One statement for each size.
pub(super) struct Chunked(Vec<(usize, SqlStr)>);

impl Chunked {
    /// Makes the statements `head (?, …), (?, …) tail` with `columns` parameters a row.
    pub(super) fn new(head: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(", "));
        let statement = |size: usize| {
            let rows = vec![row.as_str(); size].join(", ");
            // Nothing but fixed text and question marks is in it.
            (size, AssertSqlSafe(format!("{head} {rows} {tail}")).into_sql_str())
        };
        Self((1..=EXACT).chain(BEYOND).map(statement).collect())
    }

    /// Cuts rows into chunks of the known sizes, none above `largest`, each with its statement.
    pub(super) fn cut<'a, T>(&self, mut rows: &'a [T], largest: usize) -> Vec<(SqlStr, &'a [T])> {
        let mut chunks = Vec::new();
        while !rows.is_empty() {
            let fits = |(size, _): &&(usize, SqlStr)| *size <= rows.len().min(largest);
            let Some((size, statement)) = self.0.iter().rev().find(fits) else {
                break;
            };
            let (chunk, rest) = rows.split_at(*size);
            chunks.push((statement.clone(), chunk));
            rows = rest;
        }
        chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_exactly_one_chunk_in_order() {
        let statements = Chunked::new("INSERT INTO t VALUES", 2, "RETURNING a");
        for total in [0, 1, 7, 64, 700] {
            let rows: Vec<usize> = (0..total).collect();
            for largest in [1, LARGEST] {
                let chunks = statements.cut(&rows, largest);
                let joined: Vec<usize> = chunks.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
                assert_eq!(joined, rows);
                for (statement, rows) in chunks {
                    assert_eq!(statement.as_str().matches("(?, ?)").count(), rows.len());
                }
            }
        }
    }
}
