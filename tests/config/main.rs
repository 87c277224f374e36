//! What an operator may say in files and variables, and what is said back when it is wrong.
//!
//! A binary of its own: environment variables belong to the whole process.

mod reading;
mod refusing;
mod secrets;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use svix_hooks::config::{Config, ConfigError};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn Error>>;

/// A directory with configuration files in it.
struct Files(TempDir);

impl Files {
    fn new() -> std::io::Result<Self> {
        TempDir::new().map(Self)
    }

    fn write(&self, name: &str, text: &str) -> std::io::Result<PathBuf> {
        let path = self.0.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

fn load(files: &[PathBuf], env: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(
        files,
        env.iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
    )
}

/// What loading complains about, line by line; empty where it does not.
fn complaints(files: &[PathBuf], env: &[(&str, &str)]) -> String {
    load(files, env)
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default()
}

fn hash(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}
