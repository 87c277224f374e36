//! `redrives`: the jobs that send dead letters again.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::client::{Client, Query};
use super::operator::{Ended, ServiceArgs, run as ask, show};
use super::say;
use super::table::{Column, Table, dead_letters, facts, maybe};
use crate::domain::RedriveId;

#[derive(Args)]
pub(super) struct RedrivesArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(subcommand)]
    command: RedrivesCommand,
}

#[derive(Subcommand)]
enum RedrivesCommand {
    /// List the jobs, the newest first.
    List {
        /// How many to show at most.
        #[arg(long)]
        limit: Option<u32>,
    },
    /// Show how far one has come.
    Show {
        /// Its id.
        id: RedriveId,
    },
    /// Pause one that is running.
    Pause {
        /// Its id.
        id: RedriveId,
    },
    /// Resume one that is paused or has stopped.
    Resume {
        /// Its id.
        id: RedriveId,
    },
    /// End one; what it has put back stays under way.
    Cancel {
        /// Its id.
        id: RedriveId,
    },
}

/// A job as the service tells of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redrive {
    pub(super) id: String,
    pub(super) state: String,
    why: Option<String>,
    filter: Map<String, Value>,
    rate_per_second: f64,
    stop_after_failure_ratio: Option<f64>,
    order: String,
    by: Option<String>,
    created_at: String,
    finished_at: Option<String>,
    pub(super) total: u64,
    pub(super) done: u64,
    pub(super) delivered: u64,
    pub(super) dead_again: u64,
    pub(super) expired: u64,
    pub(super) under_way: u64,
    left: u64,
    estimated_end: Option<String>,
}

impl Redrive {
    const COLUMNS: [Column; 12] = [
        Column::Whole("ID"),
        Column::Whole("STATE"),
        Column::Number("TOTAL"),
        Column::Number("SENT"),
        Column::Number("DELIVERED"),
        Column::Number("DEAD AGAIN"),
        Column::Number("EXPIRED"),
        Column::Number("LEFT"),
        Column::Number("RATE"),
        Column::Whole("CREATED"),
        Column::Text("BY"),
        Column::Text("FILTER"),
    ];

    fn row(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.state.clone(),
            self.total.to_string(),
            self.done.to_string(),
            self.delivered.to_string(),
            self.dead_again.to_string(),
            self.expired.to_string(),
            self.left.to_string(),
            self.rate_per_second.to_string(),
            self.created_at.clone(),
            maybe(self.by.as_ref()),
            self.filtered(),
        ]
    }

    fn filtered(&self) -> String {
        if self.filter.is_empty() {
            return "all dead letters".to_owned();
        }
        let members = self.filter.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            value => format!("{name}={value}"),
        });
        members.collect::<Vec<_>>().join(" ")
    }

    /// Says what begins.
    pub(super) fn begun(&self) -> String {
        let (id, rate, order) = (&self.id, self.rate_per_second, &self.order);
        format!("redrive {id}: {}, {rate} a second, the {order} first", dead_letters(self.total))
    }

    /// Tells everything about it.
    pub(super) fn facts(&self) -> String {
        let stops = match self.stop_after_failure_ratio {
            Some(ratio) => format!("where more than {ratio} of them fail again"),
            None => "never by itself".to_owned(),
        };
        let state = match &self.why {
            Some(why) => format!("{}: {why}", self.state),
            None => self.state.clone(),
        };
        facts(&[
            ("redrive", self.id.clone()),
            ("state", state),
            ("of", self.filtered()),
            ("rate", format!("{} a second, {} first", self.rate_per_second, self.order)),
            ("stops", stops),
            ("by", maybe(self.by.as_ref())),
            ("created", self.created_at.clone()),
            ("finished", maybe(self.finished_at.as_ref())),
            ("sent", format!("{} of {}", self.done, self.total)),
            ("delivered", self.delivered.to_string()),
            ("dead again", self.dead_again.to_string()),
            ("expired", self.expired.to_string()),
            ("under way", self.under_way.to_string()),
            ("left", self.left.to_string()),
            ("ends about", maybe(self.estimated_end.as_ref())),
        ])
    }
}

#[derive(Deserialize)]
struct Jobs {
    data: Vec<Redrive>,
}

/// Carries out a command; returns with what the process is to exit.
pub(super) fn run(args: RedrivesArgs) -> ExitCode {
    let RedrivesArgs { service, command } = args;
    let json = service.json;
    ask(&service, async |client| match command {
        RedrivesCommand::List { limit } => list(client, limit, json).await,
        RedrivesCommand::Show { id } => one(client, id, None, json).await,
        RedrivesCommand::Pause { id } => one(client, id, Some("pause"), json).await,
        RedrivesCommand::Resume { id } => one(client, id, Some("resume"), json).await,
        RedrivesCommand::Cancel { id } => one(client, id, Some("cancel"), json).await,
    })
}

async fn list(client: &Client, limit: Option<u32>, json: bool) -> anyhow::Result<Ended> {
    let query: Query = limit
        .map(|limit| ("limit", limit.to_string()))
        .into_iter()
        .collect();
    let answer = client.get("/redrives", &query).await?;
    if json {
        show(&answer.text)?;
        return Ok(Ended::Well);
    }
    let Jobs { data } = answer.read()?;
    match data.is_empty() {
        true => say("there are none"),
        false => show(&Table::new(Redrive::COLUMNS).lay(data.iter().map(Redrive::row).collect()))?,
    }
    Ok(Ended::Well)
}

/// Does something with a job, or nothing, and shows it.
async fn one(client: &Client, id: RedriveId, what: Option<&str>, json: bool) -> anyhow::Result<Ended> {
    let answer = match what {
        Some(what) => client.post(&format!("/redrives/{id}/{what}"), None).await?,
        None => client.get(&format!("/redrives/{id}"), &Query::new()).await?,
    };
    match json {
        true => show(&answer.text)?,
        false => show(&answer.read::<Redrive>()?.facts())?,
    }
    Ok(Ended::Well)
}
