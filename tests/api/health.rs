//! What health tells: each check, in which state, and since when.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use svix_hooks::app::Signal;
use svix_hooks::sandbox::Faults;

use crate::support::{Client, TestApp, event, eventually};

/// Finds a check by its name.
async fn check(client: &Client, name: &str) -> Value {
    let health = client.get("/health").await.body;
    let checks = health["checks"].as_array().expect("there are checks");
    let found = checks.iter().find(|check| check["name"] == name);
    found.cloned().unwrap_or_default()
}

/// Waits until a check is in a state.
async fn in_state(client: &Client, name: &str, state: &str) -> Value {
    let mut last = Value::Null;
    eventually(&format!("{name} is {state}"), async || {
        last = check(client, name).await;
        last["state"] == state
    })
    .await;
    last
}

fn since(check: &Value) -> jiff::Timestamp {
    let since = check["since"].as_str().expect("it is always there");
    since.parse().expect("a time")
}

async fn post(client: &Client, customer: &str, id: &str) {
    let event = json!({"id": id, "type": "a.b", "data": {}, "customer": customer});
    assert_eq!(client.post(&event).await.status, 202);
}

#[actix_web::test]
async fn each_part_of_the_service_is_told_of_with_its_state_and_since_when() {
    let app = TestApp::start(&[("HEALTH__MIN_FREE_PERCENT", "0")]).await;
    assert_eq!(app.client.post(&event("evt_1")).await.status, 202);
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    in_state(&app.client, "backlog", "fresh").await;
    in_state(&app.client, "account default", "reachable").await;
    // A disk that is not this machine's is not seen.
    eventually("the disk is looked at", async || {
        let detail = check(&app.client, "disk").await["detail"].to_string();
        detail.contains("the store takes")
    })
    .await;
    let health = app.client.get("/health").await;
    assert_eq!((health.status, &health.body["status"]), (200, &json!("ok")));
    let checks = health.body["checks"].as_array().expect("there are checks");
    let states: Vec<_> = checks
        .iter()
        .map(|check| (check["name"].as_str().unwrap(), check["state"].as_str().unwrap()))
        .filter(|(name, _)| *name != "disk")
        .collect();
    let right = [
        ("store", "working"),
        ("progress", "moving"),
        ("actors", "alive"),
        ("account default", "reachable"),
        ("backlog", "fresh"),
        ("ledger", "unknown"),
    ];
    assert_eq!(states, right);
    for check in checks {
        // The clock of a shared store is known to some milliseconds only.
        let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
        assert!(since(check) <= now, "{check}");
        assert!(check["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{check}");
        assert_eq!(check["status"], "ok", "{check}");
    }
    let ready = app.client.get("/health/ready").await.body;
    let names: Vec<_> = ready["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| &check["name"])
        .collect();
    assert_eq!(names, ["store", "progress"], "what readiness depends on");
    assert_eq!(ready["checks"][1]["since"], checks[1]["since"], "whoever asks");
}

#[actix_web::test]
async fn a_disk_that_is_low_degrades_since_then_even_if_nobody_asks() {
    let world = TestApp::start(&[]).await;
    if !world.store.url().starts_with("sqlite") {
        assert_eq!(
            in_state(&world.client, "disk", "unknown").await["status"],
            "ok",
            "it is another machine's"
        );
        return;
    }
    let mut app = world;
    app.stop().await.expect("it stops");
    let file = app.dir.path().join("svix-hooks.toml");
    let write = |percent: &str| {
        std::fs::write(&file, format!("[health]\nmin_free_percent = {percent}\n")).expect("it is written");
    };
    write("0");
    app.start_with_files(&[], vec![file.clone()]).await;
    let roomy = in_state(&app.client, "disk", "roomy").await;
    assert!(
        roomy["detail"]
            .as_str()
            .unwrap()
            .contains("bytes; the store takes"),
        "{roomy}"
    );
    write("100");
    app.signal(Signal::Reload);
    let low = in_state(&app.client, "disk", "low").await;
    assert_eq!((&low["status"], since(&low) > since(&roomy)), (&json!("degraded"), true), "{low}");
    assert_eq!(app.client.get("/health/ready").await.status, 200, "it can store as yet");

    write("0");
    app.signal(Signal::Reload);
    let begun = Instant::now();
    eventually("nobody asks for long", async || begun.elapsed() > Duration::from_secs(4)).await;
    let asked = jiff::Timestamp::now();
    let again = check(&app.client, "disk").await;
    assert_eq!(again["state"], "roomy");
    assert!(
        since(&again) > since(&low) && since(&again) < asked - jiff::SignedDuration::from_secs(1),
        "{again}"
    );
    assert_eq!(since(&check(&app.client, "disk").await), since(&again), "it moves with changes only");
}

#[actix_web::test]
async fn what_is_due_for_long_is_late_and_what_is_paused_is_not() {
    let app = TestApp::start(&[
        ("HEALTH__MAX_BACKLOG_AGE_S", "1"),
        ("HEALTH__MIN_FREE_PERCENT", "0"),
        ("RETRY__MAX_ATTEMPTS", "1000"),
    ])
    .await;
    let client = &app.client;
    assert_eq!(client.request("POST", "/customers/asleep/pause").await.status, 201);
    post(client, "asleep", "evt_paused").await;
    eventually("it is counted for long", async || {
        let backlog = check(client, "backlog").await;
        let waits = backlog["detail"]
            .as_str()
            .unwrap_or_default()
            .starts_with("1 wait");
        assert!(!waits || backlog["state"] == "fresh", "a pause is not late: {backlog}");
        waits && jiff::Timestamp::now() > since(&check(client, "backlog").await) + Duration::from_secs(4)
    })
    .await;
    app.sandbox.set_faults(Faults::answering(503));
    for number in 0..20 {
        post(client, "acme", &format!("evt_{number}")).await;
    }
    let circuit = in_state(client, "account default", "circuit").await;
    let late = in_state(client, "backlog", "late").await;
    let detail = late["detail"].as_str().unwrap();
    assert!(detail.contains("is customer acme's and goes through account default"), "{detail}");
    assert_eq!((&late["status"], &circuit["status"]), (&json!("degraded"), &json!("degraded")));
    assert_eq!(since(&check(client, "backlog").await), since(&late));
    assert_eq!(since(&check(client, "account default").await), since(&circuit), "probes do not move it");
    let answer = client.get("/health").await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("degraded")));
    assert_eq!(client.get("/health/ready").await.status, 200, "it accepts as ever");

    app.sandbox.clear_faults();
    let reachable = in_state(client, "account default", "reachable").await;
    let fresh = in_state(client, "backlog", "fresh").await;
    assert!(since(&reachable) > since(&circuit) && since(&fresh) > since(&late), "{reachable} {fresh}");
    eventually("what is paused still waits", async || {
        check(client, "backlog").await["detail"]
            .as_str()
            .is_some_and(|detail| detail.starts_with("1 wait"))
    })
    .await;
}
