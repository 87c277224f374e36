//! What several replicas on one database must keep to.

use std::time::Duration;

use super::TestDatabase;
use crate::domain::{Notification, NotificationId, State};
use crate::store::examples::{accept, accept_leased, customer, delivered, eventually, find, new};
use crate::store::{Leased, Store};

/// Short enough to run out within a test.
const SHORT: Duration = Duration::from_millis(1000);

async fn claim(store: &Store, limit: usize) -> Vec<Leased> {
    store.claim(customer("acme"), limit).await.unwrap()
}

fn ids<'a>(notifications: impl IntoIterator<Item = &'a Notification>) -> Vec<NotificationId> {
    let mut ids: Vec<_> = notifications
        .into_iter()
        .map(|notification| notification.id)
        .collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn what_one_holds_no_other_can_claim() {
    let database = TestDatabase::new().await;
    let (here, there) = (database.open().await, database.open().await);
    let (held, lease) = accept_leased(&here, new("acme", "evt_1")).await;
    let free = accept(&here, new("acme", "evt_2")).await;
    let claimed = claim(&there, 10).await;
    assert_eq!(ids(claimed.iter().map(|leased| &leased.notification)), [free.id]);
    assert!(claim(&here, 10).await.is_empty());
    here.settle(delivered(&held), lease).await.unwrap();
    assert_eq!(find(&there, held.id).await.state, State::Delivered);
}

#[tokio::test]
async fn many_that_claim_together_never_get_the_same() {
    let database = TestDatabase::new().await;
    let first = database.open().await;
    let mut expected = Vec::new();
    for number in 0..200 {
        expected.push(accept(&first, new("acme", &format!("evt_{number}"))).await);
    }
    let mut replicas = vec![first];
    for _ in 0..3 {
        replicas.push(database.open().await);
    }
    let drains = replicas.iter().map(async |store| {
        let mut all = Vec::new();
        loop {
            let claimed = claim(store, 7).await;
            if claimed.is_empty() {
                return all;
            }
            all.extend(claimed);
        }
    });
    let drained = futures_util::future::join_all(drains).await;
    let all = drained.iter().flatten().map(|leased| &leased.notification);
    assert_eq!(ids(all), ids(&expected));
}

#[tokio::test]
async fn what_a_silent_replica_held_is_taken_over_and_its_word_counts_no_more() {
    let database = TestDatabase::new().await;
    let frozen = database.open().await;
    let (held, lease) = accept_leased(&frozen, new("acme", "evt_1")).await;
    assert!(lease.is_valid());
    let other = database.open_for(SHORT).await;
    // It says nothing for longer than its leases last.
    database
        .tamper("UPDATE replicas SET ends_at = 0 WHERE slot = 0")
        .await;
    let mut taken = Vec::new();
    eventually("the other has taken over", async || {
        taken = claim(&other, 10).await;
        !taken.is_empty()
    })
    .await;
    let Leased {
        notification,
        lease: others,
    } = taken.remove(0);
    assert_eq!(notification.id, held.id);
    assert!(notification.suspect_until.is_some(), "it may have been sent");
    frozen.settle(delivered(&held), lease).await.unwrap();
    assert_eq!(find(&other, held.id).await.state, State::Queued, "its word came too late");
    other.settle(delivered(&notification), others).await.unwrap();
    assert_eq!(find(&other, held.id).await.state, State::Delivered);
    let totals = other.totals().await.unwrap();
    assert_eq!((totals.delivered, totals.queued, totals.difference()), (1, 0, 0));
}

#[tokio::test]
async fn a_replica_that_lost_its_leases_knows_and_goes_on() {
    let database = TestDatabase::new().await;
    let store = database.open_for(SHORT).await;
    let (held, lease) = accept_leased(&store, new("acme", "evt_1")).await;
    database
        .tamper("UPDATE queue SET owner = NULL; DELETE FROM replicas")
        .await;
    eventually("it has noticed", async || !lease.is_valid()).await;
    eventually("it is among the replicas again", async || {
        database.number("SELECT count(*) FROM replicas").await == 1
    })
    .await;
    let claimed = claim(&store, 10).await;
    assert_eq!(ids(claimed.iter().map(|leased| &leased.notification)), [held.id]);
    drop(lease);
    accept(&store, new("acme", "evt_2")).await;
    assert!(claimed[0].lease.is_valid(), "the end of the old lease is nothing to the new one");
    assert_eq!(claim(&store, 10).await.len(), 1);
}

#[tokio::test]
async fn after_a_clean_stop_others_go_on_at_once() {
    let database = TestDatabase::new().await;
    let (leaving, staying) = (database.open().await, database.open().await);
    let (held, _lease) = accept_leased(&leaving, new("acme", "evt_1")).await;
    leaving.close(true).await.unwrap();
    let claimed = claim(&staying, 10).await;
    assert_eq!(ids(claimed.iter().map(|leased| &leased.notification)), [held.id]);
    assert!(claimed[0].notification.suspect_until.is_none(), "nothing was under way");
    assert_eq!(database.number("SELECT count(*) FROM replicas").await, 1);
}

#[tokio::test]
async fn what_a_leaving_replica_frees_is_hinted_at() {
    let database = TestDatabase::new().await;
    let (leaving, staying) = (database.open().await, database.open().await);
    let mut hints = staying.take_hints().unwrap();
    eventually("it listens", async || {
        database
            .tamper("SELECT pg_notify('svix_hooks_free', 'nobody')")
            .await;
        hints.try_recv().is_ok()
    })
    .await;
    let (_held, _lease) = accept_leased(&leaving, new("acme", "evt_1")).await;
    leaving.close(true).await.unwrap();
    eventually("it hears of the customer", async || hints.try_recv() == Ok(customer("acme"))).await;
}

#[tokio::test]
async fn the_same_event_at_several_replicas_is_one_notification() {
    let database = TestDatabase::new().await;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(database.open().await);
    }
    for round in 0..20 {
        let id = format!("evt_{round}");
        let posts = stores.iter().map(|store| store.accept(new("acme", &id), false));
        let answers = futures_util::future::join_all(posts).await;
        let new = answers
            .iter()
            .filter(|answer| matches!(answer, Ok(crate::store::Accepted::New { .. })))
            .count();
        assert_eq!(new, 1, "{answers:?}");
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    let totals = stores[0].totals().await.unwrap();
    assert_eq!((totals.accepted, totals.duplicates, totals.queued), (20, 60, 20));
}

#[tokio::test]
async fn no_two_customers_get_the_same_id_at_svix_whoever_takes_their_events() {
    let database = TestDatabase::new().await;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(database.open().await);
    }
    for round in 0..20 {
        let id = format!("evt_{round}");
        let posts = stores.iter().enumerate().map(|(number, store)| {
            let new = new(&format!("customer {number}"), &id);
            async move { accept(store, new).await.event_id.as_str().to_owned() }
        });
        let mut ids = futures_util::future::join_all(posts).await;
        assert_eq!(ids.iter().filter(|given| **given == id).count(), 1);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 4);
    }
}

#[tokio::test]
async fn connections_that_break_are_made_again_and_nothing_is_lost() {
    let database = TestDatabase::new().await;
    let store = database.open().await;
    let (held, lease) = accept_leased(&store, new("acme", "evt_0")).await;
    for number in 1..=5 {
        database
            .tamper(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await;
        let id = format!("evt_{number}");
        eventually("it is accepted again", async || store.accept(new("acme", &id), false).await.is_ok())
            .await;
    }
    assert!(lease.is_valid(), "what was in flight is still held");
    store.settle(delivered(&held), lease).await.unwrap();
    assert_eq!(find(&store, held.id).await.state, State::Delivered);
    let claimed = claim(&store, 100).await;
    assert_eq!(claimed.len(), 5, "whatever was answered, each is there once");
    assert_eq!(store.totals().await.unwrap().difference(), 0);
}

#[tokio::test]
async fn what_was_leased_by_a_commit_whose_answer_was_lost_can_be_claimed() {
    let database = TestDatabase::new().await;
    let store = database.open().await;
    let (_held, _lease) = accept_leased(&store, new("acme", "evt_1")).await;
    let lost = accept(&store, new("acme", "evt_2")).await;
    // As if the answer to a commit that leased it had been lost with the connection.
    database
        .tamper("UPDATE queue SET owner = (SELECT run FROM replicas), fence = 7 WHERE owner IS NULL")
        .await;
    assert!(claim(&store, 10).await.is_empty());
    database
        .tamper(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    let mut claimed = Vec::new();
    eventually("it is free", async || {
        claimed = store.claim(customer("acme"), 10).await.unwrap_or_default();
        !claimed.is_empty()
    })
    .await;
    assert_eq!(ids(claimed.iter().map(|leased| &leased.notification)), [lost.id]);
}
