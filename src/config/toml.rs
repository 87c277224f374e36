//! TOML text in, leaves out; a syntax error keeps its line and column and loses the text around it.

use config::{File, FileFormat, Source, Value as Parsed};
use serde_json::Value;

use super::known::Leaves;

/// Why a text is not TOML.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// The line and the column, from 1 on, where known.
    pub(super) place: Option<(usize, usize)>,
    /// What the parser expected.
    pub(super) detail: String,
}

/// Reads a text into `section.key` and value.
pub(super) fn parse(text: &str) -> Result<Leaves, SyntaxError> {
    let tables = File::from_str(text, FileFormat::Toml)
        .collect()
        .map_err(|error| syntax_error(&error.to_string()))?;
    let tree = Parsed::from(tables)
        .try_deserialize::<Value>()
        .map_err(|error| SyntaxError {
            place: None,
            detail: error.to_string(),
        })?;
    Ok(flatten(tree))
}

/// Lays sections out as `section.key`; what is in no section stays under its own name.
pub(super) fn flatten(tree: Value) -> Leaves {
    let mut leaves = Leaves::new();
    let Value::Object(sections) = tree else {
        return leaves;
    };
    for (section, value) in sections {
        match value {
            Value::Object(keys) if !keys.is_empty() => {
                leaves.extend(
                    keys.into_iter()
                        .map(|(key, value)| (format!("{section}.{key}"), value)),
                );
            }
            value => {
                leaves.insert(section, value);
            }
        }
    }
    leaves
}

/// Takes the place and the cause out of the parser's message, and drops the line that it quotes.
fn syntax_error(message: &str) -> SyntaxError {
    let mut place = None;
    let mut detail = Vec::new();
    for line in message.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(found) = place_in(line) {
            place = Some(found);
        } else if !is_quote(line) {
            detail.push(line);
        }
    }
    SyntaxError {
        place,
        detail: detail.join(", "),
    }
}

/// Reads `TOML parse error at line 1, column 9`.
fn place_in(line: &str) -> Option<(usize, usize)> {
    let (line, column) = line
        .strip_prefix("TOML parse error at line ")?
        .split_once(", column ")?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// Tells whether a line is of the kind `12 | quoted text`.
fn is_quote(line: &str) -> bool {
    line.trim_start_matches(|letter: char| letter.is_ascii_digit())
        .trim_start()
        .starts_with('|')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_has_its_place_and_never_the_text() {
        let table = [
            ("[svix]\ntoken = \"hush-hush", Some(2), "a text that does not end"),
            ("[svix]\n\ntoken = hush-hush.eu", Some(3), "a text without quotes"),
            ("[svix]\ntoken = \"\\hush-hush\"", Some(2), "an escape that does not exist"),
            ("[svix]\ntoken = \"a\" hush-hush", Some(2), "something after the value"),
            ("[svix]\ntoken = \"hush-hush\"\ntoken = \"hush-hush\"", Some(3), "a key said twice"),
            (
                "[svix]\ntoken = \"\"\"hush-hush\n12 | hush-hush",
                Some(3),
                "a text of many lines that does not end",
            ),
            ("[svix]\ntoken 'hush-hush'", Some(2), "no equals sign"),
            ("[svix\ntoken = 'hush-hush'", Some(1), "a section that does not end"),
            ("[svix]\nburst = 99999999999999999999", None, "a number that no key can take"),
        ];
        for (text, line, why) in table {
            let error = parse(text).err();
            assert_eq!(error.as_ref().and_then(|error| error.place).map(|(line, _)| line), line, "{why}");
            let detail = error.map(|error| error.detail).unwrap_or_default();
            assert!(!detail.is_empty(), "{why}");
            assert!(!detail.contains("hush"), "{why}: {detail}");
        }
    }
}
