//! How what is looked at turns out, one by one.

use std::sync::Arc;

use super::checks::{self, ACCOUNTS, Finding};
use super::*;
use crate::actors::messages::{AccountStatus, Counts, LedgerCheck, Standstill};
use crate::domain::{AccountName, Customer};
use crate::policy::GateState;
use crate::store::{BacklogSurvey, Condition, Difference, Disk, DiskSpace, Overdue, Trouble, Waiting};

const LIMIT: Duration = Duration::from_secs(30);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn status(number: usize, missing: bool) -> AccountStatus {
    AccountStatus {
        name: AccountName::new(&format!("a{number:03}")),
        gate: GateState::Open,
        in_flight: 0,
        last_failure: missing.then(|| "no account of this name is set".to_owned()),
        missing_since: missing.then(Timestamp::default),
    }
}

fn verdict(found: &Finding) -> (Status, State) {
    (found.status, found.state)
}

fn pipeline(age: u64, stalled: u64) -> PipelineHealth {
    let standstill = Standstill {
        account: AccountName::new("eu"),
        customer: Customer::parse("acme").ok(),
        ready: 12,
    };
    PipelineHealth {
        counts: Counts {
            stalled_for: Duration::from_secs(stalled),
            standstill: (stalled > 0).then_some(standstill),
            ..Counts::default()
        },
        age: Duration::from_secs(age),
        ledger: LedgerCheck::default(),
        backlog: None,
        disk: None,
    }
}

#[test]
fn of_many_accounts_those_are_named_that_something_is_wrong_with() {
    let few: Vec<_> = (0..ACCOUNTS).map(|number| status(number, false)).collect();
    let (shown, others) = checks::accounts(&few);
    assert_eq!((shown.len(), others.len()), (ACCOUNTS, 0), "each of a few");
    let many: Vec<_> = (0..1000)
        .map(|number| status(number, number % 333 == 332))
        .collect();
    let (shown, others) = checks::accounts(&many);
    assert_eq!((shown.len(), others.len()), (ACCOUNTS + 1, 1000 - ACCOUNTS));
    let wrong: Vec<_> = shown.iter().take(3).map(|found| found.name.as_str()).collect();
    assert_eq!(wrong, ["account a332", "account a665", "account a998"]);
    assert!(shown[0].detail.contains("no account of this name is set"), "{}", shown[0].detail);
    let rest = &shown[ACCOUNTS];
    assert_eq!((rest.name.as_str(), verdict(rest)), ("accounts", (Status::Ok, State::Reachable)));
    assert!(rest.detail.starts_with("980 more accounts, 0 of which"), "{}", rest.detail);
    let all: Vec<_> = (0..100).map(|number| status(number, true)).collect();
    let rest = &checks::accounts(&all).0[ACCOUNTS];
    assert_eq!(verdict(rest), (Status::Degraded, State::Held), "what is not named counts");
}

#[test]
fn an_account_stands_as_its_gate_does() {
    let (since, next_probe) = (at(3), at(9));
    let table = [
        (GateState::Open, None, (Status::Ok, State::Reachable), None),
        (GateState::Limited { until: at(9) }, None, (Status::Degraded, State::Limited), None),
        (GateState::Circuit { since, next_probe }, None, (Status::Degraded, State::Circuit), Some(since)),
        (GateState::Refused { since, next_probe }, None, (Status::Degraded, State::Refused), Some(since)),
        (GateState::Open, Some(at(4)), (Status::Degraded, State::Missing), Some(at(4))),
    ];
    for (gate, missing_since, right, since) in table {
        let status = AccountStatus {
            gate,
            missing_since,
            ..status(0, false)
        };
        let (found, _) = checks::accounts(&[status]);
        assert_eq!((verdict(&found[0]), found[0].since), (right, since), "{gate:?}");
    }
}

#[test]
fn what_stands_still_is_named_to_those_who_may_know() {
    let (moving, stuck) = ((Status::Ok, State::Moving), (Status::Failing, State::Stuck));
    let progress =
        |pipeline: &PipelineHealth, with_names| checks::progress(Some(pipeline), LIMIT, with_names);
    assert_eq!(verdict(&progress(&pipeline(0, 29), true)), moving, "it may only have to wait");
    let found = progress(&pipeline(1, 34), true);
    let detail =
        "what is due and allowed has not moved for 34 s: 12 are ready for account eu, first customer acme's";
    assert_eq!((verdict(&found), found.detail.as_str()), (stuck, detail));
    let found = progress(&pipeline(1, 34), false);
    assert_eq!(
        (verdict(&found), found.detail.as_str()),
        (stuck, "what is due and allowed has not moved for 34 s")
    );
    let found = progress(&pipeline(7, 0), true);
    assert_eq!(verdict(&found), stuck);
    assert!(found.detail.contains("for 7 s: the supervisor is not heard of"), "{}", found.detail);
    assert_eq!(verdict(&checks::progress(None, LIMIT, true)), stuck);
}

#[test]
fn the_store_says_itself_since_when_it_fails() {
    let failing = Condition::Failing {
        since: at(5),
        trouble: Trouble::Full,
    };
    let found = checks::store(failing);
    assert_eq!((verdict(&found), found.since), ((Status::Failing, State::Failing), Some(at(5))));
    assert_eq!(verdict(&checks::store(Condition::Working)), (Status::Ok, State::Working));
}

#[test]
fn actors_that_are_missing_degrade() {
    let counts = |workers_alive| Counts {
        workers_alive,
        workers_configured: 8,
        ..Counts::default()
    };
    assert_eq!(verdict(&checks::actors(&counts(8))), (Status::Ok, State::Alive));
    let found = checks::actors(&counts(7));
    assert_eq!(
        (verdict(&found), found.detail.as_str()),
        ((Status::Degraded, State::Missing), "7 of 8 delivery actors are alive")
    );
}

#[test]
fn a_backlog_is_late_once_something_has_been_due_for_too_long() {
    let survey = |due_at: Option<i64>| BacklogSurvey {
        as_of: at(10_000),
        ended_at: at(10_100),
        all: Waiting {
            queued: 3,
            oldest_at: Some(at(100)),
        },
        overdue: due_at.map(|due_at| Overdue {
            customer: Customer::parse("acme").unwrap(),
            account: AccountName::new("eu"),
            due_at: at(due_at),
        }),
        ..BacklogSurvey::default()
    };
    let look =
        |survey: Option<&BacklogSurvey>, now| checks::backlog(survey, at(now), Duration::from_secs(900));
    assert_eq!(verdict(&look(None, 10_000)), (Status::Ok, State::Unknown));
    let (fresh, late) = ((Status::Ok, State::Fresh), (Status::Degraded, State::Late));
    assert_eq!(
        verdict(&look(
            Some(&BacklogSurvey {
                as_of: at(1),
                ..BacklogSurvey::default()
            }),
            2
        )),
        fresh
    );
    let found = look(Some(&survey(None)), 10_001);
    assert_eq!(verdict(&found), fresh, "a retry in six hours or a pause is not late: {}", found.detail);
    assert!(
        found
            .detail
            .starts_with("3 wait, the oldest was accepted at 1970-01-01T00:01:40"),
        "{}",
        found.detail
    );
    assert_eq!(verdict(&look(Some(&survey(Some(9_100))), 10_001)), fresh);
    let found = look(Some(&survey(Some(9_099))), 10_001);
    assert_eq!(verdict(&found), late);
    assert!(
        found
            .detail
            .ends_with("for 901 s, is customer acme's and goes through account eu"),
        "{}",
        found.detail
    );
    let found = look(Some(&survey(None)), 10_601);
    assert_eq!(verdict(&found), (Status::Degraded, State::Unknown), "the count is too old");
    assert_eq!(verdict(&look(Some(&survey(None)), 10_600)), fresh);
}

#[test]
fn a_disk_is_low_below_the_share_that_must_be_free() {
    let look = |free, min| {
        let space = Some(DiskSpace { free, total: 1000 });
        checks::disk(Some(Disk { bytes: 77, space }), min)
    };
    assert_eq!(verdict(&look(50, 0.05)), (Status::Ok, State::Roomy));
    let found = look(49, 0.05);
    assert_eq!(verdict(&found), (Status::Degraded, State::Low));
    assert_eq!(found.detail, "4.9 % are free, 49 of 1000 bytes; the store takes 77 bytes");
    assert_eq!(verdict(&look(0, 0.0)), (Status::Ok, State::Roomy), "nobody wants to know");
    let elsewhere = checks::disk(
        Some(Disk {
            bytes: 77,
            space: None,
        }),
        1.0,
    );
    assert_eq!(verdict(&elsewhere), (Status::Ok, State::Unknown));
    assert_eq!(verdict(&checks::disk(None, 1.0)), (Status::Ok, State::Unknown));
}

#[test]
fn a_ledger_that_differs_names_some_of_what_does() {
    let check = |count: usize| LedgerCheck {
        last_at: Some(at(1)),
        differences: (0..count)
            .map(|number| Difference {
                customer: Customer::parse(&format!("c{number}")).unwrap(),
                minute: None,
                unaccounted: 1,
                states: Vec::new(),
            })
            .collect::<Arc<[_]>>(),
        ..LedgerCheck::default()
    };
    assert_eq!(verdict(&checks::ledger(&LedgerCheck::default())), (Status::Ok, State::Unknown));
    assert_eq!(verdict(&checks::ledger(&check(0))), (Status::Ok, State::Agrees));
    let found = checks::ledger(&check(5));
    assert_eq!(verdict(&found), (Status::Degraded, State::Differs));
    assert!(found.detail.contains("c2") && !found.detail.contains("c3"), "{}", found.detail);
    assert!(found.detail.ends_with("and 2 more differences"), "{}", found.detail);
}
