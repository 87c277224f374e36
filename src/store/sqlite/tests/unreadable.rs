//! Rows that were made unreadable: they stop themselves and nobody else.

use super::DatabaseInDirectory;
use crate::domain::{NotificationId, State};
use crate::store::examples::{accept, customer, delivered, find, new};
use crate::store::{Leased, Store, SurveyBounds, Surveyor};

/// More than there is to name.
const BOUNDS: SurveyBounds = SurveyBounds {
    accounts: 10,
    customers: 10,
};

/// Ways to break the row of `evt_bad`.
const BREAKS: [(&str, &str); 7] = [
    ("UPDATE notifications SET stage = 'limbo' WHERE event_key = 'evt_bad'", "an unknown stage"),
    (
        "UPDATE notifications SET payload_end = 100000 WHERE event_key = 'evt_bad'",
        "a payload beyond the event",
    ),
    (
        "UPDATE notifications SET payload_start = -1 WHERE event_key = 'evt_bad'",
        "a payload before the event",
    ),
    (
        "DELETE FROM events WHERE seq = (SELECT seq FROM notifications WHERE event_key = 'evt_bad')",
        "no event",
    ),
    ("UPDATE notifications SET id = x'00' WHERE event_key = 'evt_bad'", "an id that is too short"),
    ("UPDATE notifications SET attempts = -5 WHERE event_key = 'evt_bad'", "a count below zero"),
    (
        "UPDATE notifications SET customer = CAST(customer AS BLOB) WHERE event_key = 'evt_bad'",
        "a customer of another type",
    ),
];

async fn deliver_all(store: &Store) -> Vec<NotificationId> {
    let mut ids = Vec::new();
    for (name, due) in store.waiting_customers(None, 10).await.unwrap() {
        assert!(due);
        for Leased { notification, lease } in store.claim(name, 10).await.unwrap() {
            ids.push(notification.id);
            store.settle(delivered(&notification), lease).await.unwrap();
        }
    }
    ids
}

async fn assert_set_aside(database: &DatabaseInDirectory, store: &Store, why: &str) {
    let aside = "SELECT count(*) FROM notifications WHERE event_key = 'evt_bad' AND state = 'dead' \
                 AND reason = 'unreadable' AND detail <> '' AND settled_at > 0";
    assert_eq!(database.number(aside).await, 1, "{why}");
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.accepted, totals.delivered, totals.dead, totals.queued), (3, 2, 1, 0), "{why}");
    assert!(store.waiting_customers(None, 10).await.unwrap().is_empty(), "{why}");
}

async fn store_three(store: &Store) -> [NotificationId; 2] {
    let first = accept(store, new("acme", "evt_1")).await.id;
    accept(store, new("acme", "evt_bad")).await;
    [first, accept(store, new("acme", "evt_3")).await.id]
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_set_aside_and_the_others_are_delivered() {
    for (statement, why) in BREAKS {
        let database = DatabaseInDirectory::new();
        let store = database.open().await.unwrap();
        let good = store_three(&store).await;
        assert_eq!(database.tamper(statement).await, 1, "{why}");
        assert_eq!(deliver_all(&store).await, good, "{why}");
        assert_set_aside(&database, &store, why).await;
        for id in good {
            assert_eq!(find(&store, id).await.state, State::Delivered, "{why}");
        }
        assert!(
            store
                .list(crate::store::Filter {
                    limit: 10,
                    ..Default::default()
                })
                .await
                .is_ok(),
            "{why}"
        );
    }
}

#[tokio::test]
async fn a_start_works_with_rows_that_cannot_be_read() {
    for (statement, why) in BREAKS {
        let database = DatabaseInDirectory::new();
        let store = database.open().await.unwrap();
        let good = store_three(&store).await;
        store.close(true).await.unwrap();
        assert_eq!(database.tamper(statement).await, 1, "{why}");

        let store = database.open().await.unwrap();
        assert_eq!(deliver_all(&store).await, good, "{why}");
        assert_set_aside(&database, &store, why).await;
    }
}

#[tokio::test]
async fn customers_whose_names_cannot_be_read_hide_no_others() {
    let database = DatabaseInDirectory::new();
    let store = database.open().await.unwrap();
    for name in ["acme", "broken 1", "broken 2", "broken 3", "zulu"] {
        accept(&store, new(name, "evt_1")).await;
    }
    for statement in [
        "UPDATE notifications SET customer = x'ff00' WHERE customer = 'broken 1'",
        "UPDATE notifications SET customer = CAST(x'62ff' AS TEXT) WHERE customer = 'broken 2'",
        "UPDATE notifications SET customer = 'b' || char(10) WHERE customer = 'broken 3'",
    ] {
        assert_eq!(database.tamper(statement).await, 1, "{statement}");
    }
    let named = store.waiting_customers(None, 10).await.unwrap();
    assert_eq!(named, [(customer("acme"), true), (customer("zulu"), true)]);
    for name in ["acme", "zulu"] {
        assert_eq!(store.claim(customer(name), 10).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_survey_comes_to_its_end_whatever_the_rows_hold() {
    let breaks = [
        "UPDATE notifications SET customer = CAST(customer AS BLOB) WHERE event_key = 'evt_bad'",
        "UPDATE notifications SET customer = CAST(x'ff41' AS TEXT) WHERE event_key = 'evt_bad'",
        "UPDATE notifications SET due_at = 'soon' WHERE event_key = 'evt_bad'",
        "UPDATE notifications SET due_at = x'00' WHERE event_key = 'evt_bad'",
        "UPDATE notifications SET accepted_at = 'then' WHERE event_key = 'evt_bad'",
        "UPDATE notifications SET account = x'ff' WHERE event_key = 'evt_bad'",
    ];
    for statement in breaks {
        let database = DatabaseInDirectory::new();
        let store = database.open().await.unwrap();
        store_three(&store).await;
        assert_eq!(database.tamper(statement).await, 1);
        for limit in 1..4 {
            let (mut place, mut surveyor) = (None, Surveyor::new(store.now(), BOUNDS));
            for part in 0.. {
                assert!(part < 10, "it does not end: {statement}");
                let mut part = store.survey(place.take(), limit).await.unwrap();
                place = part.next.take();
                surveyor.add(part, |_| false);
                if place.is_none() {
                    break;
                }
            }
            let found = surveyor.finish(store.now());
            assert_eq!(found.all.queued, 3, "in parts of {limit}: {statement}");
            assert!(found.all.oldest_at.is_some() && found.overdue.is_some(), "{statement}");
        }
    }
}
