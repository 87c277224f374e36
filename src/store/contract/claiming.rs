//! What claiming must do.

use std::time::Duration;

use super::Fixture;
use crate::domain::{AccountName, AnswerKind, NotificationId, State, Timestamp};
use crate::store::examples::{
    accept, accept_leased, customer, delivered, eventually, find, new, settlement, with_event,
};
use crate::store::{ClaimLimit, Leased, NewNotification, Settlement, Store, Taken};

fn ids(leased: &[Leased]) -> Vec<NotificationId> {
    leased.iter().map(|leased| leased.notification.id).collect()
}

async fn claim(store: &Store, name: &str, limit: usize) -> Vec<Leased> {
    store.claim(customer(name), limit).await.unwrap()
}

pub(super) async fn what_is_accepted_without_a_lease_can_be_claimed_at_once<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let notification = accept(&store, new("acme", "evt_1")).await;
    let claimed = claim(&store, "acme", 10).await;
    assert_eq!(ids(&claimed), [notification.id]);
    assert!(claim(&store, "acme", 10).await.is_empty(), "one holds it at a time");
    drop(claimed);
    assert_eq!(ids(&claim(&store, "acme", 10).await), [notification.id]);
}

pub(super) async fn what_is_leased_cannot_be_claimed_until_the_lease_is_dropped<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let (notification, lease) = accept_leased(&store, new("acme", "evt_1")).await;
    assert!(claim(&store, "acme", 10).await.is_empty());
    drop(lease);
    assert_eq!(ids(&claim(&store, "acme", 10).await), [notification.id]);
}

pub(super) async fn a_claim_takes_the_oldest_first_up_to_its_limit<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let mut stored = Vec::new();
    for (id, accepted_at) in [("third", 30), ("first", 10), ("second", 20), ("last", 30)] {
        let accepted_at = Timestamp::from_millis(accepted_at);
        let new = NewNotification {
            accepted_at,
            ..new("acme", id)
        };
        stored.push(accept(&store, new).await.id);
    }
    let oldest = claim(&store, "acme", 2).await;
    assert_eq!(ids(&oldest), [stored[1], stored[2]]);
    let rest = claim(&store, "acme", 2).await;
    assert_eq!(ids(&rest), [stored[0], stored[3]], "those that are held are passed over");
    assert!(claim(&store, "acme", 0).await.is_empty());
}

/// Accepts events of these sizes, in this order, and returns their ids.
async fn accept_sizes(store: &Store, sizes: &[usize]) -> Vec<NotificationId> {
    let mut stored = Vec::new();
    for (number, size) in (0..).zip(sizes) {
        let id = format!("evt_{number}");
        let new = NewNotification {
            accepted_at: Timestamp::from_millis(number),
            ..with_event(new("acme", &id), vec![b' '; *size])
        };
        let payload = 0..*size;
        stored.push(accept(store, NewNotification { payload, ..new }).await.id);
    }
    stored
}

async fn claim_within(store: &Store, rows: usize, bytes: usize) -> Taken {
    let limit = ClaimLimit { rows, bytes };
    store.claim_within(customer("acme"), limit).await.unwrap()
}

pub(super) async fn a_claim_takes_no_more_bytes_than_there_is_room_for<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let stored = accept_sizes(&store, &[100, 50_000, 70_000, 1, 200_000, 1]).await;
    let table = [
        (9, 99, 0..0, Some(100), "not even the first fits"),
        (9, 50_099, 0..1, Some(50_000), "the next waits for room"),
        (9, 49_999, 1..1, Some(50_000), "and no smaller one goes before it"),
        (2, 120_000, 1..3, None, "as many rows as were asked for"),
        (9, 200_000, 3..4, Some(200_000), "what is held is passed over"),
        (9, 200_001, 4..6, None, "all that is left"),
    ];
    let mut held = Vec::new();
    for (rows, bytes, right, next, why) in table {
        let taken = claim_within(&store, rows, bytes).await;
        assert_eq!((ids(&taken.rows), taken.next), (stored[right].to_vec(), next), "{why}");
        held.extend(taken.rows);
    }
    assert!(held.iter().all(|leased| leased.lease.is_valid()));
}

pub(super) async fn an_event_that_is_gone_takes_no_room<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let stored = accept_sizes(&store, &[10, 20]).await;
    fixture
        .tamper("DELETE FROM events WHERE seq = (SELECT min(seq) FROM events)")
        .await;
    let taken = claim_within(&store, 9, 20).await;
    assert_eq!((ids(&taken.rows), taken.next), (vec![stored[1]], None));
    assert_eq!(find(&store, stored[0]).await.state, State::Dead);
}

pub(super) async fn a_claim_takes_from_one_customer_only<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let acme = accept(&store, new("acme", "evt_1")).await.id;
    let acme_corp = accept(&store, new("acme corp", "evt_1")).await.id;
    assert_eq!(ids(&claim(&store, "acme", 10).await), [acme]);
    assert_eq!(ids(&claim(&store, "acme corp", 10).await), [acme_corp]);
    assert!(claim(&store, "nobody", 10).await.is_empty());
}

pub(super) async fn what_is_settled_is_never_claimed<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for state in [State::Delivered, State::Filtered, State::Dead, State::Expired] {
        let (notification, lease) = accept_leased(&store, new("acme", state.as_str())).await;
        let outcome = settlement(&notification, state, AnswerKind::Rejected);
        store.settle(outcome, lease).await.unwrap();
        assert_eq!(find(&store, notification.id).await.state, state);
    }
    assert!(claim(&store, "acme", 10).await.is_empty());
    assert!(store.waiting_customers(None, 10).await.unwrap().is_empty());
}

pub(super) async fn a_retry_is_not_claimed_before_it_is_due<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let acme = customer("acme");
    let retry = |notification: &_, wait| Settlement {
        due_at: store.now().after(wait),
        ..settlement(notification, State::Queued, AnswerKind::Unavailable)
    };
    let (notification, lease) = accept_leased(&store, new("acme", "evt_1")).await;
    store
        .settle(retry(&notification, Duration::from_secs(3600)), lease)
        .await
        .unwrap();
    assert!(claim(&store, "acme", 10).await.is_empty());
    assert_eq!(store.waiting_customers(None, 10).await.unwrap(), [(acme.clone(), false)]);

    let (soon, lease) = accept_leased(&store, new("acme", "evt_2")).await;
    let outcome = retry(&soon, Duration::from_millis(50));
    let due_at = outcome.due_at;
    store.settle(outcome, lease).await.unwrap();
    eventually("the earlier one is due", async || {
        store.waiting_customers(None, 10).await.unwrap() == [(acme.clone(), true)]
    })
    .await;
    assert!(store.now() >= due_at, "not before its time");
    let mut claimed = claim(&store, "acme", 10).await;
    assert_eq!(ids(&claimed), [soon.id]);
    assert_eq!(claimed[0].notification.progress.attempts, 1);
    let Leased { notification, lease } = claimed.remove(0);
    store.settle(delivered(&notification), lease).await.unwrap();
}

pub(super) async fn an_account_is_waited_for_by_whom_has_something_queued_for_it<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    let other = AccountName::new("other");
    let for_other = NewNotification {
        account: other.clone(),
        ..new("acme", "evt_1")
    };
    let (notification, lease) = accept_leased(&store, for_other).await;
    accept(&store, new("globex", "evt_2")).await;
    assert_eq!(store.queued_for(other.clone()).await.unwrap(), Some(customer("acme")), "leased or not");
    store.settle(delivered(&notification), lease).await.unwrap();
    assert_eq!(store.queued_for(other).await.unwrap(), None);
    store.close(true).await.unwrap();
}

pub(super) async fn customers_that_wait_are_named_page_by_page<F: Fixture>() {
    let fixture = F::fresh().await;
    let store = fixture.open().await;
    for name in ["b", "d", "a", "c", "a", "b"] {
        accept(&store, new(name, &NotificationId::generate(store.now()).to_string())).await;
    }
    let mut names = String::new();
    let mut after = None;
    loop {
        let page = store.waiting_customers(after.clone(), 3).await.unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        names.extend(
            page.iter()
                .map(|(customer, due)| format!("{customer}{} ", u8::from(*due))),
        );
        names.push('|');
    }
    assert_eq!(names, "a1 b1 c1 |d1 |");
}
