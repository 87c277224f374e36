//! `secrets`: makes a master key, and has a service seal everything under its first one.

use std::process::ExitCode;

use clap::Subcommand;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::operator::{Ended, ServiceArgs, run as ask, show};
use super::table::shown;
use super::{print, say};
use crate::secrets::MasterKey;

#[derive(Subcommand)]
pub(super) enum SecretsCommand {
    /// Make a master key, under which secrets are sealed in the store. It is kept nowhere: without it they are lost.
    NewKey,
    /// Have a running service seal under its first master key what was sealed under another.
    ///
    /// Exits with 0 where everything is sealed under the first key then, 1 where something could not be, and 2 where
    /// the service could not be asked.
    Rotate(ServiceArgs),
}

/// What became of the secrets.
#[derive(Deserialize)]
struct Rotation {
    resealed: u64,
    current: u64,
    failed: u64,
    failures: Vec<Failure>,
}

/// One that could not be sealed anew.
#[derive(Deserialize)]
struct Failure {
    account: String,
    why: String,
}

/// Carries out the command; returns with what the process is to exit.
pub(super) fn run(command: SecretsCommand) -> ExitCode {
    match command {
        SecretsCommand::NewKey => match new_key() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                say(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        },
        SecretsCommand::Rotate(service) => rotate(&service),
    }
}

fn rotate(service: &ServiceArgs) -> ExitCode {
    ask(service, async |client| {
        let answer = client.post("/secrets/rotate", None).await?;
        let rotation: Rotation = answer.read()?;
        match service.json {
            true => show(&answer.text)?,
            false => show(&rotation.told())?,
        }
        Ok(if rotation.failed == 0 {
            Ended::Well
        } else {
            Ended::Wrong
        })
    })
}

impl Rotation {
    fn told(&self) -> String {
        let mut lines = vec![format!(
            "{} sealed anew, {} sealed under the first key already, {} could not be",
            self.resealed, self.current, self.failed
        )];
        let failures = self.failures.iter();
        lines.extend(
            failures.map(|Failure { account, why }| format!("account {}: {}", shown(account), shown(why))),
        );
        if self.failed == 0 {
            lines.push(
                "other master keys can leave the configuration, once every replica has the first".to_owned(),
            );
        }
        lines.join("\n")
    }
}

fn new_key() -> anyhow::Result<()> {
    let key = MasterKey::generate()?;
    print(&format!(
        "master key {} (shown only now): keep it where the service finds it and nobody else does;\n\
         without it, what is sealed under it is lost\n\n\
         SVIX_HOOKS__SECRETS__KEYS={}\n\n\
         several are separated by commas: the first seals, all open",
        key.id(),
        key.text().expose_secret()
    ));
    Ok(())
}
