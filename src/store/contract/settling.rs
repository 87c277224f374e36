//! What settling must do, and the ledger that counts it.

use std::collections::BTreeMap;

use super::Fixture;
use crate::domain::{AnswerKind, CredentialId, Doubt, Progress, Reason, Stage, State, Timestamp};
use crate::store::examples::{
    accept, accept_leased, attempt, customer, delivered, find, new, post_known, settlement,
};
use crate::store::{Filter, Leased, Settlement, Store};

pub(super) async fn requests_and_progress_are_given_back<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let since = Timestamp::from_millis(123_456_789);
    let stages = [
        (Stage::Send, 1),
        (Stage::Confirm, 2),
        (Stage::Prove { since, resends: 3 }, u32::MAX),
    ];
    for (stage, spent) in stages {
        let (notification, lease) = accept_leased(&store, new("acme", &format!("evt_{spent}"))).await;
        let attempts = [AnswerKind::Ambiguous, AnswerKind::Unavailable]
            .into_iter()
            .zip(1..)
            .map(|(answer, number)| attempt(number, since, answer))
            .collect();
        let progress = Progress {
            stage,
            attempts: 2,
            spent,
            ambiguous: true,
            doubt: Some(Doubt {
                since: Timestamp::from_millis(5),
                until: Timestamp::from_millis(9),
            }),
            message_id: Some("msg_1".to_owned()),
            credential: Some(CredentialId::of("sk_1")),
        };
        let outcome = Settlement {
            progress,
            attempts,
            ..settlement(&notification, State::Queued, AnswerKind::Unavailable)
        };
        store.settle(outcome.clone(), lease).await.unwrap();

        let claimed = store.claim(customer("acme"), 1).await.unwrap();
        assert_eq!(claimed[0].notification.progress, outcome.progress);
        let record = find(&store, notification.id).await;
        assert_eq!((&record.progress, record.due_at), (&outcome.progress, outcome.due_at));
        assert_eq!(store.attempts(&record).await.unwrap(), outcome.attempts);
        let last = outcome.attempts.last().unwrap();
        assert_eq!((record.detail.as_deref(), record.status), (Some(&*last.detail), last.status));
        assert_eq!(record.last_sent, Some((last.started_at, last.duration)));
        assert_eq!((record.settled_at, record.reason), (None, None));
        let Leased { notification, lease } = claimed.into_iter().next().unwrap();
        store.settle(delivered(&notification), lease).await.unwrap();
    }
}

pub(super) async fn a_first_try_success_needs_no_rows_of_its_own<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let (notification, lease) = accept_leased(&store, new("acme", "evt_1")).await;
    let outcome = delivered(&notification);
    store.settle(outcome.clone(), lease).await.unwrap();
    let record = find(&store, notification.id).await;
    assert!(store.attempts(&record).await.unwrap().is_empty());
    assert_eq!((record.state, record.settled_at), (State::Delivered, Some(outcome.settled_at)));
    assert_eq!(record.last_sent, Some((outcome.attempts[0].started_at, outcome.attempts[0].duration)));
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.delivered, totals.queued, totals.failed_attempts), (1, 0, 0));
}

pub(super) async fn an_outcome_replaces_the_one_before<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let (notification, lease) = accept_leased(&store, new("acme", "evt_1")).await;
    let retry = settlement(&notification, State::Queued, AnswerKind::Unavailable);
    store.settle(retry, lease).await.unwrap();
    let Leased { notification, lease } = store.claim(customer("acme"), 1).await.unwrap().remove(0);
    let dead = Settlement {
        reason: Some(Reason::Rejected),
        ..settlement(&notification, State::Dead, AnswerKind::Rejected)
    };
    store.settle(dead, lease).await.unwrap();
    let record = find(&store, notification.id).await;
    assert_eq!((record.state, record.reason), (State::Dead, Some(Reason::Rejected)));
    assert_eq!(record.detail.as_deref(), Some("attempt 2"));
    let numbers: Vec<u32> = store
        .attempts(&record)
        .await
        .unwrap()
        .iter()
        .map(|made| made.number)
        .collect();
    assert_eq!(numbers, [1, 2]);
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.retries, totals.failed_attempts, totals.dead), (1, 2, 1));
}

/// What the ledger should say.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    duplicates: i64,
    retries: i64,
    failed_attempts: i64,
    states: BTreeMap<State, i64>,
}

async fn check(store: &Store, expected: &Expected, seed: u64) {
    let totals = store.totals().await.unwrap();
    assert_eq!(totals.difference(), 0, "seed {seed}: {totals:?}");
    let counted = [
        totals.queued,
        totals.delivered,
        totals.filtered,
        totals.dead,
        totals.expired,
    ];
    for (state, count) in State::ALL.iter().zip(counted) {
        assert_eq!(count, expected.states.get(state).copied().unwrap_or(0), "seed {seed}: {state}");
        let filter = Filter {
            state: Some(*state),
            limit: 1000,
            ..Filter::default()
        };
        let listed = store.list(filter).await.unwrap().records.len();
        assert_eq!(count, i64::try_from(listed).unwrap(), "seed {seed}: {state} in the list");
    }
    let others = (totals.duplicates, totals.retries, totals.failed_attempts);
    assert_eq!(others, (expected.duplicates, expected.retries, expected.failed_attempts), "seed {seed}");
}

pub(super) async fn the_ledger_balances_whatever_happens<F: Fixture>() {
    for seed in 0..8 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let fixture = F::fresh().await;
        let mut store = fixture.open().await;
        let mut expected = Expected::default();
        let mut posted: Vec<(&str, String)> = Vec::new();
        for step in 0..60 {
            match chance.u8(0..10) {
                0..4 => {
                    let name = *chance.choice(&["acme", "globex", "initech"]).unwrap();
                    let id = format!("evt_{step}");
                    accept(&store, new(name, &id)).await;
                    posted.push((name, id));
                    *expected.states.entry(State::Queued).or_default() += 1;
                }
                4 => {
                    if let Some((name, id)) = chance.choice(&posted) {
                        post_known(&store, new(name, id)).await;
                        expected.duplicates += 1;
                    }
                }
                5 => {
                    store.close(true).await.unwrap();
                    store = fixture.open().await;
                }
                _ => settle_some(&store, &mut chance, &mut expected).await,
            }
        }
        check(&store, &expected, seed).await;
    }
}

/// Claims for one customer and settles, retries or lets go what was claimed.
async fn settle_some(store: &Store, chance: &mut fastrand::Rng, expected: &mut Expected) {
    let name = *chance.choice(&["acme", "globex", "initech"]).unwrap();
    for Leased { notification, lease } in store.claim(customer(name), chance.usize(1..4)).await.unwrap() {
        let (state, answer) = match chance.u8(0..7) {
            0 => (State::Delivered, AnswerKind::Accepted),
            1 => (State::Filtered, AnswerKind::Accepted),
            2 => (State::Dead, AnswerKind::Rejected),
            3 => (State::Expired, AnswerKind::Limited),
            4 => (State::Queued, AnswerKind::Unavailable),
            5 => (State::Queued, AnswerKind::Ambiguous),
            _ => continue,
        };
        store
            .settle(settlement(&notification, state, answer), lease)
            .await
            .unwrap();
        *expected.states.entry(State::Queued).or_default() -= 1;
        *expected.states.entry(state).or_default() += 1;
        expected.retries += i64::from(state == State::Queued);
        expected.failed_attempts += i64::from(answer != AnswerKind::Accepted);
    }
}
