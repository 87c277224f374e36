//! Follows a redrive until it ends. The service does the work: whoever follows may leave, and may miss an answer.

use std::time::{Duration, Instant};

use actix_rt::signal::unix::Signal;
use anyhow::anyhow;
use indicatif::{ProgressBar, ProgressStyle};

use super::client::{Answer, Client, Query};
use super::redrives::Redrive;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// For how long answers may be missing, such as while the service is started anew.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a terminal shows how far it has come.
const BAR: &str = "{bar:40} {human_pos} of {human_len}, {msg}, {eta} left";

/// A redrive that was followed.
pub(super) struct Followed {
    /// The last answer about it.
    pub(super) answer: Answer,
    /// What that said.
    pub(super) redrive: Redrive,
    /// Whether Ctrl-C came before its end.
    pub(super) interrupted: bool,
}

/// Follows a redrive until it ends or Ctrl-C comes.
pub(super) async fn until_it_ends(
    client: &Client,
    mut interrupts: Signal,
    mut answer: Answer,
    mut redrive: Redrive,
    quiet: bool,
) -> anyhow::Result<Followed> {
    // Where it is shown, that is on a terminal only.
    let bar = if quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(redrive.total).with_style(ProgressStyle::with_template(BAR)?)
    };
    let path = format!("/redrives/{}", redrive.id);
    let mut answered = Instant::now();
    draw(&bar, &redrive);
    let interrupted = loop {
        if redrive.has_ended() {
            break false;
        }
        let look = async {
            actix_rt::time::sleep(LOOK).await;
            client.get(&path, &Query::new()).await
        };
        let looked = tokio::select! {
            _ = interrupts.recv() => break true,
            looked = look => looked,
        };
        match looked {
            Ok(newer) => {
                redrive = newer.read()?;
                answer = newer;
                answered = Instant::now();
                draw(&bar, &redrive);
            }
            Err(failure) if failure.may_pass() && answered.elapsed() < PATIENCE => {
                bar.set_message("no answer, asking again");
            }
            Err(failure) => {
                let id = &redrive.id;
                let lost = format!("the redrive {id} cannot be followed any further, but goes on by itself");
                return Err(anyhow!(failure).context(lost));
            }
        }
    };
    bar.finish_and_clear();
    Ok(Followed {
        answer,
        redrive,
        interrupted,
    })
}

fn draw(bar: &ProgressBar, redrive: &Redrive) {
    // First, so that no bar is drawn without it.
    bar.set_message(redrive.in_short());
    bar.set_length(redrive.total.max(redrive.done));
    bar.set_position(redrive.settled());
}

impl Redrive {
    /// Tells whether it does nothing more by itself.
    fn has_ended(&self) -> bool {
        matches!(self.state.as_str(), "completed" | "cancelled" | "stopped")
    }

    /// Tells whether it has delivered all that it was to send.
    pub(super) fn is_all_delivered(&self) -> bool {
        self.state == "completed" && self.dead_again == 0 && self.expired == 0
    }

    fn settled(&self) -> u64 {
        self.delivered + self.dead_again + self.expired
    }

    fn in_short(&self) -> String {
        let (state, under_way, dead_again) = (&self.state, self.under_way, self.dead_again);
        format!("{state}, {under_way} under way, {dead_again} dead again")
    }
}
