//! A file that goes away under the store, and comes back.

use std::path::Path;

use futures_util::{FutureExt, future};

use super::DatabaseInDirectory;
use crate::domain::State;
use crate::store::examples::{accept, accept_leased, customer, delivered, eventually, find, new};
use crate::store::{Condition, Store, StoreError, Trouble};

async fn assert_refused(store: &Store, id: &str) {
    for _ in 0..2 {
        let error = store.accept(new("acme", id), true).await.err();
        let missing = matches!(
            error,
            Some(StoreError::Unavailable {
                trouble: Trouble::Missing,
                ..
            })
        );
        assert!(missing, "{error:?}");
    }
    let failing = matches!(
        store.condition(),
        Condition::Failing {
            trouble: Trouble::Missing,
            ..
        }
    );
    assert!(failing, "{:?}", store.condition());
}

async fn assert_working_by_itself(store: &Store) {
    eventually("the store works again", async || store.condition() == Condition::Working).await;
}

#[tokio::test]
async fn a_file_that_goes_and_comes_back_loses_nothing() {
    let database = DatabaseInDirectory::new();
    let store = database.open().await.unwrap();
    let kept = accept(&store, new("acme", "evt_1")).await;
    let (sent, lease) = accept_leased(&store, new("acme", "evt_2")).await;
    assert_eq!(store.condition(), Condition::Working);

    let elsewhere = database.0.path().join("elsewhere.db");
    std::fs::rename(database.path(), &elsewhere).unwrap();
    assert_refused(&store, "evt_3").await;
    let mut settling = Box::pin(store.settle(delivered(&sent), lease));
    assert!(settling.as_mut().now_or_never().is_none(), "it is kept");
    assert!(store.claim(customer("acme"), 10).await.is_err());
    assert!(!database.path().exists(), "no new file is made in its place");

    std::fs::rename(&elsewhere, database.path()).unwrap();
    settling.await.unwrap();
    assert_working_by_itself(&store).await;
    assert_eq!(find(&store, sent.id).await.state, State::Delivered);
    assert_eq!(
        store.claim(customer("acme"), 10).await.unwrap()[0]
            .notification
            .id,
        kept.id
    );
    accept(&store, new("acme", "evt_3")).await;
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.accepted, totals.delivered, totals.difference()), (3, 1, 0));
    store.close(true).await.unwrap();

    let store = database.open().await.unwrap();
    assert_eq!(store.totals().await.unwrap(), totals, "it is all in the file that has the name");
}

#[tokio::test]
async fn a_file_that_was_replaced_is_not_written_to() {
    let database = DatabaseInDirectory::new();
    let store = database.open().await.unwrap();
    accept(&store, new("acme", "evt_1")).await;
    let (original, copy) = (database.0.path().join("original.db"), database.path());
    std::fs::rename(&copy, &original).unwrap();
    std::fs::copy(&original, &copy).unwrap();
    assert_refused(&store, "evt_2").await;
    std::fs::rename(&original, &copy).unwrap();
    assert_working_by_itself(&store).await;
    accept(&store, new("acme", "evt_2")).await;
}

#[tokio::test]
async fn trouble_while_many_wait_refuses_them_all_and_forgets_no_outcome() {
    let database = DatabaseInDirectory::new();
    let store = database.open().await.unwrap();
    let mut held = Vec::new();
    for number in 0..50 {
        held.push(accept_leased(&store, new("acme", &format!("evt_{number}"))).await);
    }
    move_away(&database.path());
    let ids: Vec<String> = (0..50).map(|number| format!("late_{number}")).collect();
    let settlements = held.into_iter().map(|(notification, lease)| {
        let outcome = delivered(&notification);
        store.settle(outcome, lease)
    });
    let (settled, ()) = future::join(future::join_all(settlements), async {
        let accepts = future::join_all(ids.iter().map(|id| store.accept(new("acme", id), true)));
        assert!(accepts.await.iter().all(Result::is_err));
        move_back(&database.path());
    })
    .await;
    assert!(settled.iter().all(Result::is_ok));
    let totals = store.totals().await.unwrap();
    assert_eq!((totals.accepted, totals.delivered, totals.queued), (50, 50, 0), "refused is not stored");
}

fn move_away(path: &Path) {
    std::fs::rename(path, path.with_extension("away")).unwrap();
}

fn move_back(path: &Path) {
    std::fs::rename(path.with_extension("away"), path).unwrap();
}
