//! Events that are larger than a page: what is read of them, and when.

use std::os::unix::fs::FileExt;

use sqlx::{AssertSqlSafe, Row, SqlSafeStr};

use super::DatabaseInDirectory;
use crate::store::check;
use crate::store::examples::{accept, customer, new, with_event};
use crate::store::sqlite::{DatabaseFile, claim, connect};
use crate::store::{ClaimLimit, NewNotification};

const PAGE: usize = 4096;

/// Breaks the chain of each page that holds nothing but `filler`, so that no event beyond its first page can be read.
fn break_events(database: &DatabaseInDirectory, filler: u8) -> usize {
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(database.path())
        .unwrap();
    let pages = std::fs::read(database.path()).unwrap();
    let mut broken = 0;
    for (number, page) in (0..).zip(pages.chunks(PAGE)) {
        if page[4..].iter().all(|byte| *byte == filler) {
            file.write_all_at(&[0xff; 4], number * PAGE as u64).unwrap();
            broken += 1;
        }
    }
    broken
}

#[tokio::test]
async fn a_claim_reads_no_event_that_it_does_not_take() {
    let database = DatabaseInDirectory::new();
    let store = database.open().await.unwrap();
    let size = 100_000;
    let large = with_event(new("acme", "evt_1"), vec![b'x'; size]);
    accept(
        &store,
        NewNotification {
            payload: 0..size,
            ..large
        },
    )
    .await;
    store.close(true).await.unwrap();
    assert!(break_events(&database, b'x') > 20);

    let store = database.open().await.unwrap();
    let claim = async |bytes| {
        store
            .claim_within(customer("acme"), ClaimLimit { rows: 9, bytes })
            .await
    };
    let taken = claim(size - 1).await.unwrap();
    assert_eq!((taken.rows.len(), taken.next), (0, Some(size)));
    assert!(claim(size).await.is_err(), "only now is it read");
}

#[tokio::test]
async fn nothing_is_sorted_beside_its_event() {
    let database = DatabaseInDirectory::new();
    database.open().await.unwrap().close(true).await.unwrap();
    let file = DatabaseFile::lock(database.path().to_str().unwrap()).unwrap();
    let mut connection = connect(&file, false).await.unwrap();
    let of_check = check::of_file();
    for statement in [claim::DUE, claim::SIZES, claim::ROWS, of_check.as_str()] {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")).into_sql_str();
        let steps = sqlx::query(explain).fetch_all(&mut connection).await.unwrap();
        let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{statement}: {steps:?}");
    }
}
