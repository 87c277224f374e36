//! What a copy refuses.

use super::{begun, copied, full};
use crate::domain::{AnswerKind, State};
use crate::store::check::tests::{Place, filled, on_both};
use crate::store::copy::CopyError;
use crate::store::examples::{accept, customer, new, settlement};
use crate::store::postgres::tests::TestDatabase;
use crate::store::sqlite::tests::DatabaseInDirectory;
use crate::store::{ConnectError, Leased, StoreError};

async fn a_target_that_holds_something_else_is_refused<P: Place>() {
    let origin = filled::<DatabaseInDirectory>().await;
    let other = filled::<P>().await;
    assert_foreign(&origin, &other, "another store with as many rows").await;

    let store = other.open().await;
    accept(&store, new("acme", "evt_new")).await;
    store.close(true).await.unwrap();
    assert_foreign(&origin, &other, "another store with more rows").await;

    for (statement, why) in [
        ("UPDATE notifications SET state = 'dead' WHERE event_key = 'queued'", "work that was done since"),
        ("UPDATE ledger SET retries = retries + 1", "other counts"),
        ("DELETE FROM notifications WHERE event_key = 'delivered'", "rows pruned since"),
        (
            "UPDATE notifications SET redrives = redrives + 1 WHERE event_key = 'dead'",
            "rows sent again since",
        ),
        ("UPDATE ledger_minutes SET accepted = accepted + 1", "other counts of minutes"),
        ("DELETE FROM undelivered WHERE state = 'dead'", "others that were not delivered"),
    ] {
        let target = P::fresh().await;
        copied(&origin.url(), &target.url()).await.unwrap();
        assert!(target.tamper(statement).await > 0);
        assert_foreign(&origin, &target, why).await;
    }
    let half = P::fresh().await;
    begun(&origin, &half).await;
    half.tamper("DELETE FROM notifications WHERE seq = 2").await;
    assert_foreign(&origin, &half, "a hole").await;

    for (statement, why) in [
        (
            "INSERT INTO redrives (id, filter, rate, newest_first, state, created_at, changed_at, paced_to_us, total) \
             SELECT id, '{}', 1, TRUE, 'running', 1, 1, 1, 1 FROM notifications WHERE seq = 1",
            "a redrive of its own",
        ),
        ("DELETE FROM notifications", "what belongs to notifications and none of those"),
    ] {
        let half = P::fresh().await;
        begun(&origin, &half).await;
        assert!(half.tamper(statement).await > 0);
        assert_foreign(&origin, &half, why).await;
    }
}

async fn a_target_whose_settings_say_something_else_is_refused<P: Place>() {
    let origin = full::<DatabaseInDirectory>().await;
    for (statement, why) in [
        (
            "UPDATE settings SET document = '{}' WHERE document IS NULL",
            "keys that were revoked since, in as many settings",
        ),
        ("UPDATE settings SET version = version - 1", "earlier versions"),
        ("UPDATE settings SET revision = revision + 100", "changes in another order"),
        ("UPDATE settings SET sealed = NULL", "other secrets"),
        (
            "UPDATE settings SET name = 'other' WHERE revision = (SELECT max(revision) FROM settings)",
            "other names",
        ),
    ] {
        let target = P::fresh().await;
        copied(&origin.url(), &target.url()).await.unwrap();
        assert!(target.tamper(statement).await > 0, "{why}");
        assert_foreign(&origin, &target, why).await;
    }
    for (statement, why) in [
        ("DELETE FROM ledger", "a store of which only the ledger is gone"),
        ("DELETE FROM ledger; DELETE FROM settings", "what else comes at the end"),
    ] {
        let target = P::fresh().await;
        copied(&origin.url(), &target.url()).await.unwrap();
        target.tamper(statement).await;
        assert_foreign(&origin, &target, why).await;
    }
}

async fn uses_of_keys_alone_are_in_no_copys_way<P: Place>() {
    let origin = DatabaseInDirectory::fresh().await;
    origin.open().await.close(true).await.unwrap();
    assert_eq!(
        origin
            .tamper("INSERT INTO key_uses (name, used_at) VALUES ('ci', 11)")
            .await,
        1
    );
    let target = P::fresh().await;
    target.open().await.close(true).await.unwrap();
    target
        .tamper("INSERT INTO key_uses (name, used_at) VALUES ('ci', 1), ('ops', 2)")
        .await;
    for _ in 0..2 {
        assert!(copied(&origin.url(), &target.url()).await.unwrap().is_equal());
    }
    assert_eq!(target.number("SELECT max(used_at) FROM key_uses").await, 11);
}

async fn a_source_that_worked_meanwhile_is_refused<P: Place>() {
    let table = [(State::Delivered, "a delivery"), (State::Queued, "a failed try")];
    for (state, why) in table {
        let origin = filled::<DatabaseInDirectory>().await;
        let target = P::fresh().await;
        begun(&origin, &target).await;
        let store = origin.open().await;
        let mut claimed = store.claim(customer("acme"), 1).await.unwrap();
        let Leased { notification, lease } = claimed.pop().unwrap();
        let outcome = settlement(&notification, state, AnswerKind::Unavailable);
        store.settle(outcome, lease).await.unwrap();
        store.close(true).await.unwrap();
        assert_foreign(&origin, &target, why).await;
        assert_eq!(target.number("SELECT count(*) FROM ledger").await, 0, "{why}: not complete");
    }
}

async fn assert_foreign(origin: &impl Place, target: &impl Place, why: &str) {
    let before = target.number("SELECT count(*) FROM notifications").await;
    let refused = copied(&origin.url(), &target.url()).await;
    assert!(matches!(refused, Err(CopyError::Foreign { .. })), "{why}: {refused:?}");
    let after = target.number("SELECT count(*) FROM notifications").await;
    assert_eq!(before, after, "{why}: nothing was written");
}

on_both!(
    a_target_that_holds_something_else_is_refused,
    a_target_whose_settings_say_something_else_is_refused,
    uses_of_keys_alone_are_in_no_copys_way,
    a_source_that_worked_meanwhile_is_refused,
);

#[tokio::test]
async fn what_is_in_use_is_refused() {
    let (file, server) = (filled::<DatabaseInDirectory>().await, TestDatabase::fresh().await);
    let store = Place::open(&file).await;
    let refused = copied(&file.url(), &server.url()).await;
    let in_use = matches!(&refused, Err(CopyError::Source(ConnectError::Store(StoreError::InUse { .. }))));
    assert!(in_use, "a file: {refused:?}");
    store.close(true).await.unwrap();

    let replica = Place::open(&server).await;
    let refused = copied(&file.url(), &server.url()).await;
    let in_use = matches!(&refused, Err(CopyError::Target(ConnectError::InUse { count: 1 })));
    assert!(in_use, "a target: {refused:?}");
    server
        .tamper("DROP TABLE redrives; DELETE FROM _sqlx_migrations WHERE version >= 4")
        .await;
    let refused = copied(&file.url(), &server.url()).await;
    assert!(matches!(refused, Err(CopyError::Target(ConnectError::InUse { count: 1 }))), "an older one");
    let made = "SELECT count(*) FROM pg_class WHERE oid = to_regclass('redrives')";
    assert_eq!(server.number(made).await, 0, "and its tables stay as they are");
    replica.close(false).await.unwrap();
    let server = TestDatabase::fresh().await;
    Place::open(&server).await.close(true).await.unwrap();

    let refused = copied(&file.url(), &file.url()).await;
    let same = matches!(&refused, Err(CopyError::Target(ConnectError::Store(StoreError::InUse { .. }))));
    assert!(same, "a file onto itself: {refused:?}");
    let refused = copied(&server.url(), &server.url()).await;
    let same = matches!(&refused, Err(CopyError::Target(ConnectError::Starting)));
    assert!(same, "a database onto itself: {refused:?}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let file = filled::<DatabaseInDirectory>().await;
    let blob = "UPDATE notifications SET customer = CAST(customer AS BLOB) \
                WHERE customer = 'acme' AND event_key = 'dead'";
    assert_eq!(file.tamper(blob).await, 1);
    let server = TestDatabase::fresh().await;
    let refused = copied(&file.url(), &server.url()).await;
    assert!(matches!(refused, Err(CopyError::Row { seq: 4, .. })), "{refused:?}");
    assert_eq!(server.number("SELECT count(*) FROM ledger").await, 0, "it is not complete");
}
