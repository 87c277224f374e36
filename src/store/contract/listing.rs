//! What lists must do.

use std::time::Duration;

use super::Fixture;
use crate::domain::{State, Timestamp};
use crate::store::examples::{accept, accept_leased, customer, delivered, new};
use crate::store::{Filter, NewNotification};

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
        let new = NewNotification {
            accepted_at: at(1000).after(Duration::from_millis(number as u64)),
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
    let acme = || Filter {
        customer: Some(customer("acme")),
        ..all()
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
            Filter {
                event_type: Some("user.gone".to_owned()),
                ..all()
            },
            "3",
            "one type",
        ),
        (
            Filter {
                from: Some(at(1001)),
                to: Some(at(1003)),
                ..all()
            },
            "21",
            "from is in, to is not",
        ),
        (
            Filter {
                event_id: Some("evt_1".to_owned()),
                ..all()
            },
            "1",
            "one id",
        ),
        (
            Filter {
                event_id: Some("evt_1".to_owned()),
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
