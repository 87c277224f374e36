//! Idempotency keys: replay, waiting, and what is not remembered.

use std::time::Duration;

use futures_util::future::join_all;

use super::{DEFAULT_TOKEN, Desk, MSG, event, eventually, seen};
use crate::sandbox::{Faults, SandboxOptions};

#[actix_web::test]
async fn the_same_key_is_answered_the_same_bytes_whatever_the_body() {
    let desk = Desk::new();
    let first = desk.keyed("k", event("evt_1")).await;
    assert_eq!(first.status, 202);
    for body in [event("evt_1"), event("evt_2"), "{".to_owned()] {
        assert_eq!(desk.keyed("k", body).await, first);
    }
    assert_eq!(desk.sandbox.message_count(), 1);
}

#[actix_web::test]
async fn a_key_holds_for_one_token_and_one_uri() {
    let mut desk = Desk::new();
    desk.keyed("k", event("evt_1")).await;
    let other_query = desk
        .request("POST", "/api/v1/app/sandbox/msg")
        .insert_header(("idempotency-key", "k"));
    let answer = seen(other_query.send_body(event("evt_1")).await)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 409, "the query belongs to the scope");
    desk.sandbox.set_token("newer.eu");
    desk.token = "newer.eu".to_owned();
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 409, "the token belongs to the scope");
    desk.sandbox.set_token(DEFAULT_TOKEN);
    assert_eq!(desk.sandbox.message_count(), 1);
}

#[actix_web::test]
async fn a_failure_is_not_remembered() {
    let desk = Desk::new();
    assert_eq!(desk.keyed("k", "{").await.status, 422);
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 202);
    desk.sandbox.set_faults(Faults::answering(500));
    assert_eq!(desk.keyed("l", event("evt_2")).await.status, 500);
    desk.sandbox.clear_faults();
    assert_eq!(desk.keyed("l", event("evt_2")).await.status, 202);
}

#[actix_web::test]
async fn requests_at_once_with_one_key_all_get_the_first_one_s_answer() {
    let desk = Desk::with(SandboxOptions {
        workers: 2,
        ..SandboxOptions::default()
    });
    desk.sandbox.set_faults(Faults {
        delay_ms: 20,
        fault_limit: Some(1),
        ..Faults::default()
    });
    let answers = join_all((0..8).map(|_| desk.keyed("k", event("evt_1")))).await;
    assert_eq!(answers[0].status, 202);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(desk.sandbox.message_count(), 1);
}

#[actix_web::test]
async fn who_waits_too_long_for_a_key_gets_a_bare_500() {
    let desk = Desk::with(SandboxOptions {
        key_wait: Duration::from_millis(20),
        ..SandboxOptions::default()
    });
    desk.sandbox.set_faults(Faults {
        hang_ratio: 1.0,
        fault_limit: Some(1),
        ..Faults::default()
    });
    let hung = actix_web::rt::spawn(
        desk.request("POST", MSG)
            .insert_header(("idempotency-key", "k"))
            .send_body(event("evt_1")),
    );
    eventually("the first request", || desk.sandbox.message_count() == 1).await;
    let second = desk.keyed("k", event("evt_1")).await;
    assert_eq!((second.status, second.body.len()), (500, 0));
    // The client leaves, and the key is finished.
    hung.abort();
    eventually("the connection's end", || desk.sandbox.connections() <= 1).await;
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 202);
    assert_eq!(desk.sandbox.message_count(), 1);
}

#[actix_web::test]
async fn after_its_time_a_key_is_forgotten_and_the_event_id_still_holds() {
    let desk = Desk::new();
    desk.keyed("k", event("evt_1")).await;
    desk.sandbox.forget_keys();
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 409);
    let desk = Desk::with(SandboxOptions {
        key_ttl: Duration::ZERO,
        ..SandboxOptions::default()
    });
    desk.keyed("k", event("evt_1")).await;
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 409);
}

#[actix_web::test]
async fn a_resend_with_the_same_key_makes_one_attempt() {
    let desk = Desk::new();
    let ids = desk
        .sandbox
        .set_endpoints("sandbox", vec![crate::sandbox::EndpointOptions::default()]);
    desk.keyed("k", event("evt_1")).await;
    let path = format!("/api/v1/app/sandbox/msg/evt_1/endpoint/{}/resend", ids[0]);
    for _ in 0..3 {
        let request = desk
            .request("POST", &path)
            .insert_header(("idempotency-key", "r"));
        assert_eq!(seen(request.send().await).await.expect("an answer").status, 202);
    }
    assert_eq!(desk.sandbox.messages()[0].attempts, 2);
}

#[actix_web::test]
async fn keys_and_event_ids_are_forgotten_after_their_times() {
    let desk = Desk::with(SandboxOptions {
        event_id_ttl: Some(Duration::from_secs(24 * 3600)),
        ..SandboxOptions::default()
    });
    let first = desk.keyed("k", event("evt_1")).await;
    assert_eq!(desk.keyed("k", event("evt_1")).await, first, "the key is known");
    desk.sandbox.advance(Duration::from_secs(13 * 3600));
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 409, "only the event id is known");
    desk.sandbox.advance(Duration::from_secs(12 * 3600));
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 202, "neither is known");
    assert_eq!(desk.sandbox.message_count(), 2);
}
