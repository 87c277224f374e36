//! The command line: what the binary can be told to do.

mod audit;
mod check_config;
mod client;
mod dead_letters;
mod filter;
mod follow;
mod healthcheck;
mod keys;
mod notifications;
mod operator;
mod pages;
mod purge;
mod redrive;
mod redrives;
mod secrets;
mod serve;
mod sources;
mod store;
mod story;
mod table;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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
    /// Manage the master keys under which secrets are sealed in the store.
    Secrets {
        #[command(subcommand)]
        command: secrets::SecretsCommand,
    },
    /// Look after a store, beside the service.
    Store {
        #[command(subcommand)]
        command: store::StoreCommand,
    },
    /// Find notifications, see what happened to one, and send one again.
    Notifications(notifications::NotificationsArgs),
    /// See what was not delivered, send it again or delete it.
    DeadLetters(dead_letters::DeadLettersArgs),
    /// Follow and steer what sends dead letters again.
    Redrives(redrives::RedrivesArgs),
    Audit(audit::AuditArgs),
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
        Command::Serve { config, sandbox } => return serve::run(config.files, sandbox),
        Command::CheckConfig { config } => check_config::run(&config.files),
        Command::Healthcheck { config } => healthcheck::run(&config.files),
        Command::Keys { command } => keys::run(command),
        Command::Secrets { command } => return secrets::run(command),
        Command::Store { command } => return store::run(command),
        Command::Notifications(args) => return notifications::run(args),
        Command::DeadLetters(args) => return dead_letters::run(args),
        Command::Redrives(args) => return redrives::run(args),
        Command::Audit(args) => return audit::run(args),
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

/// Returns where a listener is reached from the same machine: an address that stands for all of them is reached by
/// the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
