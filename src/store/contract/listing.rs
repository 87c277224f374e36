//! What lists must do.

use std::time::Duration;

use super::Fixture;
use crate::domain::{NotificationId, State, Timestamp};
use crate::store::examples::{accept, accept_leased, customer, delivered, new};
use crate::store::{Filter, Narrowing, NewNotification};

pub(super) async fn pages_neither_repeat_nor_skip_whatever_is_accepted_meanwhile<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let mut expected = Vec::new();
    for number in 0..10 {
        expected.push(accept(&store, new("acme", &format!("evt_{number}"))).await.id);
    }
    expected.reverse();
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let filter = Filter {
            cursor,
            limit: 3,
            ..Filter::default()
        };
        let page = store.list(filter).await.unwrap();
        seen.extend(page.records.iter().map(|record| record.id));
        accept(&store, new("acme", &format!("later_{}", seen.len()))).await;
        let Some(next) = page.next else { break };
        cursor = Some(next.to_string().parse().expect("a cursor is read back"));
    }
    assert_eq!(seen, expected);
}

pub(super) async fn a_list_is_narrowed_by_everything_that_is_asked_for<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let at = |millis| Timestamp::from_millis(millis);
    for (number, name) in ["acme", "globex", "acme", "acme"].into_iter().enumerate() {
        let accepted_at = at(1000).after(Duration::from_millis(number as u64));
        let new = NewNotification {
            id: NotificationId::generate(accepted_at),
            accepted_at,
            event_type: if number == 3 { "user.gone" } else { "invoice.paid" }.to_owned(),
            ..new(name, &format!("evt_{number}"))
        };
        let (notification, lease) = accept_leased(&store, new).await;
        if number == 2 {
            store.settle(delivered(&notification), lease).await.unwrap();
        }
    }
    let all = || Filter {
        limit: 10,
        ..Filter::default()
    };
    let narrowed = |narrowing| Filter { narrowing, ..all() };
    let acme = || {
        narrowed(Narrowing {
            customer: Some(customer("acme")),
            ..Narrowing::default()
        })
    };
    let table = [
        (all(), "3210", "newest first"),
        (acme(), "320", "one customer"),
        (
            Filter {
                state: Some(State::Delivered),
                ..all()
            },
            "2",
            "one state",
        ),
        (
            Filter {
                state: Some(State::Queued),
                ..acme()
            },
            "30",
            "both together",
        ),
        (
            narrowed(Narrowing {
                event_type: Some("user.gone".to_owned()),
                ..Narrowing::default()
            }),
            "3",
            "one type",
        ),
        (
            narrowed(Narrowing {
                from: Some(at(1001)),
                to: Some(at(1003)),
                ..Narrowing::default()
            }),
            "21",
            "from is in, to is not",
        ),
        (
            Filter {
                event_ids: vec!["evt_1".to_owned()],
                ..all()
            },
            "1",
            "one id",
        ),
        (
            Filter {
                event_ids: vec!["evt_1".to_owned()],
                ..acme()
            },
            "",
            "of somebody else",
        ),
        (Filter { limit: 2, ..all() }, "32", "no more than that"),
    ];
    for (filter, expected, why) in table {
        let page = store.list(filter).await.unwrap();
        let found: String = page
            .records
            .iter()
            .filter_map(|record| record.event_id.as_str().chars().last())
            .collect();
        assert_eq!(found, expected, "{why}");
        assert_eq!(page.next.is_some(), expected == "32", "{why}");
    }
}

/// More rows than one page looks at.
const FILLERS: &str = "INSERT INTO notifications (customer, seq, id, event_key, event_id, account, application, \
      create_application, event_type, payload_start, payload_end, digest, accepted_at, state, due_at) \
    WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 120000) \
    SELECT 'acme', n, CAST('x' || n AS BYTEA), 'filler_' || n, 'filler_' || n, 'default', 'app', FALSE, 'filler', 0, 1, \
      CAST('x' AS BYTEA), 1, 'delivered', 1 FROM numbers";

pub(super) async fn a_page_looks_at_so_many_rows_and_says_where_to_go_on<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let first = accept(&store, new("acme", "evt_1")).await;
    fixture.tamper(FILLERS).await;
    for state in [None, Some(State::Queued)] {
        let mut cursor = None;
        let (mut pages, mut found) = (0, Vec::new());
        loop {
            let page = store
                .list(Filter {
                    state,
                    narrowing: Narrowing {
                        customer: Some(customer("acme")),
                        event_type: Some(first.event_type.clone()),
                        ..Narrowing::default()
                    },
                    cursor,
                    limit: 10,
                    ..Filter::default()
                })
                .await
                .unwrap();
            pages += 1;
            found.extend(page.records.into_iter().map(|record| record.id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!((pages, found), (3, vec![first.id]), "{state:?}");
    }
}
