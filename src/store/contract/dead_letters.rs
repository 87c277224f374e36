//! What dead letters and their kinds must do.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Fixture;
use crate::domain::{AnswerKind, Attempt, Notification, Reason, State, Timestamp};
use crate::store::examples::{accept_leased, customer, delivered, new, settlement};
use crate::store::{DeadLetters, DeadQuery, Filter, GroupBy, Narrowing, NewNotification, Settlement, Store};

/// Makes a notification that died like that.
pub(super) async fn die(
    store: &Store,
    new: NewNotification,
    reason: Reason,
    status: u16,
    detail: &str,
) -> Notification {
    let (notification, lease) = accept_leased(store, new).await;
    store
        .settle(death(&notification, reason, status, detail), lease)
        .await
        .unwrap();
    notification
}

pub(super) fn death(notification: &Notification, reason: Reason, status: u16, detail: &str) -> Settlement {
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

pub(super) fn query(narrowing: Narrowing) -> DeadQuery {
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
