//! `dead-letters purge`: deletes dead letters, as many times as it takes.

use std::time::Duration;

use anyhow::{anyhow, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, Failure};
use super::filter::FilterArgs;
use super::operator::{Ended, show};
use super::table::dead_letters;

#[derive(Args)]
pub(super) struct PurgeArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Delete them; without this it only says how many there are.
    #[arg(long)]
    confirm: bool,
    /// Show no progress, and say nothing where it worked.
    #[arg(long)]
    quiet: bool,
}

#[derive(Deserialize)]
struct Purged {
    deleted: u64,
    more: bool,
}

pub(super) async fn run(client: &Client, args: &PurgeArgs, json: bool) -> anyhow::Result<Ended> {
    let mut query = args.filter.query();
    if args.confirm {
        query.push(("confirm", "true".to_owned()));
    }
    let spinner = if args.quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{human_pos} deleted, {elapsed}")?)
    };
    spinner.enable_steady_tick(Duration::from_secs(1));
    let mut deleted: u64 = 0;
    loop {
        let answer = client.delete("/dead-letters", &query).await;
        let answer = answer.map_err(|failure| explained(failure, deleted))?;
        let purged: Purged = answer.read()?;
        deleted = deleted.saturating_add(purged.deleted);
        spinner.set_position(deleted);
        if !purged.more {
            break;
        }
        ensure!(
            purged.deleted > 0,
            "{deleted} deleted; there are more, but the service deletes none of them"
        );
    }
    spinner.finish_and_clear();
    match (json, args.quiet) {
        (true, _) => show(&json!({"deleted": deleted, "more": false}).to_string())?,
        (false, true) => {}
        (false, false) => show(&format!("{} deleted", dead_letters(deleted)))?,
    }
    Ok(Ended::Well)
}

/// Says what an operator can do about a refusal, and what had been done before it.
fn explained(failure: Failure, deleted: u64) -> anyhow::Error {
    let total = match &failure {
        Failure::Refused(refusal) if refusal.code == "confirmation_required" => refusal.total,
        _ => None,
    };
    match (total, deleted) {
        (Some(total), _) => {
            anyhow!("{failure}\n  the filter finds {}; --confirm deletes for good", dead_letters(total))
        }
        (None, 0) => failure.into(),
        (None, _) => anyhow!("after {deleted} deleted: {failure}"),
    }
}
