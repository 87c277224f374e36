//! Faults of what is counted, and of the list of what was not delivered.

use super::{Place, assert_found, faults, filled, on_both, settle};
use crate::domain::{State, Timestamp};
use crate::store::NewNotification;
use crate::store::check::{Fault, check};
use crate::store::examples::{accept_leased, new};

async fn each_wrong_count_is_found<P: Place>() {
    let table = [
        (
            "UPDATE ledger SET delivered = delivered - 2 WHERE customer = 'acme'",
            &[(Fault::LedgerAndRows, 1), (Fault::LedgerBalance, 1)][..],
            "a count that is too small",
        ),
        (
            "UPDATE ledger SET queued = queued + 1, accepted = accepted + 1 WHERE customer = 'acme'",
            &[(Fault::LedgerAndRows, 1)],
            "one that waits and is not there",
        ),
        ("UPDATE ledger SET accepted = accepted + 1", &[(Fault::LedgerBalance, 3)], "counts off by one"),
        (
            "DELETE FROM ledger WHERE customer = 'acme'",
            &[(Fault::LedgerAndRows, 1)],
            "a customer without counts",
        ),
        (
            "UPDATE ledger_minutes SET delivered = delivered + 1 WHERE customer = 'acme' \
             AND minute = (SELECT max(minute) FROM ledger_minutes WHERE customer = 'acme')",
            &[(Fault::MinuteAndRows, 1), (Fault::MinuteBalance, 1)],
            "a count of a minute that is too large",
        ),
        (
            "UPDATE ledger_minutes SET pruned_dead = pruned_dead + 1 WHERE customer = 'acme' \
             AND minute = (SELECT max(minute) FROM ledger_minutes WHERE customer = 'acme')",
            &[(Fault::MinuteAndRows, 1)],
            "one that was not let go of",
        ),
        (
            "UPDATE notifications SET accepted_at = accepted_at + 3600000 \
             WHERE customer = 'acme' AND event_key = 'filtered'",
            &[(Fault::MinuteAndRows, 2)],
            "a row that was counted in another minute",
        ),
        (
            "DELETE FROM undelivered WHERE seq = \
             (SELECT seq FROM notifications WHERE customer = 'acme' AND event_key = 'expired')",
            &[(Fault::UndeliveredMissing, 1)],
            "an end that nobody finds",
        ),
        (
            "DELETE FROM undelivered WHERE seq = \
             (SELECT seq FROM notifications WHERE customer = 'acme' AND event_key = 'dead')",
            &[(Fault::UndeliveredMissing, 1), (Fault::DeadGroup, 1)],
            "a dead letter that nobody finds",
        ),
        (
            "UPDATE undelivered SET reason = 'exhausted' WHERE customer = 'acme' AND state = 'expired'",
            &[(Fault::UndeliveredWrong, 1)],
            "another reason",
        ),
        (
            "UPDATE dead_groups SET dead = dead - 1 WHERE customer = 'acme'",
            &[(Fault::DeadGroup, 1)],
            "a kind of which there are more",
        ),
        (
            "UPDATE dead_groups SET outcome = 'rejected'",
            &[(Fault::DeadGroup, 6)],
            "kinds of which there are none, and others that nobody counts",
        ),
    ];
    assert_found::<P>(&table).await;
}

async fn one_too_many_of_the_undelivered_is_found<P: Place>() {
    let place = filled::<P>().await;
    let (statement, right) = if P::IS_SHARED {
        (
            "INSERT INTO undelivered (customer, seq, event_type, state, reason, outcome, settled_at, words) \
             SELECT customer, seq, event_type, 'dead', 'rejected', '', 1, '' FROM notifications \
             WHERE customer = 'acme' AND event_key = 'delivered'",
            &[(Fault::UndeliveredWrong, 1), (Fault::DeadGroup, 1)][..],
        )
    } else {
        (
            "INSERT INTO undelivered (customer, seq, event_type, state, reason, outcome, settled_at) \
             SELECT customer, seq, event_type, 'dead', 'rejected', '', 1 FROM notifications \
             WHERE customer = 'acme' AND event_key = 'delivered'",
            &[
                (Fault::UndeliveredWrong, 1),
                (Fault::WordsMissing, 1),
                (Fault::DeadGroup, 1),
            ][..],
        )
    };
    assert_eq!(place.tamper(statement).await, 1);
    assert_eq!(faults(&check(&place.url()).await.unwrap()), right);
}

async fn a_lost_minute_is_found_and_one_that_was_let_go_of_is_none<P: Place>() {
    let place = P::fresh().await;
    let store = place.open().await;
    for (id, minute) in [("evt_1", 1), ("evt_2", 2), ("evt_3", 4), ("evt_4", 5)] {
        let new = NewNotification {
            accepted_at: Timestamp::of_minute(29_400_000 + minute),
            ..new("acme", id)
        };
        let (notification, lease) = accept_leased(&store, new).await;
        settle(&store, &notification, lease, State::Dead).await;
    }
    store.close(true).await.unwrap();
    assert_eq!(
        place
            .tamper("DELETE FROM ledger_minutes WHERE minute < 29400004")
            .await,
        2
    );
    assert_eq!(check(&place.url()).await.unwrap().findings, []);
    assert_eq!(
        place
            .tamper("DELETE FROM ledger_minutes WHERE minute = 29400005")
            .await,
        1
    );
    let report = check(&place.url()).await.unwrap();
    assert_eq!(faults(&report), [(Fault::MinuteAndRows, 1)]);
    let right = "acme at 2025-11-24T16:05:00.000Z (counts 0 dead, has 1)";
    assert_eq!(report.findings[0].examples, [right]);
    // Of none that is left nothing can be said.
    assert_eq!(place.tamper("DELETE FROM ledger_minutes").await, 1);
    assert_eq!(check(&place.url()).await.unwrap().findings, []);
}

on_both!(
    each_wrong_count_is_found,
    one_too_many_of_the_undelivered_is_found,
    a_lost_minute_is_found_and_one_that_was_let_go_of_is_none,
);
