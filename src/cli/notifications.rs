//! `notifications`: finding them, what happened to one, and sending one again.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Deserialize;

use super::client::{Client, Query};
use super::filter::FilterArgs;
use super::operator::{Ended, ServiceArgs, run as ask, show};
use super::pages::{self, LimitArgs};
use super::story::Story;
use super::table::shown;
use crate::domain::NotificationId;

#[derive(Args)]
pub(super) struct NotificationsArgs {
    #[command(flatten)]
    service: ServiceArgs,
    #[command(subcommand)]
    command: NotificationsCommand,
}

#[derive(Subcommand)]
enum NotificationsCommand {
    /// List notifications, the newest first.
    List(Box<ListArgs>),
    /// Show all that happened to one, in order, and what happens next.
    Show {
        /// Its id.
        id: NotificationId,
        /// Show what Svix is sent as well; the key needs the scope operate for that.
        #[arg(long)]
        payload: bool,
    },
    /// Send one that is dead again.
    Redrive {
        /// Its id.
        id: NotificationId,
    },
}

#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Only in this state: queued, delivered, dead, expired or filtered.
    #[arg(long)]
    state: Option<String>,
    /// Only with this id of the event.
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    #[command(flatten)]
    limit: LimitArgs,
}

impl ListArgs {
    fn query(&self) -> Query {
        let mut query = self.filter.query();
        query.extend(self.state.clone().map(|state| ("state", state)));
        query.extend(self.event_id.clone().map(|id| ("eventId", id)));
        query
    }
}

/// Carries out a command; returns with what the process is to exit.
pub(super) fn run(args: NotificationsArgs) -> ExitCode {
    let NotificationsArgs { service, command } = args;
    let json = service.json;
    ask(&service, async |client| {
        match &command {
            NotificationsCommand::List(args) => {
                pages::list(client, "/notifications", args.query(), &args.limit, json).await?;
            }
            NotificationsCommand::Show { id, payload } => story(client, id, *payload, json).await?,
            NotificationsCommand::Redrive { id } => redrive(client, id, json).await?,
        }
        Ok(Ended::Well)
    })
}

async fn story(client: &Client, id: &NotificationId, payload: bool, json: bool) -> anyhow::Result<()> {
    let mut query = Query::new();
    if payload {
        query.push(("include", "payload".to_owned()));
    }
    let answer = client.get(&format!("/notifications/{id}"), &query).await?;
    match json {
        true => show(&answer.text),
        false => show(&answer.read::<Story>()?.told()),
    }
}

#[derive(Deserialize)]
struct SentAgain {
    customer: String,
    state: String,
}

async fn redrive(client: &Client, id: &NotificationId, json: bool) -> anyhow::Result<()> {
    let answer = client.post(&format!("/notifications/{id}/redrive"), None).await?;
    if json {
        return show(&answer.text);
    }
    let SentAgain { customer, state } = answer.read()?;
    show(&format!("notification {id} of {} is sent again; it is {}", shown(&customer), shown(&state)))
}
