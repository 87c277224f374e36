//! `store`: checks a store or moves it to another database, beside the service.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as PlainError;

use super::{ConfigArgs, print, say, sources};
use crate::config::StoreUrl;
use crate::store;

/// The exit code of a command that could not do its work, rather than that found something.
const COULD_NOT: u8 = 2;

/// How a terminal shows the progress of a copy.
const BAR: &str = "{bar:40} {human_pos} of {human_len} notifications, {per_sec}, {eta} left";

#[derive(Subcommand)]
pub(super) enum StoreCommand {
    /// Look through a store for what must never be. Writes nothing. An embedded store must be stopped.
    ///
    /// Exits with 0 where all is well, 1 where something is wrong, and 2 where it could not be checked.
    Check {
        /// The store; by default the configuration's `store.url`.
        #[arg(long)]
        url: Option<String>,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Move a stopped store to another database, from a file to PostgreSQL or back.
    ///
    /// The target must be empty, or hold the beginning of this very copy, which then goes on. Start nothing
    /// on it before the copy is complete. The source stays as it is.
    ///
    /// Exits with 0 where both hold the same, 1 where they do not, and 2 where it could not be copied.
    Copy {
        /// The store that is read.
        #[arg(long, value_name = "URL")]
        from: String,
        /// The database that is written.
        #[arg(long, value_name = "URL")]
        to: String,
        /// Show no progress, and say nothing where both hold the same.
        #[arg(long)]
        quiet: bool,
    },
}

/// Carries out a command; returns with what the process is to exit.
pub(super) fn run(command: StoreCommand) -> ExitCode {
    let outcome = match command {
        StoreCommand::Check { url, config } => check(url, &config.files),
        StoreCommand::Copy { from, to, quiet } => copy(&from, &to, quiet),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(COULD_NOT)
        }
    }
}

fn check(url: Option<String>, files: &[PathBuf]) -> anyhow::Result<bool> {
    let url = match url {
        Some(url) => store_url("--url", &url)?,
        None => {
            sources::read_dotenv()?;
            sources::load(files)?.store.url
        }
    };
    let report = actix_rt::System::new()
        .block_on(store::check(url.expose()))
        .with_context(|| format!("{url} could not be checked"))?;
    for finding in &report.findings {
        print(&finding.to_string());
    }
    let verdict = if report.is_sound() { "sound" } else { "broken" };
    let (notifications, customers) = (report.notifications, report.customers);
    print(&format!("{url}: {notifications} notifications of {customers} customers: {verdict}"));
    Ok(report.is_sound())
}

fn copy(from: &str, to: &str, quiet: bool) -> anyhow::Result<bool> {
    let (from, to) = (store_url("--from", from)?, store_url("--to", to)?);
    // Where it is shown, that is on a terminal only.
    let bar = if quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(0).with_style(ProgressStyle::with_template(BAR)?)
    };
    let copied = actix_rt::System::new().block_on(store::copy(from.expose(), to.expose(), |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        // What an earlier run had copied says nothing of how fast this one is.
        if progress.copied == 0 {
            bar.reset_eta();
        }
    }));
    bar.finish_and_clear();
    let report = copied.with_context(|| format!("{from} could not be copied to {to}"))?;
    if quiet && report.is_equal() {
        return Ok(true);
    }
    print(&format!("{from}: {}", report.source));
    print(&format!("{to}: {}", report.target));
    let equal = if report.is_equal() {
        "both hold the same"
    } else {
        "they are NOT equal"
    };
    print(&format!("{} notifications copied, {} found there: {equal}", report.copied, report.found));
    Ok(report.is_equal())
}

/// Reads a store's URL. The error does not repeat it, because it may have a password.
fn store_url(option: &str, text: &str) -> anyhow::Result<StoreUrl> {
    let url: Result<_, PlainError> = StoreUrl::deserialize(text.into_deserializer());
    let url = url.context(option.to_owned())?;
    ensure!(
        url.file().is_some() || url.is_postgres(),
        "{option}: a store's URL is sqlite://path/to/file.db or postgres://user@host/database"
    );
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_none_is_not_repeated() {
        for url in [
            "postgres:/u:s3cret@host/db",
            "s3cret",
            "sqlite://",
            "mysql://u:s3cret@host/db",
        ] {
            let error = store_url("--url", url).unwrap_err();
            assert!(!format!("{error:#}").contains("s3cret"), "{url}");
        }
        assert_eq!(store_url("--url", "sqlite://a.db").unwrap().file(), Some("a.db"));
    }
}
