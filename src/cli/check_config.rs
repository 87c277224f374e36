//! `check-config`: says whether the configuration can be used, and what is in force.

use std::path::PathBuf;

use super::{print, say, sources};

pub(super) fn run(files: &[PathBuf]) -> anyhow::Result<()> {
    sources::read_dotenv()?;
    let config = sources::load(files)?;
    print(&serde_json::to_string_pretty(&config)?);
    let missing = config.missing_for_serve();
    if missing.is_empty() {
        say("the configuration can be used");
        return Ok(());
    }
    anyhow::bail!("the configuration is valid, but serve needs more:\n  {}", missing.join("\n  "))
}
