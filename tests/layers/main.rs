//! The source keeps to its layers: who may import whom, how files start, how long they are, how they are called.

mod imports;
mod rules;
mod source;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use imports::references;

/// A file that is longer has more than one concern.
const LINES_MAX: usize = 500;

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 8] = [
    "utils", "common", "helpers", "core", "types", "misc", "manager", "service",
];

/// A source file, its path from `src` on.
struct File {
    path: PathBuf,
    text: String,
}

fn files() -> io::Result<Vec<File>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                let path = path.strip_prefix(&root).map_err(io::Error::other)?.to_owned();
                files.push(File { path, text });
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Returns the module that a file holds: `store/sqlite/mod.rs` is `store::sqlite`.
fn module_of(path: &Path) -> Vec<String> {
    let mut module: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    module.pop_if(|last| last == "mod");
    module
}

/// Fails with every complaint, one per line.
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn every_import_goes_down() {
    let files = files().expect("src can be read");
    assert!(files.len() > 20, "the files were not found");
    let mut complaints = Vec::new();
    for file in files {
        let module = module_of(&file.path);
        for reference in references(&file.text, &module) {
            if let Err(reason) = rules::check(&module, &reference.path) {
                let path = reference.path.join("::");
                complaints.push(format!("src/{}:{}: {path}: {reason}", file.path.display(), reference.line));
            }
        }
    }
    none(&complaints);
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    let mut complaints = Vec::new();
    for File { path, text } in files().expect("src can be read") {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            complaints.push(format!("src/{}: {lines} lines, at most {LINES_MAX}", path.display()));
        }
        if !text.starts_with("//! ") {
            complaints.push(format!("src/{}: opens without //!", path.display()));
        }
    }
    none(&complaints);
}

#[test]
fn every_name_says_something() {
    let mut complaints = Vec::new();
    for File { path, .. } in files().expect("src can be read") {
        if module_of(&path)
            .iter()
            .any(|name| EMPTY_NAMES.contains(&name.as_str()))
        {
            complaints.push(format!("src/{}: a name that says nothing", path.display()));
        }
    }
    none(&complaints);
}

#[test]
fn a_file_is_the_module_of_its_path() {
    for (path, module) in [
        ("main.rs", vec!["main"]),
        ("store/mod.rs", vec!["store"]),
        ("actors/supervisor/room.rs", vec!["actors", "supervisor", "room"]),
    ] {
        assert_eq!(module_of(Path::new(path)), module);
    }
}
