//! What a check lets pass, leaves alone and refuses.

use super::{Place, fill, filled, on_both, settle};
use crate::domain::State;
use crate::store::check::{ConnectError, check};
use crate::store::examples::{accept_leased, customer, delivered, new};
use crate::store::postgres::tests::TestDatabase;
use crate::store::sqlite::tests::DatabaseInDirectory;
use crate::store::{Leased, Store, StoreError};

async fn a_healthy_store_has_no_finding<P: Place>() {
    let report = check(&filled::<P>().await.url()).await.unwrap();
    assert_eq!(report.findings, [], "nothing was done to it");
    assert_eq!((report.notifications, report.customers), (24, 3));

    let unused = P::fresh().await;
    unused.open().await.close(true).await.unwrap();
    let report = check(&unused.url()).await.unwrap();
    assert_eq!((report.notifications, report.customers, report.findings.len()), (0, 0, 0));
}

on_both!(a_healthy_store_has_no_finding);

#[tokio::test]
async fn what_is_under_way_is_not_wrong() {
    let database = TestDatabase::new().await;
    let (one, other) = (Place::open(&database).await, Place::open(&database).await);
    let work = async |store: &Store, name: &'static str| {
        for number in 0..150 {
            let (notification, lease) = accept_leased(store, new(name, &format!("evt_{number}"))).await;
            settle(store, &notification, lease, State::ALL[number % State::ALL.len()]).await;
        }
    };
    let look = async {
        for _ in 0..20 {
            let report = check(&database.url()).await.unwrap();
            assert_eq!(report.findings, []);
        }
    };
    tokio::join!(work(&one, "acme"), work(&one, "globex"), work(&other, "initech"), look);
    one.close(true).await.unwrap();
    other.close(true).await.unwrap();
    let report = check(&database.url()).await.unwrap();
    assert_eq!((report.notifications, report.findings), (450, Vec::new()));
}

#[tokio::test]
async fn a_check_changes_nothing() {
    let file = DatabaseInDirectory::new();
    let store = Place::open(&file).await;
    fill(&store).await;
    // As where the process ended without saying so.
    store.close(false).await.unwrap();
    assert_eq!(check(&file.url()).await.unwrap().findings, []);
    assert_eq!(
        file.number("SELECT count(*) FROM runs WHERE stopped_at IS NULL")
            .await,
        1
    );

    // As a backup that was made with VACUUM INTO.
    file.tamper("PRAGMA journal_mode = DELETE").await;
    assert_eq!(check(&file.url()).await.unwrap().notifications, 24);

    let server = filled::<TestDatabase>().await;
    check(&server.url()).await.unwrap();
    assert_eq!(server.number("SELECT count(*) FROM replicas").await, 0);
    let store = Place::open(&server).await;
    let claimed = store.claim(customer("acme"), 10).await.unwrap();
    assert_eq!(claimed.len(), 2, "what waits waits still");
    for Leased { notification, lease } in claimed {
        store.settle(delivered(&notification), lease).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_store_that_can_be_looked_at_is_refused() {
    let file = DatabaseInDirectory::new();
    assert!(matches!(check(&file.url()).await, Err(ConnectError::Absent { .. })));
    let store = Place::open(&file).await;
    let running = check(&file.url()).await;
    assert!(matches!(running, Err(ConnectError::Store(StoreError::InUse { .. }))), "{running:?}");
    store.close(true).await.unwrap();
    file.tamper("UPDATE _sqlx_migrations SET version = 99 WHERE version = 2")
        .await;
    let newer = check(&file.url()).await;
    assert!(matches!(newer, Err(ConnectError::OtherVersion { found: 99, .. })), "{newer:?}");

    let server = TestDatabase::new().await;
    assert!(matches!(check(&server.url()).await, Err(ConnectError::NoStore)));
    for url in ["mysql://u:secret@host/db", "sqlite://", "sqlite://:memory:"] {
        let error = check(url).await.unwrap_err();
        assert!(matches!(error, ConnectError::Store(StoreError::Url { .. })), "{url}");
        assert!(!error.to_string().contains("secret"));
    }
}
