//! Endpoints, and the attempts to deliver to them.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Desk, MSG, event, eventually};
use crate::sandbox::{EndpointOptions, Faults, SandboxOptions};

#[actix_web::test]
async fn endpoints_are_listed_in_pages() {
    let desk = Desk::new();
    let some = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let plain = EndpointOptions::default();
    let ids = desk.sandbox.set_endpoints(
        "sandbox",
        vec![
            plain.clone(),
            EndpointOptions {
                disabled: true,
                ..plain.clone()
            },
            EndpointOptions {
                filter_types: some(&["a"]),
                channels: some(&["c"]),
                ..plain
            },
        ],
    );
    let first = desk.get("/api/v1/app/sandbox/endpoint?limit=2").await.json();
    assert_eq!((&first["done"], &first["iterator"]), (&json!(false), &json!(ids[1])));
    assert_eq!(first["data"][1]["disabled"], json!(true));
    let rest = desk
        .get(&format!("/api/v1/app/sandbox/endpoint?limit=2&iterator={}", ids[1]))
        .await
        .json();
    assert_eq!((&rest["done"], &rest["prevIterator"]), (&json!(true), &json!(format!("-{}", ids[2]))));
    let last = &rest["data"][0];
    assert_eq!(
        (&last["id"], &last["filterTypes"], &last["channels"]),
        (&json!(ids[2]), &json!(["a"]), &json!(["c"]))
    );
    assert_eq!(desk.get("/api/v1/app/sandbox/endpoint?limit=251").await.status, 422);
    assert_eq!(desk.get("/api/v1/app/nowhere/endpoint").await.status, 404);
    let kept = desk
        .sandbox
        .set_endpoints("sandbox", vec![EndpointOptions::default()]);
    assert_eq!(kept, ids[..1], "an endpoint keeps its id");
}

#[actix_web::test]
async fn a_message_that_matches_an_endpoint_has_an_attempt_and_another_has_none() {
    let desk = Desk::new();
    let only = EndpointOptions {
        filter_types: Some(vec!["order.created".into()]),
        ..EndpointOptions::default()
    };
    let ids = desk.sandbox.set_endpoints("sandbox", vec![only]);
    desk.post(MSG, event("evt_1")).await;
    desk.post(MSG, r#"{"eventType":"else","eventId":"evt_2","payload":{}}"#)
        .await;
    let attempts = desk.get("/api/v1/app/sandbox/attempt/msg/evt_1").await.json();
    let attempt = &attempts["data"][0];
    assert_eq!(attempts["done"], json!(true));
    assert_eq!(
        (&attempt["endpointId"], &attempt["status"], &attempt["triggerType"]),
        (&json!(ids[0]), &json!(0), &json!(0))
    );
    assert_eq!(attempt["msgId"], json!(desk.sandbox.messages()[0].message_id));
    let none = desk.get("/api/v1/app/sandbox/attempt/msg/evt_2").await.json();
    assert_eq!(none, json!({"data": [], "iterator": null, "prevIterator": null, "done": true}));
    assert!(desk.sandbox.undispatched().is_empty(), "no endpoint gets the second");
    assert_eq!(desk.get("/api/v1/app/sandbox/attempt/msg/evt_3").await.status, 404);
}

#[actix_web::test]
async fn a_resend_makes_a_manual_attempt() {
    let desk = Desk::new();
    let ids = desk
        .sandbox
        .set_endpoints("sandbox", vec![EndpointOptions::default()]);
    desk.post(MSG, event("evt_1")).await;
    let resend = |endpoint: &str| format!("/api/v1/app/sandbox/msg/evt_1/endpoint/{endpoint}/resend");
    assert_eq!(desk.post(&resend(&ids[0]), "").await.status, 202);
    assert_eq!(desk.post(&resend("ep_unknown"), "").await.status, 404);
    let attempts = desk
        .get("/api/v1/app/sandbox/attempt/msg/evt_1?limit=1")
        .await
        .json();
    assert_eq!(
        (&attempts["data"][0]["triggerType"], &attempts["done"]),
        (&json!(1), &json!(false)),
        "newest first"
    );
    assert_eq!(desk.sandbox.messages()[0].attempts, 2);
}

#[actix_web::test]
async fn attempts_come_after_the_dispatch_delay() {
    let desk = Desk::with(SandboxOptions {
        dispatch_delay: Duration::from_millis(50),
        ..SandboxOptions::default()
    });
    let taken = Instant::now();
    desk.post(MSG, event("evt_1")).await;
    eventually("the attempt", || desk.sandbox.undispatched().is_empty()).await;
    assert!(taken.elapsed() >= Duration::from_millis(49));
}

#[actix_web::test]
async fn an_attempt_of_an_endpoint_that_fails_is_shown_as_failed_and_proves_no_dispatch() {
    let desk = Desk::new();
    desk.sandbox.set_faults(Faults {
        lose_any_dispatch_ratio: 1.0,
        ..Faults::default()
    });
    let failing = |failing| EndpointOptions {
        failing,
        ..EndpointOptions::default()
    };
    let ids = desk.sandbox.set_endpoints("sandbox", vec![failing(true)]);
    desk.post(MSG, event("evt_1")).await;
    let resend = format!("/api/v1/app/sandbox/msg/evt_1/endpoint/{}/resend", ids[0]);
    for (fails, status, undispatched) in [(true, 2, 1), (false, 0, 0)] {
        desk.sandbox.set_endpoints("sandbox", vec![failing(fails)]);
        assert_eq!(desk.post(&resend, "{}").await.status, 202);
        let attempts = desk.get("/api/v1/app/sandbox/attempt/msg/evt_1").await.json();
        let latest = &attempts["data"][0];
        assert_eq!((&latest["status"], &latest["triggerType"]), (&json!(status), &json!(1)));
        assert_eq!(desk.sandbox.undispatched().len(), undispatched);
    }
}
