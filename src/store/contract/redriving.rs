//! What dead letters, their kinds and sending them again must do.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Fixture;
use crate::domain::{AnswerKind, Attempt, Notification, Reason, RedriveState, State, Timestamp};
use crate::store::examples::{accept_leased, customer, delivered, find, new, settlement};
use crate::store::{
    DeadLetters, DeadQuery, Filter, GroupBy, Narrowing, NewNotification, Redrive, RedriveStep, Redrives,
    Settlement, Store,
};

/// Makes a notification that died like that.
async fn die(store: &Store, new: NewNotification, reason: Reason, status: u16, detail: &str) -> Notification {
    let (notification, lease) = accept_leased(store, new).await;
    store
        .settle(death(&notification, reason, status, detail), lease)
        .await
        .unwrap();
    notification
}

fn death(notification: &Notification, reason: Reason, status: u16, detail: &str) -> Settlement {
    let answer = match reason {
        Reason::Rejected => AnswerKind::Rejected,
        _ => AnswerKind::Unavailable,
    };
    let died = settlement(notification, State::Dead, answer);
    let attempts = died.attempts.iter().map(|attempt| Attempt {
        status: Some(status),
        detail: detail.to_owned(),
        ..attempt.clone()
    });
    Settlement {
        reason: Some(reason),
        attempts: attempts.collect(),
        ..died
    }
}

async fn fill(store: &Store) {
    let typed = |name: &str, id: &str, event_type: &str| NewNotification {
        event_type: event_type.to_owned(),
        ..new(name, id)
    };
    die(store, typed("acme", "evt_0", "invoice.paid"), Reason::Rejected, 422, "Payload must be an object")
        .await;
    die(store, typed("acme", "evt_1", "invoice.paid"), Reason::Rejected, 413, "payload_too_large").await;
    die(store, typed("acme", "evt_2", "user.gone"), Reason::Exhausted, 503, "upstream \"timed\" out").await;
    die(store, typed("globex", "evt_3", "invoice.paid"), Reason::Rejected, 422, "payload must be an array")
        .await;
    let (notification, lease) = accept_leased(store, new("acme", "evt_4")).await;
    store.settle(delivered(&notification), lease).await.unwrap();
    let (notification, lease) = accept_leased(store, new("acme", "evt_5")).await;
    let expired = Settlement {
        reason: Some(Reason::TooOld),
        attempts: Vec::new(),
        ..settlement(&notification, State::Expired, AnswerKind::Unavailable)
    };
    store.settle(expired, lease).await.unwrap();
}

fn query(narrowing: Narrowing) -> DeadQuery {
    DeadQuery {
        narrowing,
        died_by: Timestamp::from_millis(i64::MAX),
        after: None,
        newest_first: true,
        limit: 100,
        unreadable: false,
    }
}

pub(super) async fn what_was_not_delivered_is_found_by_what_it_died_of<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    fill(&store).await;
    let (now, minute) = (store.now(), Duration::from_secs(60));
    let table = [
        (json!({}), "3210", "all that are dead"),
        (json!({"customer": "acme"}), "210", "of one customer"),
        (json!({"reason": "rejected"}), "310", "for one reason"),
        (json!({"reason": "rejected", "status": 422}), "30", "with one status"),
        (json!({"outcome": "unavailable"}), "2", "of one class"),
        (json!({"customer": "acme", "type": "invoice.paid"}), "10", "of one type"),
        (json!({"q": "payload MUST be"}), "30", "all words, in any case"),
        (json!({"q": "rejected object"}), "0", "the reason is among the words"),
        (json!({"q": "\"timed\""}), "2", "what looks like an operator is a word"),
        (json!({"q": "payload NOT array"}), "", "so is this"),
        (json!({"q": "nowhere"}), "", "no such word"),
        (json!({"q": "payload", "status": 422}), "30", "words and more"),
        (json!({"q": "payload", "customer": "globex"}), "3", "words of one customer"),
        (json!({"from": now.after(minute)}), "", "nothing is from the future"),
        (json!({"from": now.before(minute), "to": now.after(minute)}), "3210", "all are of these minutes"),
    ];
    for (narrowing, right, why) in table {
        let narrowing: Narrowing = serde_json::from_value(narrowing).unwrap();
        let filter = Filter {
            state: Some(State::Dead),
            narrowing: narrowing.clone(),
            limit: 10,
            ..Filter::default()
        };
        let page = store.list(filter).await.unwrap();
        let ids = page
            .records
            .iter()
            .filter_map(|record| record.event_id.as_str().chars().last());
        assert_eq!(ids.collect::<String>(), right, "{why}");
        let letters = store.dead_letters(query(narrowing.clone())).await.unwrap();
        assert_eq!((letters.rows.len(), letters.more), (right.len(), false), "{why}");
        let count = store.count_dead(query(narrowing)).await.unwrap();
        assert_eq!(usize::try_from(count).unwrap(), right.len(), "{why}");
    }
    let too_old = Filter {
        narrowing: Narrowing {
            reason: Some("too_old".to_owned()),
            ..Narrowing::default()
        },
        limit: 10,
        ..Filter::default()
    };
    assert_eq!(store.list(too_old).await.unwrap().records.len(), 1, "reasons are not of the dead alone");
}

pub(super) async fn dead_letters_come_in_parts_in_either_order<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    fill(&store).await;
    for newest_first in [true, false] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let part = DeadQuery {
                after,
                newest_first,
                limit: 3,
                ..query(Narrowing::default())
            };
            let DeadLetters { rows, cursor, more } = store.dead_letters(part).await.unwrap();
            seen.extend(rows.into_iter().map(|(_, row)| row));
            after = cursor.or(after);
            if !more {
                break;
            }
        }
        assert_eq!(seen.len(), 4);
        assert!(seen.is_sorted_by(|one, next| (one > next) == newest_first), "{seen:?}");
    }
    let earlier = DeadQuery {
        died_by: store.now().before(Duration::from_secs(60)),
        ..query(Narrowing::default())
    };
    assert_eq!(store.dead_letters(earlier).await.unwrap().rows, [], "they were not dead then");
}

pub(super) async fn dead_letters_are_grouped_by_what_they_have_in_common<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let begun = store.now();
    fill(&store).await;
    let groups = async |narrowing, by: &[GroupBy]| {
        let groups = store.dead_groups(narrowing, by.to_vec(), 10).await.unwrap();
        for group in &groups {
            assert!(
                begun.before(Duration::from_secs(1)) <= group.first_at && group.first_at <= group.last_at
            );
        }
        let texts = groups.into_iter().map(|group| {
            let status = group.status.map(|status| status.to_string());
            let parts = [
                group.customer,
                group.reason,
                status,
                group.outcome,
                group.event_type,
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            format!("{}: {}", parts.join(" "), group.dead)
        });
        texts.collect::<Vec<_>>()
    };
    assert_eq!(groups(Narrowing::default(), &[GroupBy::Reason]).await, ["rejected: 3", "exhausted: 1"]);
    let by = [GroupBy::Customer, GroupBy::Status];
    assert_eq!(
        groups(Narrowing::default(), &by).await,
        ["acme 413: 1", "acme 422: 1", "acme 503: 1", "globex 422: 1"]
    );
    let acme = Narrowing {
        customer: Some(customer("acme")),
        ..Narrowing::default()
    };
    assert_eq!(
        groups(acme, GroupBy::ALL).await,
        [
            "acme exhausted 503 unavailable user.gone: 1",
            "acme rejected 413 rejected invoice.paid: 1",
            "acme rejected 422 rejected invoice.paid: 1"
        ]
    );
    let all = store.dead_letters(query(Narrowing::default())).await.unwrap();
    for record in store
        .list(Filter {
            limit: 10,
            ..Filter::default()
        })
        .await
        .unwrap()
        .records
    {
        if all.rows.contains(&(record.customer.clone(), record.row)) {
            assert!(store.redrive_one(&record, None).await.unwrap());
        }
    }
    assert_eq!(groups(Narrowing::default(), &[GroupBy::Reason]).await, [""; 0], "none is left");
}

pub(super) async fn a_dead_letter_that_is_sent_again_begins_anew_under_its_id<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let dead = die(&store, new("acme", "evt_1"), Reason::Exhausted, 503, "no answer").await;
    let record = find(&store, dead.id).await;
    assert!(store.redrive_one(&record, Some("ops".to_owned())).await.unwrap());
    assert!(!store.redrive_one(&record, None).await.unwrap(), "it is not dead any more");
    let record = find(&store, dead.id).await;
    assert_eq!((record.state, record.reason, record.settled_at), (State::Queued, None, None));
    assert_eq!((record.progress.attempts, record.progress.spent, record.redrives), (1, 0, 1));
    let mut claimed = store.claim(customer("acme"), 10).await.unwrap();
    let leased = claimed.pop().expect("it can be claimed");
    let again = &leased.notification;
    assert_eq!((again.id, &again.event_id, again.redrives), (dead.id, &dead.event_id, 1));
    store
        .settle(death(again, Reason::Rejected, 422, "still no object"), leased.lease)
        .await
        .unwrap();
    let history = store.sent_again(&record).await.unwrap();
    let [first] = history.as_slice() else {
        panic!("sent again once: {history:?}");
    };
    assert_eq!(
        (first.key.as_deref(), first.reason.as_deref(), first.status, first.detail.as_deref()),
        (Some("ops"), Some("exhausted"), Some(503), Some("no answer"))
    );
    assert_eq!(find(&store, dead.id).await.reason, Some(Reason::Rejected));
    assert_eq!(store.attempts(&record).await.unwrap().len(), 2);
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.dead, totals.redriven, totals.difference()), (1, 1, 0));
    assert_eq!(store.count_dead(query(Narrowing::default())).await.unwrap(), 1);
    let (living, _lease) = accept_leased(&store, new("acme", "evt_2")).await;
    assert!(
        !store
            .redrive_one(&find(&store, living.id).await, None)
            .await
            .unwrap()
    );
}

fn redrive(store: &Store, total: i64) -> Redrive {
    Redrive {
        narrowing: Narrowing {
            customer: Some(customer("acme")),
            ..Narrowing::default()
        },
        rate: 12.5,
        stop_ratio: Some(0.25),
        key: Some("ops".to_owned()),
        total,
        ..Redrive::begun(store.now())
    }
}

pub(super) async fn a_redrive_gets_on_step_by_step_and_counts_what_came_of_it<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for number in 0..3 {
        die(&store, new("acme", &format!("evt_{number}")), Reason::Rejected, 422, "no").await;
    }
    let job = redrive(&store, 3);
    store.add_redrive(job.clone()).await.unwrap();
    let now = async || store.redrives(Redrives::One(job.id)).await.unwrap().remove(0);
    assert_eq!(now().await, job, "it is given back as it was stored");
    assert_eq!(store.redrives(Redrives::Running).await.unwrap(), std::slice::from_ref(&job));
    let letters = store
        .dead_letters(DeadQuery {
            newest_first: false,
            limit: 2,
            ..query(job.narrowing.clone())
        })
        .await
        .unwrap();
    let step = RedriveStep {
        redrive: job.clone(),
        paced_to_us: job.paced_to_us + 160_000,
        letters,
    };
    assert_eq!(store.redrive(step.clone()).await.unwrap(), Some(2));
    assert_eq!(store.redrive(step.clone()).await.unwrap(), None, "a step is done once, whoever tries");
    let after = now().await;
    assert_eq!((after.sent, after.under_way(), after.left()), (2, 2, 1));
    assert_eq!((after.cursor, after.paced_to_us), (step.letters.cursor, step.paced_to_us));
    for (number, leased) in store
        .claim(customer("acme"), 10)
        .await
        .unwrap()
        .into_iter()
        .enumerate()
    {
        assert_eq!(leased.notification.redrive, Some(job.id));
        let outcome = match number {
            0 => delivered(&leased.notification),
            _ => death(&leased.notification, Reason::Rejected, 422, "again"),
        };
        store.settle(outcome, leased.lease).await.unwrap();
    }
    let after = now().await;
    assert_eq!((after.delivered, after.dead, after.under_way()), (1, 1, 0));
    let rest = store
        .dead_letters(DeadQuery {
            died_by: job.created_at,
            after: after.cursor,
            newest_first: false,
            ..query(job.narrowing.clone())
        })
        .await
        .unwrap();
    assert_eq!(rest.rows.len(), 1, "what died again is not sent again by the same redrive");

    let paused = store
        .change_redrive(after.clone(), RedriveState::Paused, None)
        .await
        .unwrap();
    let again = store
        .change_redrive(after.clone(), RedriveState::Cancelled, None)
        .await
        .unwrap();
    assert_eq!((paused, again), (true, false), "of two that change it, one does");
    let late = RedriveStep {
        redrive: after,
        ..step
    };
    assert_eq!(store.redrive(late).await.unwrap(), None, "a paused one does not get on");
    let resumed = store
        .change_redrive(now().await, RedriveState::Running, None)
        .await
        .unwrap();
    assert!(resumed);
    let after = now().await;
    assert_eq!((after.forgiven_dead, after.forgiven_settled), (1, 2));
    let why = Some("enough".to_owned());
    assert!(
        store
            .change_redrive(after, RedriveState::Cancelled, why.clone())
            .await
            .unwrap()
    );
    let after = now().await;
    assert_eq!((after.why, after.finished_at.is_some()), (why, true));
    assert_eq!(store.redrives(Redrives::Unfinished).await.unwrap(), []);
    assert_eq!(store.redrives(Redrives::Newest(None, 5)).await.unwrap().len(), 1);
    assert_eq!(store.totals().await.unwrap().difference(), 0);
}

pub(super) async fn many_dead_letters_at_once_are_counted_by_kind<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = Arc::new(fixture.open().await);
    let deaths = (0..200).map(|number| {
        let store = store.clone();
        async move {
            let name = if number % 2 == 0 { "acme" } else { "globex" };
            die(&store, new(name, &format!("evt_{number}")), Reason::Rejected, 422, "no").await
        }
    });
    futures_util::future::join_all(deaths).await;
    let by = vec![GroupBy::Customer];
    let groups = store.dead_groups(Narrowing::default(), by, 10).await.unwrap();
    assert_eq!(groups.iter().map(|group| group.dead).collect::<Vec<_>>(), [100, 100]);
    assert_eq!(store.count_dead(query(Narrowing::default())).await.unwrap(), 200);
}

pub(super) async fn redrives_of_one_customer_are_listed_apart<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    store.add_redrive(Redrive::begun(store.now())).await.unwrap();
    for name in ["acme", "globex", "acme"] {
        let job = Redrive {
            narrowing: Narrowing {
                customer: Some(customer(name)),
                ..Narrowing::default()
            },
            ..Redrive::begun(store.now())
        };
        store.add_redrive(job).await.unwrap();
    }
    for (name, limit, right, why) in [
        ("acme", 5, 2, "those of one customer"),
        ("acme", 1, 1, "up to so many"),
        ("nobody", 5, 0, "not those of all"),
    ] {
        let found = store
            .redrives(Redrives::Newest(Some(customer(name)), limit))
            .await;
        assert_eq!(found.unwrap().len(), right, "{why}");
    }
    assert_eq!(store.redrives(Redrives::Newest(None, 5)).await.unwrap().len(), 4, "all of them");
    store.close(true).await.unwrap();
}
