//! `keys new`: makes an API key, shown once, and the line of configuration that lets it in.

use anyhow::{anyhow, ensure};
use clap::{Subcommand, ValueEnum};

use super::print;
use crate::domain::{KEY_NAME_MAX, KeyText, fits_key_name};

#[derive(Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key. It is shown once and kept nowhere; only its hash goes into the configuration.
    New {
        /// How logs and the configuration call it.
        #[arg(long)]
        name: String,
        /// What it may do, separated by commas.
        #[arg(long = "scope", value_enum, value_delimiter = ',', required = true)]
        scopes: Vec<KeyScope>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum KeyScope {
    /// Post events.
    Ingest,
    /// See notifications, counts and health.
    Read,
    /// Redrive and drop dead letters.
    Operate,
    /// Change everything.
    Admin,
}

pub(super) fn run(command: KeysCommand) -> anyhow::Result<()> {
    let KeysCommand::New { name, scopes } = command;
    // The variable has other characters between names.
    let plain = name
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character));
    ensure!(
        plain && fits_key_name(&name),
        "a key's name is made of up to {KEY_NAME_MAX} letters, digits, '-', '_' and '.', and is not '.' or '..'"
    );
    let key = KeyText::generate();
    let (digest, key) = (key.digest(), key.expose());
    let scopes: Vec<String> = scopes
        .iter()
        .map(|scope| scope_name(*scope))
        .collect::<anyhow::Result<_>>()?;
    let (quoted, joined) = (format!("\"{}\"", scopes.join("\", \"")), scopes.join("+"));
    print(&format!(
        "key (shown only now): {key}\n\nadd to the configuration:\n\n\
         [[auth.keys]]\nname = \"{name}\"\nscopes = [{quoted}]\nhash = \"{digest}\"\n\n\
         or to the environment, more keys after a comma:\n\n\
         SVIX_HOOKS__AUTH__KEYS={name}:{joined}:{digest}"
    ));
    Ok(())
}

fn scope_name(scope: KeyScope) -> anyhow::Result<String> {
    let value = scope
        .to_possible_value()
        .ok_or_else(|| anyhow!("the scope has no name"))?;
    Ok(value.get_name().to_owned())
}
