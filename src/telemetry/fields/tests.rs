//! The table says all that the source writes, and the documentation says what the table says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Returns the fields of each log macro in a source: what stands before the semicolon within its brackets.
fn fields_of_macros(source: &str) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for name in ["error!(", "warn!(", "info!(", "debug!(", "trace!("] {
        for (start, _) in source.match_indices(name) {
            let is_word = source[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if !is_word {
                all.push(fields(&source[start + name.len()..]));
            }
        }
    }
    all
}

fn fields(arguments: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let (mut parts, mut part) = (Vec::new(), String::new());
    for c in arguments.chars() {
        match c {
            '"' if !escaped => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' if !quoted && depth == 0 => return Vec::new(),
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            ';' if !quoted && depth == 0 => {
                parts.push(part);
                let name = |part: String| part.split(['=', ':']).next().map(|name| name.trim().to_owned());
                return parts
                    .into_iter()
                    .filter(|part| !part.trim_start().starts_with("target:"))
                    .filter_map(name)
                    .collect();
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        part.push(c);
    }
    Vec::new()
}

#[test]
fn fields_of_macros_are_found() {
    let source = r#"
        info!("no fields; at all");
        error!(target: TARGET, thread = name(a, "b;"), error:err, x:% = f("\"", [1, 2]); "message {a}; b = c");
        my_error!(y = 1; "not a log macro");
    "#;
    assert_eq!(fields_of_macros(source), [vec!["thread", "error", "x"], vec![]]);
}

#[test]
fn every_field_that_is_written_is_in_the_table_and_every_one_of_the_table_is_written() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    // What is said of the work under way, of lines that were left out, and of what has no name.
    let mut written: BTreeSet<String> = ["request", "left_out", "of", "other"].map(str::to_owned).into();
    let mut macros = 0;
    for file in files {
        for fields in fields_of_macros(&fs::read_to_string(&file).unwrap()) {
            macros += 1;
            for field in &fields {
                assert!(find(field).is_some(), "{}: {field} is not in src/telemetry/fields", file.display());
            }
            if fields.iter().any(|field| field == "notification") {
                for field in ["customer", "account", "attempt"] {
                    assert!(
                        fields.iter().any(|it| it == field),
                        "{}: {fields:?} lacks {field}",
                        file.display()
                    );
                }
            }
            written.extend(fields);
        }
    }
    assert!(macros > 50, "the macros were not found");
    for field in FIELDS {
        assert!(written.contains(field.name), "{} is written by no line", field.name);
    }
}

#[test]
fn names_are_fixed_once() {
    let names: BTreeSet<_> = FIELDS.iter().map(|field| field.name).collect();
    assert_eq!(names.len(), FIELDS.len());
    for name in names {
        assert!(!HEAD.contains(&name));
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name} needs no escape");
    }
}

#[test]
fn the_documentation_has_the_table() {
    let kind = |kind| match kind {
        Kind::Text => "text",
        Kind::Number => "number",
    };
    let row = |field: &Field| format!("| `{}` | {} | {} |\n", field.name, kind(field.kind), field.meaning);
    let table: String = FIELDS.iter().map(row).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logs.md");
    let document = fs::read_to_string(&path).unwrap();
    assert!(document.contains(&table), "{} must have the rows:\n{table}", path.display());
}
