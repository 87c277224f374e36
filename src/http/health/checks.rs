//! What health looks at, and how it stands.

use std::time::Duration;

use super::{State, Status};
use crate::actors::messages::{AccountStatus, Counts, LedgerCheck, PipelineHealth};
use crate::domain::Timestamp;
use crate::policy::GateState;
use crate::store::{BacklogSurvey, Condition, Disk};

/// How old the supervisor's last word may be.
pub(in crate::http) const SILENCE: Duration = Duration::from_secs(5);

/// Accounts that are told of one by one.
pub(super) const ACCOUNTS: usize = 20;

/// Differences of the ledger that a check names.
const NAMED: usize = 3;

/// How old the last count of what waits may be before nothing is known of it, beside some times as long as it took.
const SURVEY_AGE: Duration = Duration::from_secs(300);
const SURVEY_LENGTHS: u32 = 3;

/// What a look at one thing came to.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) name: String,
    pub(super) status: Status,
    pub(super) state: State,
    pub(super) detail: String,
    /// Since when, where that is known better than by looking.
    pub(super) since: Option<Timestamp>,
}

impl Finding {
    pub(super) fn new(
        name: impl Into<String>,
        status: Status,
        state: State,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            status,
            state,
            detail: detail.into(),
            since: None,
        }
    }
}

pub(super) fn store(condition: Condition) -> Finding {
    let name = "store";
    match condition {
        Condition::Working => Finding::new(name, Status::Ok, State::Working, "the last write worked"),
        Condition::Failing { since, trouble } => Finding {
            since: Some(since),
            ..Finding::new(name, Status::Failing, State::Failing, trouble.to_string())
        },
    }
}

/// Whether what is due and allowed moves. Names what stands still where that is for whoever asks.
pub(super) fn progress(pipeline: Option<&PipelineHealth>, limit: Duration, with_names: bool) -> Finding {
    let stuck = |detail: String| Finding::new("progress", Status::Failing, State::Stuck, detail);
    let Some(PipelineHealth { counts, age, .. }) = pipeline else {
        return stuck("the stats actor does not answer".to_owned());
    };
    if *age > SILENCE {
        let still = counts.stalled_for.max(*age).as_secs();
        return stuck(format!(
            "what is due and allowed has not moved for {still} s: the supervisor is not heard of"
        ));
    }
    if counts.stalled_for < limit {
        let detail = "what is due and allowed moves";
        return Finding::new("progress", Status::Ok, State::Moving, detail);
    }
    let still = counts.stalled_for.as_secs();
    let what = counts.standstill.as_ref().filter(|_| with_names).map(|what| {
        let first = what.customer.as_ref();
        let first = first.map_or_else(String::new, |customer| format!(", first customer {customer}'s"));
        format!(": {} are ready for account {}{first}", what.ready, what.account)
    });
    stuck(format!("what is due and allowed has not moved for {still} s{}", what.unwrap_or_default()))
}

pub(super) fn stopping() -> Finding {
    Finding::new("process", Status::Failing, State::Stopping, "the service is stopping")
}

pub(super) fn actors(counts: &Counts) -> Finding {
    let (alive, configured) = (counts.workers_alive, counts.workers_configured);
    let (status, state) = if alive >= configured {
        (Status::Ok, State::Alive)
    } else {
        (Status::Degraded, State::Missing)
    };
    Finding::new("actors", status, state, format!("{alive} of {configured} delivery actors are alive"))
}

/// Tells of the accounts: of all where they are few, else of those that something is wrong with, up to a bound. Beside
/// them are the others.
pub(super) fn accounts(all: &[AccountStatus]) -> (Vec<Finding>, Vec<Finding>) {
    let mut shown: Vec<Finding> = all.iter().map(account).collect();
    if shown.len() <= ACCOUNTS {
        return (shown, Vec::new());
    }
    shown.sort_by_key(|found| std::cmp::Reverse(found.status));
    let rest = shown.split_off(ACCOUNTS);
    let held = rest.iter().filter(|found| found.status != Status::Ok).count();
    let (status, state) = match held {
        0 => (Status::Ok, State::Reachable),
        _ => (Status::Degraded, State::Held),
    };
    let detail = format!("{} more accounts, {held} of which cannot send now", rest.len());
    shown.push(Finding::new("accounts", status, state, detail));
    (shown, rest)
}

fn account(account: &AccountStatus) -> Finding {
    let name = format!("account {}", account.name);
    let last = account.last_failure.as_deref().unwrap_or("no answer");
    let degraded = |state, detail: String, since| Finding {
        since,
        ..Finding::new(name.clone(), Status::Degraded, state, detail)
    };
    if let Some(since) = account.missing_since {
        let detail = format!("it cannot be used ({last}); its notifications wait");
        return degraded(State::Missing, detail, Some(since));
    }
    match account.gate {
        GateState::Open => Finding::new(name, Status::Ok, State::Reachable, "svix takes its requests"),
        GateState::Limited { until } => {
            degraded(State::Limited, format!("svix limits it until {until}"), None)
        }
        GateState::Circuit { since, next_probe } => degraded(
            State::Circuit,
            format!("svix is unavailable ({last}); the next probe goes out at {next_probe}"),
            Some(since),
        ),
        GateState::Refused { since, next_probe } => degraded(
            State::Refused,
            format!(
                "svix refuses its token or knows none of its applications ({last}); the next probe goes out at {next_probe}"
            ),
            Some(since),
        ),
    }
}

/// Whether anything has been due for too long. What is to be tried later and what is paused is not late.
pub(super) fn backlog(survey: Option<&BacklogSurvey>, now: Timestamp, max_age: Duration) -> Finding {
    let name = "backlog";
    let Some(survey) = survey else {
        return Finding::new(name, Status::Ok, State::Unknown, "what waits has not been counted yet");
    };
    let BacklogSurvey {
        as_of, ended_at, all, ..
    } = survey;
    let may_be_old = SURVEY_AGE + ended_at.since(*as_of).saturating_mul(SURVEY_LENGTHS);
    if now.since(*as_of) > may_be_old {
        let detail = format!("what waits could not be counted since {as_of}");
        return Finding::new(name, Status::Degraded, State::Unknown, detail);
    }
    let waits = match all.oldest_at {
        Some(oldest_at) => format!("{} wait, the oldest was accepted at {oldest_at}", all.queued),
        None => "nothing waits".to_owned(),
    };
    let late = survey
        .overdue
        .as_ref()
        .map(|overdue| (overdue, as_of.since(overdue.due_at)));
    match late.filter(|(_, age)| *age > max_age) {
        Some((overdue, age)) => {
            let (age, customer, account) = (age.as_secs(), &overdue.customer, &overdue.account);
            let detail = format!(
                "{waits}; what has been due for longest, for {age} s, is customer {customer}'s and goes through account {account}"
            );
            Finding::new(name, Status::Degraded, State::Late, detail)
        }
        None => Finding::new(name, Status::Ok, State::Fresh, waits),
    }
}

/// Whether the store's disk has room left.
pub(super) fn disk(disk: Option<Disk>, min_free_ratio: f64) -> Finding {
    let name = "disk";
    let Some(Disk { bytes, space }) = disk else {
        return Finding::new(name, Status::Ok, State::Unknown, "the disk has not been looked at yet");
    };
    let Some(space) = space else {
        let detail = format!("the store takes {bytes} bytes; the disk of its server is not seen from here");
        return Finding::new(name, Status::Ok, State::Unknown, detail);
    };
    let (ratio, free, total) = (space.free_ratio(), space.free, space.total);
    let percent = ratio * 100.0;
    let detail = format!("{percent:.1} % are free, {free} of {total} bytes; the store takes {bytes} bytes");
    if ratio < min_free_ratio {
        Finding::new(name, Status::Degraded, State::Low, detail)
    } else {
        Finding::new(name, Status::Ok, State::Roomy, detail)
    }
}

/// What comparing the ledger with the rows has found.
pub(super) fn ledger(found: &LedgerCheck) -> Finding {
    let name = "ledger";
    let named: Vec<String> = found
        .differences
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    let differs = |detail| Finding::new(name, Status::Degraded, State::Differs, detail);
    match (found.differences.len(), found.last_at) {
        (0, None) => {
            let detail = "the ledger has not been compared with the rows yet";
            Finding::new(name, Status::Ok, State::Unknown, detail)
        }
        (0, Some(at)) => {
            let minutes = found.minutes;
            let detail = format!("the ledger agrees with the rows; {minutes} minutes checked, last at {at}");
            Finding::new(name, Status::Ok, State::Agrees, detail)
        }
        (count, _) if count > NAMED => {
            differs(format!("{}; and {} more differences", named.join("; "), count - NAMED))
        }
        _ => differs(named.join("; ")),
    }
}
