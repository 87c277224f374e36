//! What becomes of notifications, whatever Svix answers.

use std::time::Duration;

use serde_json::json;
use svix_hooks::sandbox::{EndpointOptions, Faults, SandboxOptions};

use crate::support::{TestApp, TestStore, event, eventually, eventually_within};

async fn post_many(app: &TestApp, prefix: &str, count: usize) {
    let posts = (0..count).map(|number| {
        let (client, event) = (app.client.clone(), event(&format!("{prefix}{number}")));
        async move { assert_eq!(client.post(&event).await.status, 202) }
    });
    let posts: Vec<_> = posts.collect();
    for chunk in chunks(posts, 64) {
        futures_util::future::join_all(chunk).await;
    }
}

fn chunks<T>(items: Vec<T>, size: usize) -> Vec<Vec<T>> {
    let mut items = items.into_iter();
    std::iter::from_fn(|| {
        Some(items.by_ref().take(size).collect::<Vec<_>>()).filter(|chunk| !chunk.is_empty())
    })
    .collect()
}

/// Waits until nothing is queued, then makes sure that each is one message that was dispatched.
async fn all_delivered_once(app: &TestApp, count: usize) {
    eventually_within(Duration::from_secs(120), "nothing is queued", async || {
        app.client.stat("delivered").await == count as i64
    })
    .await;
    let mut ids: Vec<_> = app
        .sandbox
        .messages()
        .into_iter()
        .filter_map(|message| message.event_id)
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), app.sandbox.message_count()), (count, count as u64), "each is one message");
    assert_eq!(app.sandbox.undispatched(), Vec::<String>::new());
    assert_eq!((app.client.stat("dead").await, app.client.stat("queued").await), (0, 0));
}

#[actix_web::test]
async fn a_5xx_from_svix_is_retried_and_then_dead_lettered() {
    let app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "4")]).await;
    app.sandbox.set_faults(Faults {
        body: Some("<h1>Bad Gateway</h1>".into()),
        ..Faults::answering(502)
    });
    let id = app.client.post(&event("evt_1")).await.id().to_owned();
    eventually("it is dead", async || app.client.stat("dead").await == 1).await;
    let found = app.client.get(&format!("/notifications/{id}")).await.body;
    assert_eq!((&found["state"], &found["reason"]), (&"dead".into(), &"exhausted".into()));
    assert_eq!((&found["status"], &found["detail"]), (&502.into(), &"<h1>Bad Gateway</h1>".into()));
    let attempts = found["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 4);
    assert!(attempts.iter().all(|attempt| attempt["outcome"] == "unavailable"));
}

#[actix_web::test]
async fn a_5xx_that_passes_costs_a_retry_with_the_same_key_and_address() {
    let app = TestApp::start(&[]).await;
    app.sandbox.set_faults(Faults {
        fault_limit: Some(2),
        ..Faults::answering(500)
    });
    app.client.post(&event("evt_1")).await;
    all_delivered_once(&app, 1).await;
    let sends: Vec<_> = app
        .sandbox
        .requests()
        .into_iter()
        .filter(|request| request.method == "POST")
        .collect();
    assert_eq!(sends.len(), 3);
    assert!(
        sends
            .iter()
            .all(|send| send.path == sends[0].path && send.idempotency_key == sends[0].idempotency_key)
    );
    assert_eq!((app.client.stat("retries").await, app.client.stat("failedAttempts").await), (2, 2));
}

#[actix_web::test]
async fn what_svix_rejects_is_dead_at_once_with_its_words() {
    let table = [(400, "rejected"), (413, "rejected"), (422, "rejected")];
    for (status, reason) in table {
        let app = TestApp::start(&[]).await;
        let body = r#"{"code":"bad","detail":"no good"}"#.to_owned();
        app.sandbox.set_faults(Faults {
            body: Some(body),
            ..Faults::answering(status)
        });
        let id = app.client.post(&event("evt_1")).await.id().to_owned();
        eventually("it is dead", async || app.client.stat("dead").await == 1).await;
        let found = app.client.get(&format!("/notifications/{id}")).await.body;
        assert_eq!((&found["reason"], &found["detail"]), (&reason.into(), &"bad: no good".into()));
        assert_eq!(app.sandbox.request_count(), 1, "{status} is not tried again");
    }
}

#[actix_web::test]
async fn an_unknown_application_is_unroutable_and_a_strange_404_is_not() {
    let app = TestApp::start(&[]).await;
    let settings = json!({"application": "nowhere"});
    let set = app.client.send_json("PUT", "/customers/acme", &settings).await;
    assert_eq!(set.status, 201, "{}", set.body);
    let posted = json!({"id": "evt_1", "type": "a.b", "data": {}, "customer": "acme"});
    let id = app.client.post(&posted).await.id().to_owned();
    eventually("it is dead", async || app.client.stat("dead").await == 1).await;
    assert_eq!(app.client.get(&format!("/notifications/{id}")).await.body["reason"], "unroutable");
    let app = TestApp::start(&[]).await;
    app.sandbox.set_faults(Faults {
        body: Some(String::new()),
        fault_limit: Some(3),
        ..Faults::answering(404)
    });
    app.client.post(&event("evt_1")).await;
    all_delivered_once(&app, 1).await;
}

#[actix_web::test]
async fn a_429_slows_the_account_down_and_costs_no_attempt() {
    let app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "1")]).await;
    app.sandbox.set_faults(Faults {
        retry_after: Some("1".into()),
        fault_limit: Some(40),
        ..Faults::answering(429)
    });
    post_many(&app, "evt_", 50).await;
    eventually("health says so", async || {
        let health = app.client.get("/health").await;
        health.status == 200 && health.body.to_string().contains("svix limits it until")
    })
    .await;
    assert_eq!(app.client.get("/health/ready").await.status, 200, "limits leave it ready");
    all_delivered_once(&app, 50).await;
}

#[actix_web::test]
async fn a_refused_token_pauses_the_account_and_delivery_resumes_by_itself() {
    let app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "1")]).await;
    app.sandbox.set_faults(Faults {
        refuse_tokens: true,
        ..Faults::default()
    });
    post_many(&app, "evt_", 100).await;
    eventually("health names account and cause", async || {
        let health = app.client.get("/health").await.body;
        let check = health["checks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|check| check["name"] == "account default");
        let detail = check.map(|check| check["detail"].to_string()).unwrap_or_default();
        health["status"] == "degraded" && detail.contains("refuses its token") && detail.contains("401")
    })
    .await;
    assert_eq!(app.client.get("/health/ready").await.status, 200);
    assert_eq!(app.client.stat("dead").await, 0);
    app.sandbox.clear_faults();
    all_delivered_once(&app, 100).await;
}

#[actix_web::test]
async fn broken_connections_and_lost_dispatches_end_as_one_dispatched_message_each() {
    let app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "30")]).await;
    app.sandbox.set_faults(Faults {
        drop_ratio: 0.2,
        lose_dispatch_ratio: 0.5,
        ..Faults::default()
    });
    post_many(&app, "evt_", 500).await;
    all_delivered_once(&app, 500).await;
}

#[actix_web::test]
async fn the_same_holds_where_the_idempotency_key_was_lost_too() {
    let app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "30")]).await;
    let faults = Faults {
        drop_ratio: 0.2,
        lose_dispatch_ratio: 0.5,
        forget_key_ratio: 1.0,
        ..Faults::default()
    };
    app.sandbox.set_faults(faults);
    post_many(&app, "evt_", 300).await;
    all_delivered_once(&app, 300).await;
}

#[actix_web::test]
async fn timeouts_and_lost_dispatches_end_as_one_dispatched_message_each() {
    let app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "30"), ("SVIX__REQUEST_TIMEOUT_MS", "300")]).await;
    app.sandbox.set_faults(Faults {
        hang_ratio: 0.2,
        lose_dispatch_ratio: 0.5,
        ..Faults::default()
    });
    post_many(&app, "evt_", 300).await;
    all_delivered_once(&app, 300).await;
}

#[actix_web::test]
async fn without_the_check_an_ambiguous_attempt_needs_only_the_acceptance() {
    let app = TestApp::start(&[("SVIX__VERIFY_AMBIGUOUS", "false"), ("RETRY__MAX_ATTEMPTS", "30")]).await;
    app.sandbox.set_faults(Faults {
        drop_ratio: 0.3,
        ..Faults::default()
    });
    post_many(&app, "evt_", 100).await;
    eventually("all are delivered", async || app.client.stat("delivered").await == 100).await;
    assert_eq!(app.sandbox.message_count(), 100);
    assert!(
        app.sandbox
            .requests()
            .iter()
            .all(|request| request.method == "POST")
    );
}

#[actix_web::test]
async fn a_message_that_no_endpoint_wants_counts_as_delivered_after_the_check() {
    let endpoints = vec![EndpointOptions {
        disabled: true,
        ..EndpointOptions::default()
    }];
    let options = SandboxOptions {
        endpoints,
        ..SandboxOptions::default()
    };
    let app = TestApp::start_with(options, &[]).await;
    app.sandbox.set_faults(Faults {
        drop_ratio: 1.0,
        fault_limit: Some(1),
        only_messages: true,
        ..Faults::default()
    });
    app.client.post(&event("evt_1")).await;
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    let asked: Vec<String> = app
        .sandbox
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert!(asked.iter().any(|path| path.contains("/attempt/msg/evt_1")), "{asked:?}");
    assert!(asked.iter().any(|path| path.contains("/endpoint?limit=250")), "{asked:?}");
}

#[actix_web::test]
async fn another_s_message_under_the_same_event_id_is_no_delivery() {
    let mut app = TestApp::start(&[]).await;
    app.client.post(&event("evt_1")).await;
    all_delivered_once(&app, 1).await;
    app.stop().await.unwrap();
    app.store = TestStore::new();
    app.start_again(&[]).await;
    app.sandbox.forget_keys();
    let mut foreign = event("evt_1");
    foreign["data"] = serde_json::json!({"something": "else"});
    let id = app.client.post(&foreign).await.id().to_owned();
    eventually("it is dead", async || app.client.stat("dead").await == 1).await;
    assert_eq!(app.client.get(&format!("/notifications/{id}")).await.body["reason"], "event_id_taken");
}

#[actix_web::test]
async fn what_became_too_old_is_expired_and_not_sent() {
    let app = TestApp::start(&[("RETRY__MAX_AGE_S", "1"), ("RETRY__INITIAL_BACKOFF_MS", "400")]).await;
    app.sandbox.set_faults(Faults::answering(503));
    let id = app.client.post(&event("evt_1")).await.id().to_owned();
    eventually("it is expired", async || app.client.stat("expired").await == 1).await;
    assert_eq!(app.client.get(&format!("/notifications/{id}")).await.body["reason"], "too_old");
}
