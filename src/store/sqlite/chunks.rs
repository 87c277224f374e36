//! Multi-row statements in a few sizes, so that each text is prepared once and used for ever.

use sqlx::AssertSqlSafe;
use sqlx::{SqlSafeStr, SqlStr};

/// The sizes, largest first; any number of rows is a sum of these.
const SIZES: [usize; 9] = [256, 128, 64, 32, 16, 8, 4, 2, 1];

/// One statement for each size.
pub(super) struct Chunked([SqlStr; SIZES.len()]);

impl Chunked {
    /// Makes the statements `head (?, …), (?, …) tail` with `columns` parameters a row.
    pub(super) fn new(head: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(", "));
        Self(SIZES.map(|size| {
            let rows = vec![row.as_str(); size].join(", ");
            // Nothing but fixed text and question marks is in it.
            AssertSqlSafe(format!("{head} {rows} {tail}")).into_sql_str()
        }))
    }

    /// Cuts rows into chunks of the known sizes, each with its statement.
    pub(super) fn cut<'a, T>(&self, mut rows: &'a [T], largest: usize) -> Vec<(SqlStr, &'a [T])> {
        let mut chunks = Vec::new();
        for (size, statement) in SIZES.iter().zip(&self.0) {
            while *size <= largest && rows.len() >= *size {
                let (chunk, rest) = rows.split_at(*size);
                chunks.push((statement.clone(), chunk));
                rows = rest;
            }
        }
        chunks
    }
}

/// The largest chunk, for the common way.
pub(super) const LARGEST: usize = SIZES[0];

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
