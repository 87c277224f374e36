//! Where a command's configuration comes from: `.env`, the environment and the files named.

use std::path::PathBuf;

use anyhow::Context;

use crate::config::Config;

/// Reads `.env`, which gives way to what the environment has.
pub(super) fn read_dotenv() -> anyhow::Result<()> {
    match dotenvy::dotenv() {
        Err(error) if !error.not_found() => Err(anyhow::anyhow!(error).context("cannot read .env")),
        _ => Ok(()),
    }
}

/// Tells whether the environment asks for log lines in JSON, for when there is no configuration to say it.
pub(super) fn ask_for_json() -> bool {
    std::env::vars_os().any(|(name, value)| name == "SVIX_HOOKS__LOG__FORMAT" && value == "json")
}

/// Loads the configuration.
pub(super) fn load(files: &[PathBuf]) -> anyhow::Result<Config> {
    // A variable that is no text cannot be one of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Config::load(files, environment).context("the configuration cannot be used")
}
