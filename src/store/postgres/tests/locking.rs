//! What is locked, and in which order, so that replicas neither wait for each other for ever nor pass each other by.

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::{TestDatabase, execute};
use crate::domain::{Customer, State};
use crate::store::changes::Changes;
use crate::store::check::tests::settle;
use crate::store::examples::{accept_leased, customer, eventually, find, new};
use crate::store::postgres::remove;
use crate::store::{DeadLetters, Redrive, RedriveStep, Store};

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
