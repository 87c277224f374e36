//! Tables and facts for people. What comes from outside is escaped here, so that no command can forget it.

use console::{Alignment, Term, measure_text_width, pad_str};

/// The widest that a text is shown where the output is no terminal.
const WIDEST: usize = 60;

/// A text is not cut below this width, however narrow the terminal is.
const NARROWEST: usize = 10;

/// What stands between two columns.
const GAP: &str = "  ";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// What is copied, such as an id; it is never cut.
    Whole(&'static str),
    /// A text, which is cut where there is no room for it.
    Text(&'static str),
    /// A number, which stands to the right.
    Number(&'static str),
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Whole(name) | Self::Text(name) | Self::Number(name) => name,
        }
    }

    const fn alignment(self) -> Alignment {
        match self {
            Self::Number(_) => Alignment::Right,
            _ => Alignment::Left,
        }
    }
}

/// A table that is shown a page at a time, under one heading.
pub(super) struct Table {
    columns: Vec<Column>,
    widths: Vec<usize>,
    /// The width of the terminal, where there is one.
    room: Option<usize>,
    begun: bool,
}

impl Table {
    /// Makes a table as wide as the terminal lets it be.
    pub(super) fn new(columns: impl Into<Vec<Column>>) -> Self {
        let terminal = Term::stdout();
        let size = terminal.is_term().then(|| terminal.size_checked()).flatten();
        Self::with_room(columns, size.map(|(_, width)| usize::from(width)))
    }

    fn with_room(columns: impl Into<Vec<Column>>, room: Option<usize>) -> Self {
        let columns = columns.into();
        Self {
            widths: columns.iter().map(|column| column.name().len()).collect(),
            columns,
            room,
            begun: false,
        }
    }

    /// Tells whether nothing has been laid out yet.
    pub(super) fn is_empty(&self) -> bool {
        !self.begun
    }

    /// Lays out rows; the first ones stand under the heading.
    pub(super) fn lay(&mut self, rows: Vec<Vec<String>>) -> String {
        let mut lines: Vec<Vec<String>> = Vec::with_capacity(rows.len() + 1);
        if !self.begun {
            self.begun = true;
            lines.push(self.columns.iter().map(|column| column.name().into()).collect());
        }
        lines.extend(
            rows.iter()
                .map(|row| row.iter().map(|cell| shown(cell)).collect()),
        );
        self.fit(&lines);
        let lines: Vec<String> = lines.iter().map(|line| self.line(line)).collect();
        lines.join("\n")
    }

    /// Widens the columns to what they hold, and narrows the texts to the room there is.
    fn fit(&mut self, lines: &[Vec<String>]) {
        for (at, (column, width)) in self.columns.iter().zip(&mut self.widths).enumerate() {
            let cells = lines.iter().filter_map(|line| line.get(at));
            let widest = cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0);
            let most = match (column, self.room) {
                (Column::Text(_), None) => WIDEST,
                _ => usize::MAX,
            };
            *width = (*width).max(widest.min(most));
        }
        let Some(room) = self.room else { return };
        let gaps = GAP.len() * self.columns.len().saturating_sub(1);
        while self.widths.iter().sum::<usize>() + gaps > room {
            let texts = self.columns.iter().zip(&mut self.widths);
            let widest = texts
                .filter(|(column, width)| matches!(column, Column::Text(_)) && **width > NARROWEST)
                .max_by_key(|(_, width)| **width);
            match widest {
                Some((_, width)) => *width -= 1,
                None => return,
            }
        }
    }

    fn line(&self, cells: &[String]) -> String {
        let cells = cells.iter().zip(&self.columns).zip(&self.widths);
        let cells = cells.map(|((cell, column), width)| {
            let cut = matches!(column, Column::Text(_)).then_some("…");
            pad_str(cell, *width, column.alignment(), cut).into_owned()
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}

/// Lays out names and values, one a line; nothing is cut, and what has no value is left out.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let facts = facts.iter().filter(|(_, value)| !value.is_empty());
    let width = facts.clone().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = facts.map(|(name, value)| format!("{name:width$}{GAP}{}", shown(value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Escapes what would steer a terminal or cannot be seen.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // Readers know these from JSON, which much of the text is.
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// Shows what may be missing.
pub(super) fn maybe(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// Says how many dead letters there are.
pub(super) fn dead_letters(count: u64) -> String {
    match count {
        1 => "1 dead letter".to_owned(),
        _ => format!("{count} dead letters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column::Whole("ID"),
        Column::Number("COUNT"),
        Column::Text("DETAIL"),
    ];

    fn row(id: &str, count: &str, detail: &str) -> Vec<String> {
        vec![id.to_owned(), count.to_owned(), detail.to_owned()]
    }

    #[test]
    fn numbers_stand_to_the_right_and_pages_under_one_heading() {
        let mut table = Table::with_room(COLUMNS, None);
        let first = table.lay(vec![row("a", "7", "x"), row("bb", "12345678", "")]);
        assert_eq!(first, "ID     COUNT  DETAIL\na          7  x\nbb  12345678");
        assert_eq!(table.lay(vec![row("c", "1", "y")]), "c          1  y");
    }

    #[test]
    fn only_texts_are_cut_to_what_the_terminal_has_room_for() {
        let long = "ä".repeat(100);
        let table = [
            (None, WIDEST, "60 without a terminal"),
            (Some(40), 21, "what is left of the terminal"),
            (Some(5), NARROWEST, "but not to nothing"),
            (Some(500), 100, "all where there is room"),
        ];
        for (room, right, why) in table {
            let mut table = Table::with_room(COLUMNS, room);
            let laid = table.lay(vec![row("0123456789", "4", &long)]);
            let line = laid.lines().last().unwrap();
            let detail: String = line.chars().skip(19).collect();
            assert!(line.starts_with("0123456789      4  ä"), "{why}: {line}");
            let cut = (measure_text_width(&detail), detail.ends_with('…'));
            assert_eq!(cut, (right, right < 100), "{why}: {line}");
        }
    }

    #[test]
    fn what_would_steer_a_terminal_is_escaped() {
        let table = [
            ("a\u{1b}[31m", "a\\u{1b}[31m", "colours"),
            ("a\nb\tc\r", "a\\nb\\tc\\r", "lines"),
            ("\u{9b}2J", "\\u{9b}2J", "the control characters of eight bits"),
            ("\u{202e}evil", "\\u{202e}evil", "the direction of writing"),
            (r#"{"a":"b\n'"}"#, r#"{"a":"b\n'"}"#, "JSON stays as it is"),
            ("größe 漢字", "größe 漢字", "and so does what can be read"),
        ];
        for (text, right, why) in table {
            assert_eq!(shown(text), right, "{why}");
        }
        assert_eq!(facts(&[("a", "b\u{7}".into()), ("none", String::new())]), "a  b\\u{7}");
    }
}
