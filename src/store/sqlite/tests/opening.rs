//! Opening a file, after whatever happened to it before.

use std::error::Error;

use super::DatabaseInDirectory;
use crate::store::examples::{accept, customer, delivered, eventually, new, options};
use crate::store::{Leased, Store, StoreError, Trouble};

#[tokio::test]
async fn a_file_that_is_open_is_not_opened_again() {
    let database = DatabaseInDirectory::new();
    let store = database.open().await.unwrap();
    let error = database.open().await.err().unwrap();
    let lock = format!("{}.lock", database.path().display());
    assert!(matches!(&error, StoreError::InUse { path } if *path == lock), "{error}");
    assert!(error.to_string().contains(&lock));

    let other_name = database.0.path().join("link.db");
    std::os::unix::fs::symlink(database.path(), &other_name).unwrap();
    let error = Store::open(options(format!("sqlite://{}", other_name.display())))
        .await
        .err();
    assert!(matches!(error, Some(StoreError::InUse { .. })), "by whatever name: {error:?}");

    store.close(true).await.unwrap();
    assert!(database.open().await.is_ok());
}

/// Opens as soon as the store that was let go has let go of the file.
async fn open_when_free(database: &DatabaseInDirectory) -> Store {
    let mut opened = None;
    eventually("the file is free", async || {
        opened = match database.open().await {
            Err(StoreError::InUse { .. }) => None,
            other => Some(other.unwrap()),
        };
        opened.is_some()
    })
    .await;
    opened.unwrap()
}

async fn claim(store: &Store) -> Vec<Leased> {
    store.claim(customer("acme"), 10).await.unwrap()
}

#[tokio::test]
async fn what_was_accepted_before_an_unclean_stop_may_have_been_sent() {
    let database = DatabaseInDirectory::new();
    for end in ["dropped", "closed as unclean"] {
        let store = open_when_free(&database).await;
        accept(&store, new("acme", end)).await;
        if end != "dropped" {
            store.close(false).await.unwrap();
        }
        drop(store);

        let store = open_when_free(&database).await;
        let started_at = store.now();
        let claimed = claim(&store).await;
        assert_eq!(claimed.len(), 1);
        for leased in claimed {
            let until = leased.notification.suspect_until.expect(end);
            assert!(until >= leased.notification.accepted_at && until <= started_at, "{end}");
            store
                .settle(delivered(&leased.notification), leased.lease)
                .await
                .unwrap();
        }
        eventually("the clock has moved on", async || store.now() > started_at).await;
        accept(&store, new("acme", &format!("after {end}"))).await;
        let claimed = claim(&store).await;
        assert_eq!(claimed[0].notification.suspect_until, None, "{end}: it came after the stop");
        for leased in claimed {
            store
                .settle(delivered(&leased.notification), leased.lease)
                .await
                .unwrap();
        }
        store.close(true).await.unwrap();
    }
}

#[tokio::test]
async fn a_clean_stop_neither_makes_suspects_nor_clears_them() {
    let database = DatabaseInDirectory::new();
    let store = database.open().await.unwrap();
    accept(&store, new("acme", "evt_1")).await;
    store.close(true).await.unwrap();
    let store = database.open().await.unwrap();
    assert_eq!(claim(&store).await[0].notification.suspect_until, None);
    store.close(false).await.unwrap();

    let store = database.open().await.unwrap();
    let until = claim(&store).await[0].notification.suspect_until;
    assert!(until.is_some());
    store.close(true).await.unwrap();
    let store = database.open().await.unwrap();
    assert_eq!(claim(&store).await[0].notification.suspect_until, until, "nobody has looked since");
}

#[tokio::test]
async fn what_an_earlier_run_may_have_sent_is_told_by_its_number_and_not_by_the_clock() {
    let database = DatabaseInDirectory::new();
    let store = database.open().await.unwrap();
    accept(&store, new("acme", "evt_1")).await;
    store.close(false).await.unwrap();
    // As if the clock had been put back by ten minutes since then.
    database
        .tamper("UPDATE notifications SET accepted_at = accepted_at + 600000")
        .await;
    let store = database.open().await.unwrap();
    accept(&store, new("acme", "evt_2")).await;
    let suspect: Vec<bool> = claim(&store)
        .await
        .iter()
        .map(|leased| leased.notification.suspect_until.is_some())
        .collect();
    assert_eq!(suspect, [true, false], "what came after the start is not suspect");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_with_the_reason() {
    let database = DatabaseInDirectory::new();
    std::fs::write(database.path(), "no database at all, however long it may be. ".repeat(1000)).unwrap();
    let error = database.open().await.err().unwrap();
    let corrupt = matches!(
        error,
        StoreError::Unavailable {
            trouble: Trouble::Corrupt,
            ..
        }
    );
    assert!(corrupt, "{error}: {:?}", error.source().map(ToString::to_string));
}

#[tokio::test]
async fn a_damaged_database_is_refused_or_opened_but_never_a_panic() {
    let database = DatabaseInDirectory::new();
    let store = database.open().await.unwrap();
    accept(&store, new("acme", "evt_1")).await;
    store.close(true).await.unwrap();
    let whole = std::fs::read(database.path()).unwrap();
    for offset in (0..whole.len()).step_by(whole.len() / 24) {
        let mut damaged = whole.clone();
        let end = (offset + 700).min(whole.len());
        damaged[offset..end].fill(0xA5);
        std::fs::write(database.path(), damaged).unwrap();
        if let Ok(store) = database.open().await {
            // What is said about it may be anything, so long as something is said.
            let _ = (store.totals().await, store.waiting_customers(None, 10).await);
            let _ = store.claim(customer("acme"), 10).await;
            let _ = store.close(true).await;
            drop(store);
        }
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", database.path().display()));
        }
    }
}

#[tokio::test]
async fn what_names_no_file_is_no_store() {
    let directory = tempfile::tempdir().unwrap();
    for url in [
        "",
        "store.db",
        "sqlite://",
        "sqlite:store.db",
        "sqlite://:memory:",
        "mysql://localhost/x",
    ] {
        let error = Store::open(options(url.to_owned())).await.err();
        assert!(matches!(error, Some(StoreError::Url { url: named }) if named == url), "{url}");
    }
    let nowhere = format!("sqlite://{}/none/store.db", directory.path().display());
    let error = Store::open(options(nowhere)).await.err();
    assert!(matches!(error, Some(StoreError::Lock { .. })), "{error:?}");
}
