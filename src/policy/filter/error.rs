//! What is wrong with a filter as it is written.

use std::fmt;

/// One thing that is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FilterError {
    /// Where in the settings, as a JSON pointer such as `/include/3`.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// Where in the expression.
    pub position: Option<Position>,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.message)?;
        match self.position {
            Some(Position { line, column, .. }) => write!(f, " (line {line}, column {column})"),
            None => Ok(()),
        }
    }
}

/// A place in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Bytes before it.
    pub offset: usize,
    /// Its line, from 1 on.
    pub line: usize,
    /// Its character in the line, from 1 on.
    pub column: usize,
}

impl Position {
    /// Finds the line and column of an offset; one past the end is the end.
    pub(super) fn of_offset(text: &str, offset: usize) -> Self {
        let offset = text.floor_char_boundary(offset);
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            offset,
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }

    /// Finds the offset of a line and column, both from 1 on; what lies outside is moved to the end.
    pub(super) fn of_column(text: &str, line: usize, column: usize) -> Self {
        let (skipped, wanted) = (line.saturating_sub(1), column.saturating_sub(1));
        let mut start = 0;
        for (number, content) in text.split_inclusive('\n').enumerate() {
            if number == skipped {
                let within = content
                    .char_indices()
                    .nth(wanted)
                    .map_or(content.len(), |(at, _)| at);
                return Self::of_offset(text, start + within);
            }
            start += content.len();
        }
        Self::of_offset(text, text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_and_a_column_are_the_same_place() {
        let text = "aé\n日本 x\n";
        for (offset, _) in text.char_indices() {
            let position = Position::of_offset(text, offset);
            assert_eq!(Position::of_column(text, position.line, position.column), position);
        }
        let x = Position::of_offset(text, text.find('x').unwrap());
        assert_eq!((x.line, x.column), (2, 4));
        let past = Position::of_column(text, 99, 99);
        assert_eq!((past.offset, past.line, past.column), (text.len(), 3, 1));
    }
}
