//! Multi-row statements of known sizes, so that each text is prepared once and used for ever, and a
//! batch is few statements: each is a trip to the connection's thread and back.

use sqlx::AssertSqlSafe;
use sqlx::{SqlSafeStr, SqlStr};

/// Every number of rows up to this has a statement of its own.
const EXACT: usize = 64;

/// Sizes beyond that, smallest first.
const BEYOND: [usize; 3] = [128, 192, 256];

/// The largest chunk, for the common way.
pub(super) const LARGEST: usize = 256;

/// Statements that the writer's connection should keep prepared: those of six kinds.
pub(super) const PREPARED: usize = 6 * (EXACT + BEYOND.len()) + 32;

/// A statement `head row, row, … tail`, where each row is a text such as `(?, ?)`.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) head: &'a str,
    pub(super) row: &'a str,
    pub(super) tail: &'a str,
}

/// One text for each size.
pub(super) struct Chunked(Vec<(usize, SqlStr)>);

impl Chunked {
    /// Makes texts of statements that are carried out together, all with the same number of rows.
    pub(super) fn new(statements: &[Rows<'_>]) -> Self {
        let text = |size: usize| {
            let texts: Vec<String> = statements
                .iter()
                .map(|Rows { head, row, tail }| format!("{head} {} {tail}", vec![*row; size].join(", ")))
                .collect();
            // Nothing but fixed text is in it.
            (size, AssertSqlSafe(texts.join("; ")).into_sql_str())
        };
        Self((1..=EXACT).chain(BEYOND).map(text).collect())
    }

    /// Lets a statement of its own follow each.
    pub(super) fn and_then(self, statement: &'static str) -> Self {
        let longer = |(size, text): (usize, SqlStr)| {
            let text = format!("{}; {statement}", text.as_str());
            (size, AssertSqlSafe(text).into_sql_str())
        };
        Self(self.0.into_iter().map(longer).collect())
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
        let insert = |head| Rows {
            head,
            row: "(?, ?)",
            tail: "",
        };
        let statements = Chunked::new(&[insert("INSERT INTO a VALUES"), insert("INSERT INTO b VALUES")]);
        for total in [0, 1, 7, 64, 700] {
            let rows: Vec<usize> = (0..total).collect();
            for largest in [1, LARGEST] {
                let chunks = statements.cut(&rows, largest);
                let joined: Vec<usize> = chunks.iter().flat_map(|(_, rows)| rows.iter().copied()).collect();
                assert_eq!(joined, rows);
                for (statement, rows) in chunks {
                    assert_eq!(statement.as_str().matches("(?, ?)").count(), 2 * rows.len());
                    assert_eq!(statement.as_str().matches("; INSERT").count(), 1);
                }
            }
        }
    }
}
