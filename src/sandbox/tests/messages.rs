//! Posting and reading messages, without faults.

use serde_json::json;

use super::{DEFAULT_TOKEN, Desk, MSG, event};
use crate::sandbox::SandboxOptions;
use crate::sandbox::body::MAX_BODY;

#[actix_web::test]
async fn a_message_is_taken_and_shown_in_svix_s_form() {
    let desk = Desk::new();
    let answer = desk.post(MSG, event("evt_1")).await;
    assert_eq!(answer.status, 202);
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let start = r#"{"eventId":"evt_1","eventType":"order.created","payload":{},"channels":null,"id":"msg_"#;
    assert!(text.starts_with(start), "{text}");
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(id.len(), 31);
    assert!(
        answer.json()["timestamp"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
    for name in ["evt_1", id.as_str()] {
        let shown = desk.get(&format!("/api/v1/app/sandbox/msg/{name}/")).await;
        assert_eq!((shown.status, &shown.json()["id"]), (200, &json!(id)));
        assert_eq!(shown.json()["payload"], json!({"n": 1.5}));
        let bare = desk
            .get(&format!("/api/v1/app/sandbox/msg/{name}?with_content=false"))
            .await;
        assert_eq!(bare.json()["payload"], json!({}));
    }
    let with_content = desk.post("/api/v1/app/sandbox/msg/", event("evt_2")).await;
    assert_eq!(with_content.json()["payload"], json!({"n": 1.5}), "content is the default");
    let messages = desk.sandbox.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].payload.as_deref(), Some(br#"{"n" : 1.50}"#.as_slice()), "byte for byte");
    assert_eq!((messages[0].application.as_str(), messages[0].attempts), ("sandbox", 1));
}

#[actix_web::test]
async fn the_checks_come_in_svix_s_order() {
    let mut desk = Desk::new();
    let nowhere = "/api/v1/app/nowhere/msg";
    desk.token = "wrong".to_owned();
    let refused = desk.post(nowhere, "{").await;
    assert_eq!(
        (refused.status, &*refused.body),
        (401, br#"{"code":"authentication_failed","detail":"Invalid token"}"#.as_slice())
    );
    desk.token = DEFAULT_TOKEN.to_owned();
    assert_eq!(desk.post(nowhere, "{").await.status, 422);
    let unknown = desk.post(nowhere, event("evt_1")).await;
    assert_eq!(
        (unknown.status, &*unknown.body),
        (404, br#"{"code":"not_found","detail":"Application not found"}"#.as_slice())
    );
    assert_eq!(
        desk.post("/api/v1/app/sandbox/msg?with_content=maybe", event("evt_1"))
            .await
            .status,
        400
    );
    assert_eq!(desk.sandbox.message_count(), 0);
}

#[actix_web::test]
async fn what_is_wrong_with_a_message_is_said_where_it_is_wrong() {
    let desk = Desk::new();
    let table = [
        (r#"{"eventType":"a","payload":"x"}"#, json!(["body", "payload"]), "value_error", "no object"),
        (
            r#"{"eventType":"a b","payload":{}}"#,
            json!(["body", "event_type", "__all__"]),
            "value_error",
            "a space",
        ),
        (
            r#"{"eventType":"a","payload":{},"eventId":"msg_1"}"#,
            json!(["body", "uid", "__all__"]),
            "value_error",
            "reserved",
        ),
        ("", json!(["body"]), "value_error.jsondecode", "nothing at all"),
    ];
    for (body, place, kind, why) in table {
        let answer = desk.post(MSG, body).await;
        assert_eq!(answer.status, 422, "{why}");
        let complaint = &answer.json()["detail"][0];
        assert_eq!((&complaint["loc"], &complaint["type"]), (&place, &json!(kind)), "{why}");
    }
    let payload = desk.post(MSG, r#"{"eventType":"a","payload":[]}"#).await;
    let expected =
        r#"{"detail":[{"loc":["body","payload"],"msg":"Payload must be an object.","type":"value_error"}]}"#;
    assert_eq!(&*payload.body, expected.as_bytes());
}

#[actix_web::test]
async fn a_body_of_two_mebibytes_is_taken_and_one_byte_more_is_not() {
    let desk = Desk::new();
    let frame = r#"{"eventType":"a","payload":{"x":""}}"#.len();
    let body =
        |length: usize| format!(r#"{{"eventType":"a","payload":{{"x":"{}"}}}}"#, "y".repeat(length - frame));
    assert_eq!(desk.post(MSG, body(MAX_BODY)).await.status, 202);
    let refused = desk.post(MSG, body(MAX_BODY + 1)).await;
    assert_eq!((refused.status, &refused.json()["code"]), (413, &json!("payload_too_large")));
    assert_eq!(desk.sandbox.message_count(), 1);
}

#[actix_web::test]
async fn an_event_id_is_taken_once_in_each_application() {
    let desk = Desk::with(SandboxOptions {
        applications: vec!["sandbox".into(), "other".into()],
        ..SandboxOptions::default()
    });
    assert_eq!(desk.post(MSG, event("evt_1")).await.status, 202);
    let conflict = desk.post(MSG, event("evt_1")).await;
    assert_eq!(
        (conflict.status, &*conflict.body),
        (409, br#"{"code":"conflict","detail":"A conflict has occurred"}"#.as_slice())
    );
    assert_eq!(desk.post("/api/v1/app/other/msg", event("evt_1")).await.status, 202);
    assert_eq!(desk.get("/api/v1/app/other/msg/evt_1").await.status, 200);
    let id = desk.sandbox.messages()[0].message_id.clone();
    assert_eq!(
        desk.get(&format!("/api/v1/app/other/msg/{id}")).await.status,
        404,
        "it is another application's"
    );
    assert_eq!(desk.get("/api/v1/app/sandbox/msg/evt_2").await.status, 404);
}

#[actix_web::test]
async fn an_application_is_created_along_with_a_message() {
    let desk = Desk::new();
    let body =
        |application: &str| format!(r#"{{"eventType":"a","payload":{{}},"application":{application}}}"#);
    let table = [
        (r#"{"name":"New"}"#, 422, "application_uid_missing"),
        (r#"{"name":"New","uid":"older"}"#, 422, "application_uid_mismatch"),
    ];
    for (application, status, kind) in table {
        let answer = desk.post("/api/v1/app/newer/msg", body(application)).await;
        assert_eq!((answer.status, &answer.json()["detail"][0]["type"]), (status, &json!(kind)));
    }
    assert_eq!(
        desk.post("/api/v1/app/newer/msg", body(r#"{"name":"New","uid":"newer"}"#))
            .await
            .status,
        202
    );
    assert_eq!(
        desk.post("/api/v1/app/newer/msg", body(r#"{"name":"New","uid":"older"}"#))
            .await
            .status,
        202,
        "it exists"
    );
    assert_eq!(
        desk.get("/api/v1/app/newer/endpoint").await.json()["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[actix_web::test]
async fn health_needs_no_token_and_an_unknown_route_is_an_empty_404() {
    let mut desk = Desk::new();
    desk.token = "wrong".to_owned();
    let health = desk.get("/api/v1/health/").await;
    let expected = br#"{"database":{"status":"ok"},"queue":{"status":"ok"},"cache":{"status":"ok"}}"#;
    assert_eq!((health.status, &*health.body), (200, expected.as_slice()));
    let unknown = desk.get("/api/v1/nothing").await;
    assert_eq!((unknown.status, unknown.body.len()), (404, 0));
}

#[actix_web::test]
async fn the_token_can_be_rotated() {
    let mut desk = Desk::new();
    desk.sandbox.set_token("newer.eu");
    assert_eq!(desk.post(MSG, event("evt_1")).await.status, 401);
    desk.sandbox.accept_any_token(true);
    assert_eq!(desk.post(MSG, event("evt_1")).await.status, 202);
    desk.sandbox.accept_any_token(false);
    desk.token = "newer.eu".to_owned();
    assert_eq!(desk.post(MSG, event("evt_2")).await.status, 202);
}

#[actix_web::test]
async fn memory_is_bounded_and_the_counts_go_on() {
    let options = SandboxOptions {
        max_messages: 3,
        max_payload_bytes: 24,
        ..SandboxOptions::default()
    };
    let desk = Desk::with(options);
    for number in 1..=5 {
        desk.keyed(&format!("k{number}"), event(&format!("evt_{number}")))
            .await;
    }
    assert_eq!(desk.sandbox.message_count(), 5);
    let held: Vec<_> = desk
        .sandbox
        .messages()
        .into_iter()
        .map(|message| (message.event_id, message.payload.is_some()))
        .collect();
    let expected =
        [("evt_3", false), ("evt_4", true), ("evt_5", true)].map(|(id, kept)| (Some(id.to_owned()), kept));
    assert_eq!(held, expected);
    assert_eq!(desk.get("/api/v1/app/sandbox/msg/evt_3").await.json()["payload"], json!({"expired": true}));
    let endpoint = desk.get("/api/v1/app/sandbox/endpoint").await.json()["data"][0]["id"]
        .as_str()
        .map(str::to_owned);
    let resend = format!("/api/v1/app/sandbox/msg/evt_3/endpoint/{}/resend", endpoint.expect("an endpoint"));
    assert_eq!(desk.post(&resend, "").await.json()["code"], json!("missing_payload"));
    assert_eq!(desk.keyed("k1", event("evt_1")).await.status, 202, "it is forgotten and taken anew");
    assert_eq!(desk.sandbox.message_count(), 6);
}
