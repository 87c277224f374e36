//! `dead-letters redrive`: has dead letters sent again, and follows the job where that is asked for.

use actix_rt::signal::unix::{SignalKind, signal};
use anyhow::ensure;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Client;
use super::filter::FilterArgs;
use super::follow::{self, Followed};
use super::operator::{Ended, show};
use super::redrives::Redrive;
use super::say;
use super::table::dead_letters;

#[derive(Args)]
pub(super) struct RedriveArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// How many to put back a second; by default what the service is configured to.
    #[arg(long, value_parser = finite)]
    rate: Option<f64>,
    /// The share that may fail again before the job stops by itself: 0 to 1, or never.
    #[arg(long, value_name = "SHARE", value_parser = ratio)]
    stop_ratio: Option<Ratio>,
    /// Which to begin with.
    #[arg(long, value_enum)]
    order: Option<Order>,
    /// Only say how many there are.
    #[arg(long)]
    dry_run: bool,
    /// Follow the job until it ends.
    #[arg(long, conflicts_with = "dry_run")]
    wait: bool,
    /// Show no progress, and print only the id; or with --dry-run, the number.
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Order {
    /// What was accepted first.
    Oldest,
    /// What was accepted last.
    Newest,
}

#[derive(Clone, Copy)]
enum Ratio {
    Never,
    Above(f64),
}

#[derive(Deserialize)]
struct Counted {
    total: u64,
}

pub(super) async fn run(client: &Client, args: &RedriveArgs, json: bool) -> anyhow::Result<Ended> {
    // From here on Ctrl-C ends no more than the following.
    let interrupts = args.wait.then(|| signal(SignalKind::interrupt())).transpose()?;
    let answer = client.post("/redrives", Some(&args.body())).await?;
    if args.dry_run {
        let total = answer.read::<Counted>()?.total;
        match (json, args.quiet) {
            (true, _) => show(&answer.text)?,
            (false, true) => show(&total.to_string())?,
            (false, false) => show(&format!("{} would be sent again", dead_letters(total)))?,
        }
        return Ok(Ended::Well);
    }
    let redrive: Redrive = answer.read()?;
    match (json, args.quiet) {
        // Where it is followed, the one document comes at the end.
        (true, _) if args.wait => {}
        (true, _) => show(&answer.text)?,
        (false, true) => show(&redrive.id)?,
        (false, false) => show(&redrive.begun())?,
    }
    if let Some(interrupts) = interrupts {
        let followed = follow::until_it_ends(client, interrupts, answer, redrive, args.quiet).await?;
        return conclude(&followed, json, args.quiet);
    }
    if !json && !args.quiet {
        let id = &redrive.id;
        say(&format!("it is under way; see how far with `svix-hooks redrives show {id}`"));
    }
    Ok(Ended::Well)
}

/// Says how a job stands that was followed.
fn conclude(followed: &Followed, json: bool, quiet: bool) -> anyhow::Result<Ended> {
    let redrive = &followed.redrive;
    let ended = if followed.interrupted {
        Ended::Interrupted
    } else if redrive.is_all_delivered() {
        Ended::Well
    } else {
        Ended::Wrong
    };
    match json {
        true => show(&followed.answer.text)?,
        false if quiet && ended == Ended::Well => {}
        false => show(&redrive.facts())?,
    }
    let id = &redrive.id;
    if ended == Ended::Interrupted {
        say(&format!("the redrive is left {}; `svix-hooks redrives cancel {id}` ends it", redrive.state));
    } else if redrive.state == "stopped" {
        say(&format!("the redrive has stopped; `svix-hooks redrives resume {id}` lets it go on"));
    }
    Ok(ended)
}

impl RedriveArgs {
    fn body(&self) -> Value {
        let mut body = json!({"filter": self.filter.members()});
        if let Some(rate) = self.rate {
            body["ratePerSecond"] = json!(rate);
        }
        if let Some(ratio) = self.stop_ratio {
            body["stopAfterFailureRatio"] = match ratio {
                Ratio::Never => Value::Null,
                Ratio::Above(ratio) => json!(ratio),
            };
        }
        if let Some(order) = self.order {
            body["order"] = match order {
                Order::Oldest => json!("oldest"),
                Order::Newest => json!("newest"),
            };
        }
        if self.dry_run {
            body["dryRun"] = json!(true);
        }
        body
    }
}

/// Reads a number that JSON can say; whether it is fit, the service tells.
fn finite(text: &str) -> anyhow::Result<f64> {
    let number: f64 = text.parse()?;
    ensure!(number.is_finite(), "must be a number");
    Ok(number)
}

fn ratio(text: &str) -> anyhow::Result<Ratio> {
    match text {
        "never" => Ok(Ratio::Never),
        text => finite(text).map(Ratio::Above),
    }
}
