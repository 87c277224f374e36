//! What accepting must do.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};

use super::Fixture;
use crate::domain::{Customer, EventId, Notification, State, Timestamp};
use crate::store::examples::{accept, customer, eventually, find, new, options, post_known, with_event};
use crate::store::{Accepted, Existing, Filter, Narrowing, NewNotification, Store, StoreOptions, Watch};

pub(super) async fn what_is_accepted_is_given_back_byte_for_byte<F: Fixture>() {
    let (fixture, odd) = (F::fresh().await, " {\"id\" : \"evt_1\",\t\"data\":{\"ü\":\"\\u0000\"}}\n");
    let store = fixture.open().await;
    let posted = NewNotification {
        payload: 25..40,
        occurred_at: Some(Timestamp::from_millis(-1)),
        create_application: Some("Acme Inc".into()),
        ..with_event(new("Äpfel & Söhne", "evt_1"), odd)
    };
    let notification = accept(&store, posted.clone()).await;
    assert_eq!((&notification.event, &notification.payload), (&posted.event, &posted.payload));

    let record = find(&store, posted.id).await;
    assert_eq!(store.event(&record).await.unwrap().as_deref(), Some(odd.as_bytes()));
    assert_eq!((record.id, record.state, record.reason), (posted.id, State::Queued, None));
    assert_eq!((&record.customer, &record.account), (&posted.customer, &posted.account));
    assert_eq!((&*record.application, &record.event_type), (&*posted.application, &posted.event_type));
    assert_eq!((&record.event_id, record.digest.as_slice()), (&posted.event_key, &posted.digest[..]));
    assert_eq!((record.occurred_at, record.accepted_at), (posted.occurred_at, posted.accepted_at));
    assert_eq!((record.settled_at, record.last_sent), (None, None));

    let listed = store
        .list(Filter {
            limit: 10,
            ..Filter::default()
        })
        .await
        .unwrap();
    assert_eq!(listed.records.iter().map(|record| record.id).collect::<Vec<_>>(), [posted.id]);
    assert_eq!(listed.next, None);

    let claimed = store.claim(posted.customer.clone(), 10).await.unwrap();
    let [leased] = claimed.as_slice() else {
        panic!("{claimed:?}")
    };
    assert_eq!((&leased.notification.event, &leased.notification.payload), (&posted.event, &posted.payload));
    assert_eq!(leased.notification.create_application.as_deref(), Some("Acme Inc"));
}

pub(super) async fn the_same_event_again_is_known_and_counted<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let first = accept(&store, new("acme", "evt_1")).await;
    for _ in 0..3 {
        let known = post_known(&store, new("acme", "evt_1")).await;
        assert_eq!((known.id, known.state, known.other_event), (first.id, State::Queued, None));
        assert_eq!(known.event_id, first.event_id);
    }
    store.note_duplicate(customer("acme"));
    // Commands are taken in order.
    drop(store.claim(customer("acme"), 0).await.unwrap());
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.accepted, totals.duplicates, totals.queued), (1, 4, 1));
}

/// Reads the event that a post of a customer's ran into.
async fn other_event(store: &Store, known: Existing) -> Option<Bytes> {
    let other = known.other_event?;
    Some(store.other_event(customer("acme"), other).await.unwrap())
}

pub(super) async fn other_bytes_under_a_known_id_are_answered_with_what_is_stored<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let first = accept(&store, new("acme", "evt_1")).await;
    let known = post_known(&store, with_event(new("acme", "evt_1"), "{\"other\":true}")).await;
    assert_eq!(known.id, first.id);
    assert_eq!(other_event(&store, known).await, Some(first.event));
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.accepted, totals.duplicates), (1, 0), "it is no duplicate, it is a mistake");
}

pub(super) async fn what_a_post_would_run_into_is_found_and_nothing_is_counted<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let first = accept(&store, new("acme", "evt_1")).await;
    // One that goes out under a digest, and one whose key is that digest.
    let other = accept(&store, new("globex", "evt_1")).await;
    let namesake = accept(&store, new("globex", other.event_id.as_str())).await;
    let find = async |new: NewNotification| {
        let known = store.find_known(&new).await.unwrap()?;
        let (id, event_id, state) = (known.id, known.event_id.clone(), known.state);
        Some((id, event_id, state, other_event(&store, known).await))
    };
    let right = |of: &Notification, event: Option<&Bytes>| {
        Some((of.id, of.event_id.clone(), State::Queued, event.cloned()))
    };
    assert_eq!(find(new("acme", "evt_1")).await, right(&first, None));
    let changed = with_event(new("acme", "evt_1"), "{\"other\":true}");
    assert_eq!(find(changed).await, right(&first, Some(&first.event)));
    assert_eq!(find(new("globex", "evt_1")).await, right(&other, None));
    assert_eq!(find(new("globex", other.event_id.as_str())).await, right(&namesake, None));
    assert_eq!(find(new("acme", other.event_id.as_str())).await, None);
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.accepted, totals.duplicates), (3, 0));
}

pub(super) async fn an_id_that_comes_twice_at_once_is_stored_once<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for round in 0..20 {
        let id = format!("evt_{round}");
        let answers =
            join_all([1, 2].map(|_| async { store.accept(new("acme", &id), true).await.unwrap() })).await;
        let [Accepted::New { notification, .. }, Accepted::Known(known)] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        assert_eq!((known.id, &known.other_event), (notification.id, &None));
    }
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.accepted, totals.duplicates), (20, 20));
}

pub(super) async fn other_bytes_that_come_at_once_are_answered_with_what_is_stored<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let posts: Vec<NewNotification> = (0..300)
        .map(|number| {
            let new = new("acme", &format!("evt_{}", number % 150));
            with_event(new, format!("{{\"number\":{number}}}"))
        })
        .collect();
    // The first commit takes its time, in which the others gather to a large one.
    let answers = join_all(posts.iter().map(|new| store.accept(new.clone(), false))).await;
    for (number, answer) in answers.into_iter().enumerate() {
        match answer.unwrap() {
            Accepted::New { .. } => assert!(number < 150, "{number} is the first of its id"),
            Accepted::Known(known) => {
                let first = &posts[number - 150];
                assert_eq!(known.id, first.id);
                assert_eq!(other_event(&store, known).await.as_ref(), Some(&first.event), "{number}");
            }
        }
    }
}

async fn found_ids<F: Fixture>(
    first: NewNotification,
    second: NewNotification,
    at_once: bool,
) -> [String; 2] {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let (one, other) = if at_once {
        join(accept(&store, first), accept(&store, second)).await
    } else {
        (accept(&store, first).await, accept(&store, second).await)
    };
    let page = store
        .list(Filter {
            event_ids: vec!["evt_1".to_owned()],
            limit: 10,
            ..Filter::default()
        })
        .await
        .unwrap();
    let found: Vec<_> = page.records.iter().map(|record| record.id).collect();
    assert_eq!(found, [other.id, one.id], "both are found by the caller's id");
    let mut ids = Vec::new();
    for notification in [one, other] {
        let id = notification.event_id.as_str().to_owned();
        let filter = Filter {
            event_ids: vec![id.clone()],
            narrowing: Narrowing {
                customer: Some(notification.customer),
                ..Narrowing::default()
            },
            limit: 10,
            ..Filter::default()
        };
        let page = store.list(filter).await.unwrap();
        assert_eq!(page.records.len(), 1, "and by the id at Svix");
        assert_eq!(page.records[0].id, notification.id);
        ids.push(id);
    }
    ids.try_into().unwrap()
}

pub(super) async fn customers_that_share_an_application_get_ids_of_their_own<F: Fixture>() {
    for at_once in [false, true] {
        let [first, second] = found_ids::<F>(new("acme", "evt_1"), new("globex", "evt_1"), at_once).await;
        assert_eq!(first, "evt_1", "who came first keeps it");
        assert_ne!(second, "evt_1", "Svix would take it for the same message");
    }
}

pub(super) async fn customers_with_applications_of_their_own_keep_their_ids<F: Fixture>() {
    let own = |name: &str| NewNotification {
        application: format!("app-{name}").into(),
        ..new(name, "evt_1")
    };
    for at_once in [false, true] {
        assert_eq!(found_ids::<F>(own("acme"), own("globex"), at_once).await, ["evt_1", "evt_1"]);
    }
}

/// Keys that stand for another's where they are taken: what a caller may send, and what rows of earlier times may have.
fn taken_keys() -> [EventId; 4] {
    let digest = EventId::displaced("globex", "invoice_1001", 0);
    [
        EventId::of_caller(digest.as_str()),
        // The parts of a key may be chosen by the caller.
        EventId::of_parts(&["globex", "invoice_1001"]),
        digest,
        EventId::displaced("globex", "invoice_1001", 1),
    ]
}

pub(super) async fn no_two_events_of_an_application_have_one_id<F: Fixture>() {
    let chosen = |event_key: EventId| NewNotification {
        event_key,
        ..new("initech", "chosen")
    };
    for at_once in [false, true] {
        let fixture = F::fresh().await;
        let store = fixture.open().await;
        let mut posts = vec![new("acme", "invoice_1001")];
        posts.extend(taken_keys().map(chosen));
        posts.push(new("globex", "invoice_1001"));
        // Its key is the id under which another one's event went out.
        posts.push(chosen(EventId::displaced("globex", "invoice_1001", 2)));
        let mut accepted = Vec::new();
        if at_once {
            accepted = join_all(posts.into_iter().map(|new| accept(&store, new))).await;
        } else {
            for new in posts {
                accepted.push(accept(&store, new).await);
            }
        }
        let ids: HashSet<&str> = accepted.iter().map(|all| all.event_id.as_str()).collect();
        assert_eq!(ids.len(), accepted.len(), "at once: {at_once}; {accepted:#?}");
        for notification in &accepted {
            let record = find(&store, notification.id).await;
            assert_eq!(record.event_id, notification.event_id, "it keeps the id that it was stored with");
        }
        let again = post_known(&store, new("globex", "invoice_1001")).await;
        assert_eq!((again.id, &again.event_id), (accepted[5].id, &accepted[5].event_id));
    }
}

pub(super) async fn many_customers_of_an_application_may_use_the_same_ids_at_once<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let posts =
        (0..300).map(|number| new(&format!("customer-{}", number % 3), &format!("evt_{}", number / 3)));
    let accepted = join_all(posts.map(|new| accept(&store, new))).await;
    let ids: HashSet<&str> = accepted.iter().map(|all| all.event_id.as_str()).collect();
    assert_eq!(ids.len(), 300);
}

pub(super) async fn what_is_repeated_at_once_is_answered_with_its_state<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for (filtered, right) in [(true, State::Filtered), (false, State::Queued)] {
        for round in 0..20 {
            let post = NewNotification {
                filtered,
                ..new("acme", &format!("evt_{filtered}_{round}"))
            };
            let answers =
                join_all([1, 2, 3].map(|_| async { store.accept(post.clone(), false).await.unwrap() })).await;
            for answer in &answers[1..] {
                assert!(matches!(answer, Accepted::Known(known) if known.state == right), "{answers:?}");
            }
        }
    }
}

pub(super) async fn hundreds_of_accepts_at_once_are_all_answered<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let names = ["acme", "globex", "initech"];
    let posts = (0..300).map(|number| accept(&store, new(names[number % 3], &format!("evt_{number}"))));
    let accepted = join_all(posts).await;
    for notification in &accepted {
        assert_eq!(find(&store, notification.id).await.event_id, notification.event_id);
    }
    let mut claimed = Vec::new();
    for name in names {
        claimed.extend(store.claim(customer(name), 1000).await.unwrap());
    }
    assert_eq!(claimed.len(), 300);
    assert_eq!(store.totals().await.unwrap().accepted, 300);
}

pub(super) async fn a_caller_that_goes_away_leaves_nothing_leased<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for round in 0..20 {
        let mut accepting = Box::pin(store.accept(new("acme", &format!("evt_{round}")), true));
        std::future::poll_fn(|context| {
            let _ = accepting.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
        drop(accepting);
    }
    let acme: Customer = customer("acme");
    let mut held = Vec::new();
    eventually("every row can be claimed", async || {
        held.extend(store.claim(acme.clone(), 100).await.unwrap());
        held.len() == 20
    })
    .await;
}

/// Remembers how many rows each transaction had.
#[derive(Debug, Default)]
struct Rows(Mutex<Vec<usize>>);

impl Watch for Rows {
    fn committed(&self, rows: usize, _: Duration) {
        self.0.lock().unwrap().push(rows);
    }
}

pub(super) async fn a_transaction_takes_few_large_events<F: Fixture>() {
    let fixture = F::fresh().await;
    let rows = Arc::new(Rows::default());
    let store = Store::open(StoreOptions {
        watch: rows.clone(),
        ..options(fixture.url())
    });
    let store = store.await.unwrap();
    let accepts = (0..64).map(|number| {
        let large = with_event(new("acme", &number.to_string()), vec![b' '; 500_000]);
        accept(&store, large)
    });
    join_all(accepts).await;
    let rows = rows.0.lock().unwrap();
    assert_eq!(rows.iter().sum::<usize>(), 64);
    assert!(rows.iter().all(|rows| *rows <= 9), "{rows:?}");
}
