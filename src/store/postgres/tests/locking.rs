//! What is locked, and in which order, so that replicas neither wait for each other for ever nor pass each other by.

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::{TestDatabase, execute};
use crate::domain::{Customer, KeyDigest, State};
use crate::store::changes::Changes;
use crate::store::check::tests::settle;
use crate::store::examples::{accept_leased, customer, eventually, find, new};
use crate::store::postgres::{SETTINGS_LOCK, remove};
use crate::store::{
    DeadLetters, Expected, KeySource, Redrive, RedriveStep, SettingCause, SettingChange, SettingChanged,
    SettingKind, Store,
};

impl TestDatabase {
    /// Makes a database in which rows are looked for one by one, as they are given.
    async fn one_by_one() -> Self {
        let database = Self::new().await;
        let mut connection = database.connect().await;
        for plan in ["hashjoin", "mergejoin", "seqscan", "bitmapscan"] {
            execute(&mut connection, format!("ALTER DATABASE {} SET enable_{plan} = off", database.name))
                .await;
        }
        database
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.options()).await.unwrap()
    }
}

/// Lets notifications die; returns the rows of the newest and of the oldest.
async fn dead_letters(database: &TestDatabase, store: &Store) -> Vec<(Customer, i64)> {
    let mut rows = Vec::new();
    for number in 0..40 {
        let (notification, lease) = accept_leased(store, new("acme", &format!("evt_{number}"))).await;
        settle(store, &notification, lease, State::Dead).await;
        rows.insert(0, (customer("acme"), find(store, notification.id).await.row));
    }
    database.tamper("ANALYZE notifications").await;
    rows.drain(1..39);
    rows
}

/// Keeps the newest locked until the work has locked the oldest.
async fn assert_oldest_first<T>(database: &TestDatabase, work: impl Future<Output = T>) -> T {
    let mut holder = database.connect().await;
    let newest = "BEGIN; SELECT 1 FROM notifications ORDER BY seq DESC LIMIT 1 FOR UPDATE";
    execute(&mut holder, newest.to_owned()).await;
    let oldest = "SELECT count(*) FROM ( \
                    SELECT 1 FROM notifications WHERE seq = (SELECT min(seq) FROM notifications) \
                    FOR UPDATE SKIP LOCKED) AS free";
    let release = async {
        eventually("the oldest is locked", async || database.number(oldest).await == 0).await;
        execute(&mut holder, "COMMIT".to_owned()).await;
    };
    tokio::join!(work, release).0
}

#[tokio::test]
async fn dead_letters_that_are_purged_are_locked_oldest_first() {
    let database = TestDatabase::one_by_one().await;
    let store = database.open().await;
    let letters = DeadLetters {
        rows: dead_letters(&database, &store).await,
        ..DeadLetters::default()
    };
    let purged = assert_oldest_first(&database, store.purge(letters)).await;
    assert_eq!(purged.unwrap(), 2);
}

#[tokio::test]
async fn dead_letters_that_are_sent_again_are_locked_oldest_first() {
    let database = TestDatabase::one_by_one().await;
    let store = database.open().await;
    let letters = DeadLetters {
        rows: dead_letters(&database, &store).await,
        ..DeadLetters::default()
    };
    let redrive = Redrive::begun(store.now());
    store.add_redrive(redrive.clone()).await.unwrap();
    let step = RedriveStep {
        redrive,
        letters,
        paced_to_us: 0,
    };
    let sent = assert_oldest_first(&database, store.redrive(step)).await;
    assert_eq!(sent.unwrap(), Some(2));
}

#[tokio::test]
async fn what_is_over_is_locked_oldest_first() {
    let database = TestDatabase::one_by_one().await;
    let store = database.open().await;
    let rows = dead_letters(&database, &store).await;
    let mut connection = database.connect().await;
    let gone = async {
        let mut transaction = connection.begin().await.unwrap();
        let gone = remove::run(&mut transaction, 0, &rows, Changes::since(0))
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        gone
    };
    assert_eq!(assert_oldest_first(&database, gone).await, 2);
}

fn put(kind: SettingKind, name: &str, document: String) -> SettingChange {
    SettingChange {
        kind,
        name: name.to_owned(),
        cause: SettingCause::Put,
        document: Some(document),
        sealed: None,
        expected: Expected::Anything,
        key: None,
    }
}

#[tokio::test]
async fn changes_of_settings_at_several_replicas_get_revisions_of_their_own() {
    let database = TestDatabase::new().await;
    let stores = [database.open().await, database.open().await];
    let changes = (0..100).map(|number| {
        let store = &stores[number % 2];
        let change = put(SettingKind::Customer, &format!("c{}", number % 8), format!("[{number}]"));
        async move {
            match store.change_setting(change).await.unwrap() {
                SettingChanged::Written { now, .. } => now.revision,
                other => panic!("{other:?}"),
            }
        }
    });
    let mut revisions = futures_util::future::join_all(changes).await;
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn replicas_that_revoke_the_last_two_admins_leave_one() {
    let database = TestDatabase::new().await;
    let stores = [database.open().await, database.open().await];
    for round in 0..20 {
        for name in ["one", "two"] {
            let hash = KeyDigest::of(name);
            let document = format!(r#"{{"scopes": ["admin"], "hash": "{hash}"}}"#);
            stores[0]
                .change_setting(put(SettingKind::Key, name, document))
                .await
                .unwrap();
        }
        let revoked = ["one", "two"].iter().zip(&stores).map(|(name, store)| {
            store.change_setting(SettingChange {
                cause: SettingCause::Delete,
                document: None,
                expected: Expected::NotLastAdmin,
                ..put(SettingKind::Key, name, String::new())
            })
        });
        let revoked = futures_util::future::join_all(revoked).await;
        let kept = revoked
            .iter()
            .filter(|changed| matches!(changed, Ok(SettingChanged::Refused(Some(_)))))
            .count();
        assert_eq!(kept, 1, "round {round}: {revoked:?}");
    }
}

#[tokio::test]
async fn a_use_that_one_replica_writes_waits_for_what_another_revokes() {
    let database = TestDatabase::new().await;
    let store = database.open().await;
    store
        .change_setting(put(SettingKind::Key, "ci", "{}".to_owned()))
        .await
        .unwrap();
    let mut other = database.connect().await;
    let revoking = format!(
        "BEGIN; SELECT pg_advisory_xact_lock({SETTINGS_LOCK}); \
         UPDATE settings SET document = NULL; DELETE FROM key_uses"
    );
    execute(&mut other, revoking).await;
    // Not before, for the regular work might have written it by then.
    store.note_key_use("ci", KeySource::Store);
    let revoke = async {
        eventually("the use waits", async || {
            let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            database.number(waiting).await == 1
        })
        .await;
        execute(&mut other, "COMMIT".to_owned()).await;
    };
    let (closed, ()) = tokio::join!(store.close(true), revoke);
    closed.unwrap();
    assert_eq!(database.number("SELECT count(*) FROM key_uses").await, 0);
}
