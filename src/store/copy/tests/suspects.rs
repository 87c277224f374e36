//! What a copy hands on of what may have been sent without that being recorded.

use super::{begun, copied};
use crate::domain::Timestamp;
use crate::store::ConnectError;
use crate::store::check::tests::{Place, fill, filled};
use crate::store::copy::CopyError;
use crate::store::examples::{accept, accept_leased, customer, new};
use crate::store::postgres::tests::TestDatabase;
use crate::store::sqlite::tests::DatabaseInDirectory;

#[tokio::test]
async fn what_is_suspect_stays_suspect() {
    let file = DatabaseInDirectory::fresh().await;
    let store = Place::open(&file).await;
    fill(&store).await;
    store.close(false).await.unwrap();
    let server = TestDatabase::fresh().await;
    assert!(copied(&file.url(), &server.url()).await.unwrap().is_equal());
    let marked = "SELECT count(*) FROM notifications WHERE (state = 'queued') = (suspect_at >= accepted_at)";
    assert_eq!(server.number(marked).await, 9, "what waits, and nothing else");
    let others = "SELECT count(*) FROM notifications WHERE state <> 'queued' AND suspect_at IS NOT NULL";
    assert_eq!(server.number(others).await, 0);
    let until = server.number("SELECT max(suspect_at) FROM notifications").await;

    let back = DatabaseInDirectory::fresh().await;
    copied(&server.url(), &back.url()).await.unwrap();
    assert_eq!(
        back.number("SELECT suspect_until FROM runs WHERE stopped_at > 0")
            .await,
        until
    );
    let again = TestDatabase::fresh().await;
    copied(&back.url(), &again.url()).await.unwrap();
    assert_eq!(again.number("SELECT max(suspect_at) FROM notifications").await, until);
    let store = Place::open(&back).await;
    let claimed = store.claim(customer("acme"), 1).await.unwrap();
    assert_eq!(claimed[0].notification.suspect_until, Some(Timestamp::from_millis(until)));
}

#[tokio::test]
async fn what_became_suspect_after_it_was_copied_is_suspect() {
    let file = filled::<DatabaseInDirectory>().await;
    let server = TestDatabase::fresh().await;
    begun(&file, &server).await;
    // What this run sends without recording it may be among the rows that are copied.
    Place::open(&file).await.close(false).await.unwrap();
    assert!(copied(&file.url(), &server.url()).await.unwrap().is_equal());
    let marked = "SELECT count(*) FROM notifications WHERE state = 'queued' AND suspect_at >= accepted_at";
    assert_eq!(server.number(marked).await, 9);
}

#[tokio::test]
async fn what_a_killed_replica_held_becomes_suspect() {
    let server = TestDatabase::fresh().await;
    let store = Place::open(&server).await;
    let (held, _lease) = accept_leased(&store, new("acme", "evt_1")).await;
    accept(&store, new("acme", "evt_2")).await;
    let file = DatabaseInDirectory::fresh().await;
    let refused = copied(&server.url(), &file.url()).await;
    let in_use = matches!(&refused, Err(CopyError::Source(ConnectError::InUse { count: 1 })));
    assert!(in_use, "while it lives: {refused:?}");
    assert_eq!(server.tamper("UPDATE replicas SET ends_at = 0").await, 1);

    let other = TestDatabase::fresh().await;
    assert!(copied(&server.url(), &other.url()).await.unwrap().is_equal());
    let suspect = "SELECT count(*) FROM notifications AS n JOIN queue AS q USING (customer, seq) \
                   WHERE event_key = 'evt_1' AND owner IS NULL AND suspect_at >= accepted_at";
    assert_eq!(other.number(suspect).await, 1);
    assert_eq!(
        other
            .number("SELECT count(*) FROM notifications WHERE suspect_at > 0")
            .await,
        1
    );

    assert!(copied(&server.url(), &file.url()).await.unwrap().is_equal());
    let store = Place::open(&file).await;
    let claimed = store.claim(customer("acme"), 10).await.unwrap();
    assert_eq!(claimed[0].notification.id, held.id);
    assert!(claimed[0].notification.suspect_until.is_some());
}
