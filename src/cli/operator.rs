//! What the commands for operators have in common: which service they ask, with which key, and how they end.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use secrecy::SecretString;

use super::client::Client;
use super::{reachable, say, sources};

/// The variable that says where the service is.
const URL_VARIABLE: &str = "SVIX_HOOKS_URL";

/// The variable that holds the key.
const KEY_VARIABLE: &str = "SVIX_HOOKS_KEY";

/// Under what the help lists the options that all of these commands have.
const HEADING: &str = "The service";

/// The exit code of a command that could not do its work, rather than that found something wrong.
const COULD_NOT: u8 = 2;

/// The exit code of a command that Ctrl-C has ended, as shells have it.
const INTERRUPTED: u8 = 130;

/// Which service is asked, and how.
#[derive(Args)]
pub(super) struct ServiceArgs {
    /// Where the service is; by default `SVIX_HOOKS_URL`, else the configuration's `server.listen`.
    #[arg(long, global = true, help_heading = HEADING)]
    url: Option<String>,
    /// A file that holds the key; by default the key is what `SVIX_HOOKS_KEY` holds.
    #[arg(long, global = true, value_name = "FILE", help_heading = HEADING)]
    key_file: Option<PathBuf>,
    /// Print what the service answers, one JSON document, instead of a table.
    #[arg(long, global = true, help_heading = HEADING)]
    pub(super) json: bool,
    /// How long one answer may take.
    #[arg(
        long,
        global = true,
        value_name = "SECONDS",
        default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        help_heading = HEADING
    )]
    timeout_s: u64,
    /// A TOML file of the configuration that says where the service is.
    #[arg(long = "config", global = true, value_name = "FILE", help_heading = HEADING)]
    files: Vec<PathBuf>,
}

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// All is well.
    Well,
    /// What it found or followed is not well.
    Wrong,
    /// Ctrl-C ended it.
    Interrupted,
}

/// Carries out what needs the service; returns with what the process is to exit.
pub(super) fn run(args: &ServiceArgs, work: impl AsyncFnOnce(&Client) -> anyhow::Result<Ended>) -> ExitCode {
    let asked = || {
        sources::read_dotenv()?;
        let (url, key) = (args.url()?, args.key()?);
        let timeout = Duration::from_secs(args.timeout_s);
        actix_rt::System::new().block_on(async { work(&Client::new(&url, key.as_ref(), timeout)?).await })
    };
    match asked() {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Wrong) => ExitCode::FAILURE,
        Ok(Ended::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            // Who has closed the pipe wants to hear no more.
            let closed = error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
            if !closed {
                say(&format!("{error:#}"));
            }
            ExitCode::from(COULD_NOT)
        }
    }
}

/// Prints what a command was asked for.
///
/// # Errors
/// When nobody reads it any more.
pub(super) fn show(text: &str) -> anyhow::Result<()> {
    write(&format!("{text}\n"))
}

/// Prints a part of it, without an end of line.
///
/// # Errors
/// When nobody reads it any more.
pub(super) fn write(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

impl ServiceArgs {
    fn url(&self) -> anyhow::Result<String> {
        if let Some(url) = &self.url {
            return Ok(url.clone());
        }
        if let Some(url) = variable(URL_VARIABLE)? {
            return Ok(url);
        }
        let listen = sources::load(&self.files)?.server.listen;
        url_of(listen.parse().context("server.listen")?)
    }

    fn key(&self) -> anyhow::Result<Option<SecretString>> {
        let key = match &self.key_file {
            Some(file) => {
                let key = std::fs::read_to_string(file)
                    .with_context(|| format!("the key cannot be read from {}", file.display()))?;
                let key = key.trim();
                ensure!(!key.is_empty(), "{} holds no key", file.display());
                Some(key.to_owned())
            }
            None => variable(KEY_VARIABLE)?,
        };
        Ok(key.map(SecretString::from))
    }
}

/// Returns where a service is that listens there, seen from the same machine.
fn url_of(address: SocketAddr) -> anyhow::Result<String> {
    let address = reachable(address);
    ensure!(
        address.port() != 0,
        "server.listen leaves the port open; say with --url or {URL_VARIABLE} where the service is"
    );
    Ok(format!("http://{address}"))
}

/// Reads a variable of the environment; an empty one counts as none.
fn variable(name: &str) -> anyhow::Result<Option<String>> {
    let value = std::env::vars_os().find(|(known, _)| known == name);
    let Some((_, value)) = value else { return Ok(None) };
    // What it holds is not repeated: it may be the key.
    let text = value.into_string().ok();
    let text = text.with_context(|| format!("{name} is no text"))?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_stands_for_all_is_reached_by_the_loopback_one() {
        let table = [
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://[::1]:8080"),
            ("10.0.0.7:80", "http://10.0.0.7:80"),
        ];
        for (listen, right) in table {
            assert_eq!(url_of(listen.parse().unwrap()).unwrap(), right);
        }
        assert!(url_of("127.0.0.1:0".parse().unwrap()).is_err(), "any port");
    }
}
