//! `secrets new-key`: makes a master key.

use anyhow::{Context, anyhow};
use clap::Subcommand;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;

use super::print;
use crate::secrets::MasterKey;

#[derive(Subcommand)]
pub(super) enum SecretsCommand {
    /// Make a master key, under which secrets are sealed in the store. It is kept nowhere: without it they are lost.
    NewKey {
        /// What the key is called, such as the month it is made in.
        #[arg(long, default_value = "k1")]
        id: String,
    },
}

pub(super) fn run(command: SecretsCommand) -> anyhow::Result<()> {
    let SecretsCommand::NewKey { id } = command;
    let mut bytes = [0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow!("the system has no random numbers"))?;
    let key = MasterKey::text(&id, &bytes);
    MasterKey::parse(&SecretString::from(key.as_str())).context("the key cannot be called so")?;
    print(&format!(
        "keep this where the service finds it and nobody else does; without it, what is sealed is lost:\n\n\
         SVIX_HOOKS__SECRETS__KEYS={key}\n\n\
         to replace a key, put the new one before it, separated by a comma; the first seals, all open"
    ));
    Ok(())
}
