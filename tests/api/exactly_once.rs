//! Each event is one message, whatever Svix forgets and whatever became of its answers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;
use svix_hooks::sandbox::{DEFAULT_TOKEN, EndpointOptions, Faults, SandboxOptions};

use crate::support::{TestApp, event, eventually, eventually_within};

const HOUR: Duration = Duration::from_secs(3600);

async fn post_many(app: &TestApp, count: usize) {
    for start in (0..count).step_by(64) {
        let posts = (start..count.min(start + 64)).map(|number| {
            let (client, event) = (app.client.clone(), event(&format!("evt_{number}")));
            async move { assert_eq!(client.post(&event).await.status, 202) }
        });
        futures_util::future::join_all(posts).await;
    }
}

/// Waits until so many are delivered, then makes sure that each is one message that was dispatched.
async fn assert_one_message_each(app: &TestApp, count: usize) {
    eventually_within(Duration::from_secs(90), "all are delivered", async || {
        app.client.stat("delivered").await == count as i64
    })
    .await;
    let mut messages: HashMap<String, usize> = HashMap::new();
    for message in app.sandbox.messages() {
        *messages.entry(message.event_id.unwrap_or_default()).or_default() += 1;
    }
    let twice: Vec<_> = messages.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "more than one message: {twice:?}");
    assert_eq!(messages.len(), count);
    assert_eq!(app.sandbox.undispatched(), Vec::<String>::new());
}

/// A tenth is stored and cut off, of which half is never dispatched; as many fail with a 5xx, of which half are stored.
fn ambiguous() -> Faults {
    Faults {
        drop_ratio: 0.1,
        lose_dispatch_ratio: 0.5,
        forget_key_ratio: 0.5,
        fail_ratio: 0.05,
        status: Some(502),
        status_ratio: 0.05,
        only_messages: true,
        ..Faults::default()
    }
}

#[actix_web::test]
async fn dead_letters_that_svix_may_have_forgotten_do_not_become_second_messages() {
    const COUNT: usize = 2000;
    let options = SandboxOptions {
        event_id_ttl: Some(24 * HOUR),
        ..SandboxOptions::default()
    };
    let settings = [
        ("RETRY__MAX_ATTEMPTS", "2"),
        ("RETRY__INITIAL_BACKOFF_MS", "1000"),
        ("RETRY__MULTIPLIER", "1"),
        ("SVIX__CIRCUIT_THRESHOLD", "1000000"),
        ("SVIX__CONFIRM_AFTER_S", "1"),
    ];
    let app = TestApp::start_with(options, &settings).await;
    app.sandbox.set_faults(ambiguous());
    post_many(&app, COUNT).await;
    eventually("each was sent", async || app.client.stat("delivered").await >= COUNT as i64 * 3 / 4).await;
    // Then Svix is gone: what is in doubt dies.
    app.sandbox.set_faults(Faults::answering(503));
    eventually_within(Duration::from_secs(60), "nothing is queued", async || {
        app.client.stat("queued").await == 0
    })
    .await;
    let dead = app.client.stat("dead").await;
    assert!(dead > 0, "there is something to send again");
    // Two days later.
    app.sandbox.advance(48 * HOUR);
    let paused = Instant::now();
    eventually("the window is over", async || paused.elapsed() > Duration::from_millis(1100)).await;
    app.sandbox.clear_faults();
    let redrive = json!({"filter": {}, "ratePerSecond": 10_000});
    let answer = app.client.send_json("POST", "/redrives", &redrive).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_one_message_each(&app, COUNT).await;
}

#[actix_web::test]
async fn ambiguous_answers_end_as_one_dispatched_message_each() {
    const COUNT: usize = 500;
    let app = TestApp::start(&[("SVIX__CIRCUIT_THRESHOLD", "1000000")]).await;
    app.sandbox.set_faults(ambiguous());
    post_many(&app, COUNT).await;
    assert_one_message_each(&app, COUNT).await;
}

#[actix_web::test]
async fn a_5xx_after_the_commit_is_seen_dispatched() {
    let app = TestApp::start(&[]).await;
    app.sandbox.set_faults(Faults {
        fail_ratio: 1.0,
        fault_limit: Some(1),
        ..Faults::default()
    });
    app.client.post(&event("evt_0")).await;
    assert_one_message_each(&app, 1).await;
    assert_eq!(app.sandbox.answered_with(409), 1, "what came after the 5xx says nothing of a dispatch");
}

#[actix_web::test]
async fn a_resend_that_fails_is_no_proof_and_is_repeated() {
    let failing = |failing| EndpointOptions {
        failing,
        ..EndpointOptions::default()
    };
    let app = TestApp::start(&[("SVIX__SETTLE_MS", "100"), ("SVIX__RESEND_BACKOFF_MS", "5")]).await;
    app.sandbox.set_endpoints("sandbox", vec![failing(true)]);
    app.sandbox.set_faults(Faults {
        drop_ratio: 1.0,
        lose_dispatch_ratio: 1.0,
        only_messages: true,
        fault_limit: Some(1),
        ..Faults::default()
    });
    app.client.post(&event("evt_0")).await;
    let resends = || {
        let requests = app.sandbox.requests();
        let resends = requests
            .iter()
            .filter(|request| request.path.ends_with("/resend"));
        resends.count()
    };
    eventually("it is asked for twice", async || resends() >= 2).await;
    assert_eq!((app.client.stat("delivered").await, app.client.stat("queued").await), (0, 1));
    app.sandbox.set_endpoints("sandbox", vec![failing(false)]);
    assert_one_message_each(&app, 1).await;
}

#[actix_web::test]
async fn a_message_of_another_system_under_the_same_key_is_no_delivery() {
    let app = TestApp::start(&[]).await;
    let url = format!("{}/api/v1/app/sandbox/msg?with_content=false", app.sandbox.url());
    let other = json!({"eventType": "user.created", "eventId": "evt_0", "payload": {"something": "else"}});
    let answer = awc::Client::default()
        .post(url)
        .bearer_auth(DEFAULT_TOKEN)
        .insert_header(("idempotency-key", "evt_0"))
        .send_json(&other)
        .await;
    assert_eq!(answer.map(|answer| answer.status().as_u16()).ok(), Some(202));
    let made = Instant::now();
    eventually("it is older by more than clocks differ", async || {
        made.elapsed() > Duration::from_millis(400)
    })
    .await;
    let id = app.client.post(&event("evt_0")).await.id().to_owned();
    eventually("it is dead", async || app.client.stat("dead").await == 1).await;
    let found = app.client.get(&format!("/notifications/{id}")).await.body;
    assert_eq!(found["reason"], "event_id_taken");
    assert_eq!((app.client.stat("delivered").await, app.sandbox.message_count()), (0, 1));
}
