//! `secrets new-key`: makes a master key.

use clap::Subcommand;
use secrecy::ExposeSecret;

use super::print;
use crate::secrets::MasterKey;

#[derive(Subcommand)]
pub(super) enum SecretsCommand {
    /// Make a master key, under which secrets are sealed in the store. It is kept nowhere: without it they are lost.
    NewKey,
}

pub(super) fn run(command: SecretsCommand) -> anyhow::Result<()> {
    let SecretsCommand::NewKey = command;
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
