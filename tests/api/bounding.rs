//! What is kept to whatever comes: rates, memory, secrets.

use std::time::Duration;

use serde_json::json;
use svix_hooks::app::Signal;
use svix_hooks::sandbox::{Faults, SandboxOptions};

use crate::support::{TestApp, TestProcess, World, event, eventually, eventually_within};

/// How much the arrival of a request at the stand-in may lag behind its departure, as requests.
const JITTER: f64 = 0.5;

#[actix_web::test]
async fn an_account_s_rate_is_never_exceeded_over_any_window_and_well_used() {
    for (rate, burst, count) in [("5", "10", 30), ("50", "10", 200), ("200", "50", 600)] {
        let app = TestApp::start(&[("SVIX__REQUESTS_PER_SECOND", rate), ("SVIX__BURST", burst)]).await;
        // Failures and checks are requests like any other.
        app.sandbox.set_faults(Faults {
            drop_ratio: 0.1,
            ..Faults::default()
        });
        let (rate, burst): (f64, f64) = (rate.parse().unwrap(), burst.parse().unwrap());
        for number in 0..count {
            assert_eq!(app.client.post(&event(&format!("evt_{number}"))).await.status, 202);
        }
        let all = async || app.client.stat("delivered").await == count;
        eventually_within(Duration::from_secs(60), "all are delivered", all).await;
        let over = app.sandbox.max_over_rate(burst, rate);
        assert!(over <= JITTER, "{over} requests too many at {rate}/s, burst {burst}");
        assert_eq!(app.sandbox.message_count(), count as u64);
    }
}

#[actix_web::test]
async fn a_restart_grants_no_new_burst() {
    let mut app = TestApp::start(&[("SVIX__REQUESTS_PER_SECOND", "20"), ("SVIX__BURST", "10")]).await;
    for number in 0..60 {
        app.client.post(&event(&format!("evt_{number}"))).await;
    }
    for sent in [15, 30] {
        eventually("some are sent", async || app.sandbox.request_count() >= sent).await;
        app.stop().await.expect("it stops");
        app.start_again(&[]).await;
    }
    eventually("all are delivered", async || app.client.stat("delivered").await == 60).await;
    let over = app.sandbox.max_over_rate(10.0, 20.0);
    assert!(over <= JITTER, "{over} requests too many");
}

#[actix_web::test]
async fn memory_is_bounded_by_configuration_and_not_by_the_backlog() {
    let world = World::new();
    let settings = [
        ("SVIX__REQUESTS_PER_SECOND", "0.01"),
        ("SVIX__BURST", "2"),
        ("DELIVERY__MAX_READY_BYTES", "8388608"),
    ];
    let process = world.start(&settings).await;
    let filler = "x".repeat(20_000);
    let mut posted = 0;
    let mut after_warm_up = 0;
    while posted < 10_000 {
        let posts = (posted..posted + 100).map(|number| {
            let event = json!({"id": format!("evt_{number}"), "type": "a.b", "data": {"x": filler}});
            let client = process.client.clone();
            async move { assert_eq!(client.post(&event).await.status, 202) }
        });
        futures_util::future::join_all(posts).await;
        posted += 100;
        if posted == 2000 {
            after_warm_up = resident_mib(&process);
        }
    }
    let grown = resident_mib(&process).saturating_sub(after_warm_up);
    // 160 MB of events came in between.
    assert!(grown < 48, "grew by {grown} MiB from {after_warm_up} MiB");
    assert_eq!(process.client.stat("queued").await, 10_000);
}

fn resident_mib(process: &TestProcess) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).expect("it runs");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .expect("it has a size");
    let kib: u64 = line
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok())
        .expect("a number");
    kib / 1024
}

#[actix_web::test]
async fn tokens_show_in_no_log_answer_or_store() {
    let token = "sk_live_T0pS3cretT0ken.eu";
    let options = SandboxOptions {
        token: token.into(),
        ..SandboxOptions::default()
    };
    let world = World::with(options);
    let settings = [
        ("SVIX__TOKEN", token),
        ("LOG__LEVEL", "trace"),
        ("RETRY__MAX_ATTEMPTS", "2"),
    ];
    let mut process = world.start(&settings).await;
    // Svix, or what stands in its place, repeats the token in its errors.
    for (status, dead) in [(500, 1), (422, 2), (401, 2)] {
        world.sandbox.set_faults(Faults {
            echo_authorization: true,
            ..Faults::answering(status)
        });
        process.client.post(&event(&format!("evt_{status}"))).await;
        eventually("svix has answered", async || world.sandbox.answered_with(status) > 0).await;
        eventually("what is dead is dead", async || process.client.stat("dead").await == dead).await;
    }
    let mut seen = String::new();
    for path in ["/health", "/stats", "/notifications"] {
        seen.push_str(&process.client.get(path).await.body.to_string());
    }
    assert!(seen.contains("[token]"), "the answers were kept, without the token: {seen}");
    process.signal("TERM");
    process.ended().await;
    seen.push_str(&process.log().join("\n"));
    let kept = world.store.contents().await;
    assert!(kept.contains("evt_500") && !kept.contains("T0pS3cretT0ken"), "the token is in the store");
    assert!(!seen.contains("T0pS3cretT0ken"), "the token was shown");
}

#[actix_web::test]
async fn actors_rates_and_tokens_change_while_it_runs() {
    let mut app = TestApp::start(&[]).await;
    app.stop().await.expect("it stops");
    app.sandbox.set_token("new-token");
    let file = app.dir.path().join("svix-hooks.toml");
    let write = |token: &str, actors: usize| {
        let text = format!("[svix]\ntoken = \"{token}\"\n[delivery]\nactors = {actors}\n");
        std::fs::write(&file, text).expect("the file is written");
    };
    write("old-token", 2);
    app.forget(&["SVIX__TOKEN"]);
    app.start_with_files(&[], vec![file.clone()]).await;
    for number in 0..50 {
        app.client.post(&event(&format!("evt_{number}"))).await;
    }
    eventually("the token is refused", async || {
        app.client
            .get("/health")
            .await
            .body
            .to_string()
            .contains("refuses its token")
    })
    .await;
    let workers = async || app.client.get("/stats").await.body["workers"].clone();
    assert_eq!(workers().await["configured"], 2);
    write("new-token", 5);
    app.signal(Signal::Reload);
    eventually("the new token works", async || app.client.stat("delivered").await == 50).await;
    eventually("there are five actors", async || workers().await == json!({"configured": 5, "alive": 5}))
        .await;
    // A file that cannot be used changes nothing; a good one is noticed without a signal.
    std::fs::write(&file, "[delivery]\nacters = 3\n").expect("the file is written");
    app.signal(Signal::Reload);
    write("new-token", 3);
    eventually("there are three actors", async || workers().await == json!({"configured": 3, "alive": 3}))
        .await;
    app.client.post(&event("last")).await;
    eventually("it still delivers", async || app.client.stat("delivered").await == 51).await;
}
