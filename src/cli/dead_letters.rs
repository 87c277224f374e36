//! `dead-letters`: what was not delivered, which kinds of it there are, and what becomes of it.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;

use super::client::Client;
use super::filter::FilterArgs;
use super::operator::{Ended, ServiceArgs, run as ask, show};
use super::pages::{self, LimitArgs};
use super::purge::{self, PurgeArgs};
use super::redrive::{self, RedriveArgs};
use super::say;
use super::table::{Column, Table, maybe};

#[derive(Args)]
pub(super) struct DeadLettersArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(subcommand)]
    command: DeadLettersCommand,
}

#[derive(Subcommand)]
enum DeadLettersCommand {
    /// List dead letters, the newest first.
    List {
        #[command(flatten)]
        filter: FilterArgs,
        #[command(flatten)]
        limit: LimitArgs,
    },
    /// Count dead letters by what they have in common, the most frequent first.
    Groups(GroupsArgs),
    /// Send dead letters again, as a job of the service.
    ///
    /// With --wait exits with 0 where all were delivered, 1 where the job stopped or was cancelled or something
    /// was not delivered again, and 130 after Ctrl-C, which leaves the job running. Exits with 2 where it could
    /// not be asked for.
    Redrive(RedriveArgs),
    /// Delete dead letters for good.
    Purge(PurgeArgs),
}

#[derive(Args)]
struct GroupsArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// What they have in common: some of customer, reason, status, outcome and type, separated by commas.
    #[arg(long, value_name = "NAMES")]
    by: Option<String>,
    /// How many groups to show at most.
    #[arg(long)]
    limit: Option<u32>,
}

/// Carries out a command; returns with what the process is to exit.
pub(super) fn run(args: DeadLettersArgs) -> ExitCode {
    let DeadLettersArgs { service, command } = args;
    let json = service.json;
    ask(&service, async |client| match &command {
        DeadLettersCommand::List { filter, limit } => {
            pages::list(client, "/dead-letters", filter.query(), limit, json).await?;
            Ok(Ended::Well)
        }
        DeadLettersCommand::Groups(args) => groups(client, args, json).await,
        DeadLettersCommand::Redrive(args) => redrive::run(client, args, json).await,
        DeadLettersCommand::Purge(args) => purge::run(client, args, json).await,
    })
}

#[derive(Deserialize)]
struct Groups {
    by: Vec<String>,
    data: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    customer: Option<String>,
    reason: Option<String>,
    status: Option<u16>,
    outcome: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    count: u64,
    first_at: String,
    last_at: String,
}

impl Group {
    /// Returns the column of what they have in common, and what that is.
    fn common(&self, name: &str) -> String {
        match name {
            "customer" => maybe(self.customer.as_ref()),
            "reason" => maybe(self.reason.as_ref()),
            "status" => maybe(self.status.as_ref()),
            "outcome" => maybe(self.outcome.as_ref()),
            "type" => maybe(self.event_type.as_ref()),
            _ => String::new(),
        }
    }
}

async fn groups(client: &Client, args: &GroupsArgs, json: bool) -> anyhow::Result<Ended> {
    let mut query = args.filter.query();
    query.extend(args.by.clone().map(|by| ("by", by)));
    query.extend(args.limit.map(|limit| ("limit", limit.to_string())));
    let answer = client.get("/dead-letters/groups", &query).await?;
    if json {
        show(&answer.text)?;
        return Ok(Ended::Well);
    }
    let Groups { by, data } = answer.read()?;
    if data.is_empty() {
        say("there are none");
        return Ok(Ended::Well);
    }
    let mut columns = vec![Column::Number("COUNT")];
    columns.extend(by.iter().map(|name| match name.as_str() {
        "customer" => Column::Text("CUSTOMER"),
        "reason" => Column::Whole("REASON"),
        "status" => Column::Number("STATUS"),
        "outcome" => Column::Whole("OUTCOME"),
        _ => Column::Text("TYPE"),
    }));
    columns.extend([Column::Whole("FIRST"), Column::Whole("LAST")]);
    let rows = data.iter().map(|group| {
        let mut row = vec![group.count.to_string()];
        row.extend(by.iter().map(|name| group.common(name)));
        row.extend([group.first_at.clone(), group.last_at.clone()]);
        row
    });
    show(&Table::new(columns).lay(rows.collect()))?;
    Ok(Ended::Well)
}
