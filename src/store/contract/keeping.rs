//! What must outlast a stop and a new start.

use super::Fixture;
use crate::domain::{AnswerKind, Call, CredentialId, Doubt, Progress, Stage, State, Timestamp};
use crate::store::examples::{
    accept, accept_leased, customer, delivered, find, new, post_known, settlement, with_event,
};
use crate::store::{Settlement, StoreError};

pub(super) async fn a_clean_stop_and_a_new_start_keep_everything<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let (settled, lease) = accept_leased(&store, new("acme", "evt_1")).await;
    store.settle(delivered(&settled), lease).await.unwrap();
    let call = Call {
        request: "r-2".parse().unwrap(),
        trace: Some(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                .parse()
                .unwrap(),
        ),
    };
    let mut called = new("acme", "evt_2");
    called.origin.call = Some(call.clone());
    let (retried, lease) = accept_leased(&store, called).await;
    let outcome = Settlement {
        progress: Progress {
            stage: Stage::Prove {
                since: Timestamp::from_millis(5),
                resends: 2,
            },
            attempts: 1,
            spent: 1,
            ambiguous: true,
            doubt: Some(Doubt {
                since: Timestamp::from_millis(5),
                until: Timestamp::from_millis(9),
            }),
            message_id: Some("msg_1".to_owned()),
            credential: Some(CredentialId::of("sk_1")),
        },
        ..settlement(&retried, State::Queued, AnswerKind::Ambiguous)
    };
    store.settle(outcome.clone(), lease).await.unwrap();
    // A stop ends leases, whatever becomes of their holders.
    let (held, lease) = accept_leased(&store, new("acme", "evt_3")).await;
    post_known(&store, new("acme", "evt_3")).await;
    let totals = store.totals().await.unwrap();
    store.close(true).await.unwrap();
    drop(store);

    let store = fixture.open().await;
    assert_eq!(store.totals().await.unwrap(), totals);
    assert_eq!(find(&store, settled.id).await.state, State::Delivered);
    let record = find(&store, retried.id).await;
    assert_eq!((record.state, &record.progress), (State::Queued, &outcome.progress));
    assert_eq!(store.attempts(&record).await.unwrap(), outcome.attempts);
    let mut claimed = store.claim(customer("acme"), 10).await.unwrap();
    claimed.sort_by_key(|leased| leased.notification.id);
    let again: Vec<_> = claimed.iter().map(|leased| &leased.notification).collect();
    assert_eq!(again.iter().map(|again| again.id).collect::<Vec<_>>(), [retried.id, held.id]);
    assert_eq!(again[0].progress, outcome.progress);
    assert_eq!([&again[0].call, &record.origin.call], [&Some(call.clone()), &Some(call)]);
    assert_eq!(again[1].event, held.event);
    assert!(again.iter().all(|again| again.suspect_until.is_none()), "the stop was clean");
    assert_eq!(post_known(&store, new("acme", "evt_1")).await.state, State::Delivered);
    drop(lease);
}

pub(super) async fn a_closed_store_takes_nothing_more<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let (notification, lease) = accept_leased(&store, new("acme", "evt_1")).await;
    store.close(true).await.unwrap();
    let refused = [
        store.accept(new("acme", "evt_2"), true).await.err(),
        store.settle(delivered(&notification), lease).await.err(),
        store.claim(customer("acme"), 1).await.err(),
        store.close(true).await.err(),
    ];
    for error in refused {
        assert!(matches!(error, Some(StoreError::Closed)), "{error:?}");
    }
}

pub(super) async fn the_newest_bytes_and_names_survive_a_new_start<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let long = "x".repeat(200_000);
    let notification = accept(&store, with_event(new("Äpfel", "evt_1"), long.clone())).await;
    accept(&store, new("globex", "evt_1")).await;
    store.close(true).await.unwrap();

    let store = fixture.open().await;
    let claimed = store.claim(customer("Äpfel"), 1).await.unwrap();
    assert_eq!(claimed[0].notification.event, long);
    assert_eq!(find(&store, notification.id).await.customer, customer("Äpfel"));
    let third = accept(&store, new("initech", "evt_1")).await;
    assert_ne!(third.event_id.as_str(), "evt_1", "who holds an id is known over a start");
}
