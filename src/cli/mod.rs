//! The command line: what the binary can be told to do.

mod check_config;
mod healthcheck;
mod keys;
mod serve;
mod sources;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Accepts events over HTTP, keeps them durably and forwards each to Svix as exactly one message.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service.
    Serve {
        #[command(flatten)]
        config: ConfigArgs,
        /// Forward to a Svix stand-in inside the process instead of Svix; nothing is delivered to anybody.
        #[arg(long)]
        sandbox: bool,
    },
    /// Say whether the configuration can be used, and what is in force.
    CheckConfig {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Ask the service that the configuration describes whether it is ready; for containers.
    Healthcheck {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Manage API keys.
    Keys {
        #[command(subcommand)]
        command: keys::KeysCommand,
    },
    /// Look after a store, beside the service.
    Store {
        #[command(subcommand)]
        command: store::StoreCommand,
    },
}

#[derive(Args)]
struct ConfigArgs {
    /// A TOML file that lies over the defaults and over the files before it.
    #[arg(long = "config", value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve { config, sandbox } => serve::run(config.files, sandbox),
        Command::CheckConfig { config } => check_config::run(&config.files),
        Command::Healthcheck { config } => healthcheck::run(&config.files),
        Command::Keys { command } => keys::run(command),
        Command::Store { command } => return store::run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Says something about a command, beside what it prints.
#[expect(
    clippy::print_stderr,
    reason = "what a command says of itself belongs on standard error"
)]
fn say(words: &str) {
    eprintln!("svix-hooks: {words}");
}

/// Prints what a command was asked for.
#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn print(text: &str) {
    println!("{text}");
}
