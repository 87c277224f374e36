//! Faults of rows.

use super::{Place, assert_found, faults, fill, filled, on_both};
use crate::store::check::{Fault, check};
use crate::store::examples::{accept, accept_leased, customer, new};
use crate::store::postgres::tests::TestDatabase;
use crate::store::sqlite::tests::DatabaseInDirectory;

async fn each_fault_of_a_row_is_found<P: Place>() {
    let table = [
        (
            "UPDATE notifications SET state = 'limbo' WHERE customer = 'acme' AND event_key = 'dead'",
            &[
                (Fault::Unreadable, 1),
                (Fault::LedgerAndRows, 1),
                (Fault::MinuteAndRows, 1),
                (Fault::UndeliveredWrong, 1),
            ][..],
            "a state that is none",
        ),
        (
            "UPDATE notifications SET stage = 'limbo' WHERE event_key = 'evt_prove'",
            &[(Fault::Unreadable, 3)],
            "a stage that is none",
        ),
        (
            "UPDATE notifications SET settled_at = 5 WHERE customer = 'acme' AND event_key = 'queued'",
            &[(Fault::SettledAt, 1)],
            "an end that has not come",
        ),
        (
            "UPDATE notifications SET settled_at = NULL WHERE customer = 'acme' AND event_key = 'dead'",
            &[(Fault::SettledAt, 1)],
            "an end without a time",
        ),
        (
            "DELETE FROM events WHERE seq = (SELECT max(seq) FROM notifications)",
            &[(Fault::EventGone, 1)],
            "a lost event",
        ),
        (
            "DELETE FROM notifications WHERE customer = 'acme' AND event_key = 'evt_first_try'",
            &[
                (Fault::LedgerAndRows, 1),
                (Fault::MinuteAndRows, 1),
                (Fault::EventOrphaned, 1),
            ],
            "a lost row",
        ),
        (
            "DELETE FROM notifications WHERE customer = 'acme' AND event_key = 'dead'",
            &[
                (Fault::LedgerAndRows, 1),
                (Fault::MinuteAndRows, 1),
                (Fault::UndeliveredWrong, 1),
                (Fault::EventOrphaned, 1),
            ],
            "a lost dead letter",
        ),
        (
            "UPDATE notifications SET payload_end = 100000 WHERE customer = 'acme' AND event_key = 'queued'",
            &[(Fault::PayloadOutside, 1)],
            "a payload beyond the event",
        ),
        (
            "UPDATE notifications SET payload_end = 3, payload_start = 3 WHERE event_key = 'queued'",
            &[(Fault::PayloadOutside, 3)],
            "a payload of nothing",
        ),
    ];
    assert_found::<P>(&table).await;
}

async fn many_faults_are_counted_over_all_batches<P: Place>() {
    let place = P::fresh().await;
    let store = place.open().await;
    let posts = (0..2100).map(|number| store.accept(new("acme", &format!("evt_{number}")), false));
    for accepted in futures_util::future::join_all(posts).await {
        accepted.unwrap();
    }
    store.close(true).await.unwrap();
    place.tamper("UPDATE notifications SET settled_at = 5").await;
    let report = check(&place.url()).await.unwrap();
    assert_eq!(report.notifications, 2100);
    assert_eq!(faults(&report), [(Fault::SettledAt, 2100)]);
    assert_eq!(report.findings[0].examples.len(), 5);
}

async fn what_was_set_aside_is_no_error<P: Place>() {
    let place = P::fresh().await;
    let store = place.open().await;
    for id in ["evt_stage", "evt_redrive", "evt_payload", "evt_event", "evt_good"] {
        accept(&store, new("acme", id)).await;
    }
    for statement in [
        "UPDATE notifications SET stage = 'limbo' WHERE event_key = 'evt_stage'",
        "UPDATE notifications SET redrive = digest WHERE event_key = 'evt_redrive'",
        "UPDATE notifications SET payload_end = 100000 WHERE event_key = 'evt_payload'",
        "DELETE FROM events WHERE seq = (SELECT seq FROM notifications WHERE event_key = 'evt_event')",
    ] {
        assert_eq!(place.tamper(statement).await, 1, "{statement}");
    }
    assert_eq!(store.claim(customer("acme"), 10).await.unwrap().len(), 1);
    store.close(true).await.unwrap();
    let report = check(&place.url()).await.unwrap();
    assert_eq!(faults(&report), [(Fault::SetAside, 4)], "{:?}", report.findings);
    assert!(report.is_sound());
}

on_both!(
    each_fault_of_a_row_is_found,
    many_faults_are_counted_over_all_batches,
    what_was_set_aside_is_no_error,
);

#[tokio::test]
async fn a_flipped_byte_of_an_event_is_found() {
    let file = filled::<DatabaseInDirectory>().await;
    let flip = "UPDATE events SET body = CAST(replace(body, 'paid', 'pAid') AS BLOB) \
                WHERE seq = (SELECT seq FROM notifications WHERE customer = 'acme' AND event_key = 'queued')";
    assert_eq!(file.tamper(flip).await, 1);
    let report = check(&file.url()).await.unwrap();
    assert_eq!(faults(&report), [(Fault::EventChanged, 1)]);

    let server = filled::<TestDatabase>().await;
    let flip = "UPDATE events SET body = set_byte(body, 4, 200) WHERE customer = 'acme'";
    assert_eq!(server.tamper(flip).await, 8);
    let report = check(&server.url()).await.unwrap();
    assert_eq!(faults(&report), [(Fault::EventChanged, 8)]);
}

#[tokio::test]
async fn what_cannot_be_read_at_all_is_found_in_a_file() {
    let file = filled::<DatabaseInDirectory>().await;
    let blob = "UPDATE notifications SET customer = CAST(customer AS BLOB) \
                WHERE customer = 'acme' AND event_key = 'dead'";
    assert_eq!(file.tamper(blob).await, 1);
    let report = check(&file.url()).await.unwrap();
    let right = [
        (Fault::Unreadable, 1),
        (Fault::LedgerAndRows, 1),
        (Fault::MinuteAndRows, 1),
    ];
    assert_eq!(faults(&report), right);
}

#[tokio::test]
async fn a_queue_that_is_not_that_of_the_notifications_is_found() {
    let database = TestDatabase::new().await;
    let store = Place::open(&database).await;
    fill(&store).await;
    let (_, lease) = accept_leased(&store, new("acme", "evt_leased")).await;
    let report = check(&database.url()).await.unwrap();
    assert_eq!(report.findings, [], "beside a replica that holds something");
    drop(lease);
    store.close(true).await.unwrap();

    let table = [
        (
            "UPDATE queue SET owner = 4711 WHERE seq = (SELECT min(seq) FROM queue WHERE customer = 'acme')",
            Fault::OwnerUnknown,
        ),
        ("DELETE FROM queue WHERE seq = (SELECT max(seq) FROM queue)", Fault::OutOfQueue),
        ("UPDATE queue SET due_at = due_at + 1 WHERE seq = (SELECT max(seq) FROM queue)", Fault::OutOfQueue),
        (
            "INSERT INTO queue (customer, seq, due_at) \
             SELECT customer, seq, due_at FROM notifications WHERE customer = 'acme' AND event_key = 'dead'",
            Fault::QueuedAtEnd,
        ),
        ("INSERT INTO queue (customer, seq, due_at) VALUES ('acme', 4711, 1)", Fault::QueueOrphaned),
    ];
    for (number, (statement, _)) in (1..).zip(&table) {
        assert_eq!(database.tamper(statement).await, 1, "{number}: {statement}");
    }
    let report = check(&database.url()).await.unwrap();
    let right = [
        (Fault::OwnerUnknown, 1),
        (Fault::OutOfQueue, 2),
        (Fault::QueuedAtEnd, 1),
        (Fault::QueueOrphaned, 1),
    ];
    assert_eq!(faults(&report), right);
    assert!(report.findings[0].examples[0].ends_with("(run 4711)"));
}
