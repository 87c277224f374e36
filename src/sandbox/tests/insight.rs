//! Looking into the sandbox, from Rust and over HTTP.

use serde_json::json;

use super::{Desk, MSG, event, seen};
use crate::sandbox::{Faults, SandboxOptions};

#[actix_web::test]
async fn requests_are_recorded_with_what_they_asked_and_were_answered() {
    let mut desk = Desk::new();
    desk.keyed("k", event("evt_1")).await;
    desk.token = "wrong".to_owned();
    desk.get("/api/v1/app/sandbox/endpoint").await;
    desk.get("/api/v1/health").await;
    let records = desk.sandbox.requests();
    assert_eq!(records.len(), 3);
    let (post, get) = (&records[0], &records[1]);
    assert_eq!((post.method.as_str(), post.path.as_str(), post.status), ("POST", MSG, Some(202)));
    assert_eq!((post.event_id.as_deref(), post.idempotency_key.as_deref()), (Some("evt_1"), Some("k")));
    assert_eq!((post.token_accepted, post.body_len), (true, event("evt_1").len()));
    assert_eq!((get.status, get.token_accepted), (Some(401), false));
    assert_ne!(post.authorization, get.authorization);
    assert!(
        post.authorization
            .as_ref()
            .is_some_and(|print| print.len() == 16 && !print.contains("sandbox"))
    );
    assert!(post.arrival <= get.arrival && post.arrival_ms <= get.arrival_ms);
    assert_eq!(desk.sandbox.request_count(), 2, "the state of the server is not counted");
    assert_eq!((desk.sandbox.answered_with(202), desk.sandbox.answered_with(401)), (1, 1));
}

#[actix_web::test]
async fn the_rate_is_told_only_where_every_request_was_recorded() {
    let desk = Desk::new();
    for number in 0..4 {
        desk.post(MSG, event(&format!("evt_{number}"))).await;
    }
    assert!(desk.sandbox.max_over_rate(4.0, 1.0) <= 0.0);
    assert!(desk.sandbox.max_over_rate(3.0, 0.0) > 0.0);
    for options in [
        SandboxOptions {
            record: false,
            ..SandboxOptions::default()
        },
        SandboxOptions {
            max_records: 1,
            ..SandboxOptions::default()
        },
    ] {
        let desk = Desk::with(options);
        desk.post(MSG, event("evt_1")).await;
        desk.post(MSG, event("evt_2")).await;
        assert!(desk.sandbox.max_over_rate(1e9, 1e9).is_infinite());
        assert!(desk.sandbox.requests().len() <= 1);
        assert_eq!(desk.sandbox.request_count(), 2);
    }
}

#[actix_web::test]
async fn faults_are_read_and_set_over_http() {
    let desk = Desk::new();
    let put =
        async |body: &'static str| seen(desk.request("PUT", "/sandbox/faults").send_body(body).await).await;
    let set = put(r#"{"status":503,"retryAfter":"7","faultLimit":1}"#)
        .await
        .expect("an answer");
    assert_eq!((set.status, &set.json()["retryAfter"]), (200, &json!("7")));
    assert_eq!(
        desk.sandbox.faults(),
        Faults {
            retry_after: Some("7".into()),
            fault_limit: Some(1),
            ..Faults::answering(503)
        }
    );
    assert_eq!(desk.get("/sandbox/faults").await.json(), set.json(), "no fault touches this");
    for wrong in [
        r#"{"statsu":503}"#,
        r#"{"hangRatio":2}"#,
        r#"{"status":7}"#,
        "{\"retryAfter\":\"a\\nb\"}",
        "{",
    ] {
        let refused = put(wrong).await.expect("an answer");
        assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("invalid_faults")), "{wrong}");
    }
    assert_eq!(desk.keyed("k", event("evt_1")).await.status, 503, "what was refused changed nothing");
}

#[actix_web::test]
async fn messages_and_counts_are_shown_over_http() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        drop_ratio: 1.0,
        lose_dispatch_ratio: 1.0,
        fault_limit: Some(1),
        ..Faults::default()
    });
    assert!(desk.try_keyed("k", event("evt_1")).await.is_err());
    desk.keyed("l", event("evt_2")).await;
    let shown = desk.get("/sandbox/messages?limit=1").await.json();
    assert_eq!(shown["count"], json!(2));
    let message = &shown["messages"][0];
    assert_eq!(
        (&message["eventId"], &message["attempts"], &message["payload"]),
        (&json!("evt_2"), &json!(1), &json!({"n": 1.5}))
    );
    let counts = desk.get("/sandbox/requests").await.json();
    assert_eq!(
        counts,
        json!({"requests": 2, "messages": 2, "undispatched": 1, "unanswered": 1, "byStatus": {"202": 1}})
    );
}
