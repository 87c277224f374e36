//! What is acknowledged survives: kills, outages, full disks, bad rows, restarts.

use std::collections::HashSet;
use std::process::Command;
use std::time::{Duration, Instant};

use svix_hooks::sandbox::Faults;

use crate::support::{Answer, Client, TestApp, TestProcess, World, event, eventually, eventually_within};

/// Posts events one after the other until the service is gone; notes what was acknowledged.
async fn post_until_gone(client: Client, prefix: String, acknowledged: &std::cell::RefCell<Vec<String>>) {
    for number in 0.. {
        let id = format!("{prefix}-{number}");
        match client.try_post(event(&id).to_string(), &[]).await {
            Some(answer) if answer.status == 202 => acknowledged.borrow_mut().push(id),
            Some(_) => {}
            None => return,
        }
    }
}

#[actix_web::test]
async fn every_acknowledged_event_is_one_message_however_often_the_process_is_killed() {
    let world = World::new();
    // Some connections break as well, so that kills and ambiguity meet.
    world.sandbox.set_faults(Faults {
        delay_ms: 3,
        drop_ratio: 0.02,
        ..Faults::default()
    });
    let acknowledged = std::cell::RefCell::new(Vec::new());
    let mut random = fastrand::Rng::with_seed(7);
    let settings = [("RETRY__MAX_ATTEMPTS", "50")];
    for round in 0..6 {
        let mut process = world.start(&settings).await;
        let before = acknowledged.borrow().len();
        let enough = before + random.usize(50..1500);
        let posters = (0..16).map(|poster| {
            post_until_gone(process.client.clone(), format!("evt-{round}-{poster}"), &acknowledged)
        });
        let posters = futures_util::future::join_all(posters);
        let killer = async {
            eventually("enough are acknowledged", async || acknowledged.borrow().len() >= enough).await;
            process.kill();
        };
        futures_util::future::join(posters, killer).await;
    }
    let process = world.start(&settings).await;
    let client = process.client.clone();
    let waiting = async || client.stat("queued").await == 0 && client.stat("inFlight").await == 0;
    eventually_within(Duration::from_secs(120), "nothing is queued", waiting).await;
    let messages: Vec<String> = world
        .sandbox
        .messages()
        .into_iter()
        .filter_map(|message| message.event_id)
        .collect();
    let delivered: HashSet<&String> = messages.iter().collect();
    assert_eq!(delivered.len(), messages.len(), "no event is two messages");
    let acknowledged = acknowledged.into_inner();
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !delivered.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
    assert_eq!(world.sandbox.undispatched(), Vec::<String>::new());
    assert_eq!(client.stat("accepted").await, client.stat("delivered").await);
    assert_eq!(client.stat("dead").await, 0);
}

#[actix_web::test]
async fn a_two_minute_outage_kills_nothing_and_spends_no_attempt() {
    let settings = [
        ("RETRY__MAX_ATTEMPTS", "4"),
        ("RETRY__INITIAL_BACKOFF_MS", "1000"),
        ("SVIX__PROBE_INTERVAL_MS", "1000"),
        ("SVIX__MAX_PROBE_INTERVAL_MS", "10000"),
    ];
    let app = TestApp::start(&settings).await;
    app.sandbox.set_faults(Faults::answering(503));
    let started = Instant::now();
    let count = 10_000;
    for chunk in (0..count).collect::<Vec<_>>().chunks(100) {
        let posts = chunk.iter().map(|number| {
            let (client, event) = (app.client.clone(), event(&format!("evt_{number}")));
            async move { assert_eq!(client.post(&event).await.status, 202) }
        });
        futures_util::future::join_all(posts).await;
    }
    let past = |seconds| async move || started.elapsed() >= Duration::from_secs(seconds);
    eventually_within(Duration::from_secs(90), "a minute of 503", past(60)).await;
    let asked = app.sandbox.request_count();
    assert!(asked < 1000, "only probes go out, but {asked} requests did");
    app.sandbox.stop();
    eventually_within(Duration::from_secs(90), "a minute of refused connections", past(120)).await;
    let health = app.client.get("/health").await;
    assert!(health.body.to_string().contains("svix is unavailable"), "{:?}", health.body);
    assert_eq!(app.client.get("/health/ready").await.status, 200);
    assert_eq!((app.client.stat("dead").await, app.client.stat("queued").await), (0, count));
    app.sandbox.clear_faults();
    app.sandbox.resume().expect("the stand-in comes back");
    let all = async || app.client.stat("delivered").await == count;
    eventually_within(Duration::from_secs(120), "all are delivered", all).await;
    assert_eq!(app.sandbox.message_count(), count as u64);
    // What failed before the circuit opened has spent one attempt, nothing has spent more.
    let spent = app.store.number("SELECT max(spent) FROM notifications").await;
    let some = app
        .store
        .number("SELECT count(*) FROM notifications WHERE spent > 0")
        .await;
    assert!(spent <= 1 && some < 20, "{some} have spent up to {spent}");
}

#[actix_web::test]
async fn a_full_disk_refuses_with_the_reason_keeps_what_is_in_flight_and_passes_by_itself() {
    let world = World::on_file();
    // Beyond its limit, a write to a file fails as on a full disk.
    let mut command = Command::new("bash");
    let binary = env!("CARGO_BIN_EXE_svix-hooks");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", binary]);
    let process = world.spawn(command, &[]).await;
    let client = process.client.clone();
    world.sandbox.set_faults(Faults {
        delay_ms: 1000,
        ..Faults::default()
    });
    assert_eq!(client.post(&event("before")).await.status, 202);
    eventually("it is under way", async || world.sandbox.request_count() == 1).await;
    limit_files(&process, "4096");
    let mut refused = None;
    eventually("accepts are refused", async || {
        let big = serde_json::json!({"id": "big", "type": "a.b", "data": {"x": "y".repeat(100_000)}});
        refused = Some(client.post(&big).await).filter(|answer| answer.status == 503);
        refused.is_some()
    })
    .await;
    let refused = refused.expect("it was");
    assert_eq!((refused.code(), refused.header("retry-after")), ("storage_unavailable", Some("1")));
    let failing = client.get("/health/ready").await;
    let store = |answer: &Answer| answer.body["checks"][0].clone();
    assert_eq!((failing.status, &store(&failing)["state"]), (503, &serde_json::json!("failing")));
    assert_eq!(store(&client.get("/health").await), store(&failing), "since the same moment");
    assert_eq!(client.get("/health/live").await.status, 200);
    eventually("svix has what was in flight", async || world.sandbox.message_count() == 1).await;
    limit_files(&process, "unlimited");
    eventually("it is ready again", async || client.get("/health/ready").await.status == 200).await;
    let working = store(&client.get("/health").await);
    assert_eq!((&working["name"], &working["state"]), (&"store".into(), &"working".into()));
    assert!(working["since"].as_str() > store(&failing)["since"].as_str(), "{working}");
    assert_eq!(client.post(&event("after")).await.status, 202);
    eventually("all is delivered", async || client.stat("delivered").await == 2).await;
    assert_eq!(world.sandbox.message_count(), 2, "nothing was sent twice");
}

fn limit_files(process: &TestProcess, bytes: &str) {
    let (pid, limit) = (process.child.id().to_string(), format!("--fsize={bytes}:unlimited"));
    let limited = Command::new("prlimit")
        .args(["--pid", &pid, &limit])
        .status()
        .expect("prlimit runs");
    assert!(limited.success());
}

#[actix_web::test]
async fn a_second_process_on_the_same_store_is_refused_with_the_reason() {
    let world = World::on_file();
    let _first = world.start(&[]).await;
    let output = world.output(&[]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is used by another process"), "{said}");
}

#[actix_web::test]
async fn a_row_that_cannot_be_read_is_set_aside_and_stops_nothing() {
    let mut app = TestApp::start(&[]).await;
    app.sandbox.set_faults(Faults {
        refuse_tokens: true,
        ..Faults::default()
    });
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(
            app.client
                .post(&event(&format!("evt_{number}")))
                .await
                .id()
                .to_owned(),
        );
    }
    app.stop().await.expect("it stops");
    for damage in [
        "UPDATE notifications SET stage = 'nonsense' WHERE event_key = 'evt_1'",
        "UPDATE notifications SET payload_end = 999999 WHERE event_key = 'evt_2'",
        "DELETE FROM events WHERE seq = (SELECT seq FROM notifications WHERE event_key = 'evt_3')",
    ] {
        app.store.tamper(damage).await;
    }
    app.sandbox.clear_faults();
    app.start_again(&[]).await;
    eventually("the good ones are delivered", async || app.client.stat("delivered").await == 2).await;
    eventually("the bad ones are dead", async || app.client.stat("dead").await == 3).await;
    assert_eq!(app.client.get("/health/ready").await.status, 200);
    let unreadable = "SELECT count(*) FROM notifications WHERE state = 'dead' AND reason = 'unreadable'";
    assert_eq!(app.store.number(unreadable).await, 3);
    let unreadable = [("state", "dead"), ("reason", "unreadable")];
    let counted = app.client.scrape().await;
    assert_eq!(counted.number("svix_hooks_settled_total", &unreadable), Some(3.0));
}

#[actix_web::test]
async fn a_clean_stop_finishes_what_is_in_flight_and_exits_with_zero() {
    let world = World::new();
    world.sandbox.set_faults(Faults {
        delay_ms: 500,
        ..Faults::default()
    });
    let mut process = world.start(&[]).await;
    assert_eq!(process.client.post(&event("evt_1")).await.status, 202);
    eventually("it is under way", async || world.sandbox.request_count() == 1).await;
    process.signal("TERM");
    assert!(process.ended().await.success(), "{:?}", process.log());
    world.sandbox.clear_faults();
    let process = world.start(&[]).await;
    assert_eq!(process.client.stat("delivered").await, 1, "the outcome was recorded before the end");
    assert_eq!(world.sandbox.request_count(), 1);
}

#[actix_web::test]
async fn a_second_signal_stops_at_once_and_loses_nothing() {
    let world = World::new();
    world.sandbox.set_faults(Faults {
        hang_before: true,
        ..Faults::default()
    });
    let mut process = world.start(&[("SVIX__REQUEST_TIMEOUT_MS", "60000")]).await;
    assert_eq!(process.client.post(&event("evt_1")).await.status, 202);
    eventually("it is under way", async || world.sandbox.request_count() == 1).await;
    process.signal("TERM");
    eventually("it stops", async || process.log().iter().any(|line| line.contains("stopping"))).await;
    let second = Instant::now();
    process.signal("TERM");
    assert!(!process.ended().await.success());
    assert!(second.elapsed() < Duration::from_secs(10), "it does not wait for the request");
    world.sandbox.clear_faults();
    let process = world.start(&[]).await;
    eventually("it is delivered after all", async || process.client.stat("delivered").await == 1).await;
    assert_eq!(world.sandbox.message_count(), 1);
}

#[actix_web::test]
async fn a_grace_that_does_not_suffice_is_reported_and_what_was_cut_off_is_proven_later() {
    let world = World::new();
    world.sandbox.set_faults(Faults {
        hang_ratio: 1.0,
        lose_dispatch_ratio: 1.0,
        ..Faults::default()
    });
    let slow = [
        ("SERVER__SHUTDOWN_GRACE_S", "1"),
        ("SVIX__REQUEST_TIMEOUT_MS", "60000"),
    ];
    let mut process = world.start(&slow).await;
    assert_eq!(process.client.post(&event("evt_1")).await.status, 202);
    eventually("svix has it", async || world.sandbox.message_count() == 1).await;
    process.signal("TERM");
    assert!(!process.ended().await.success());
    assert!(
        process
            .log()
            .iter()
            .any(|line| line.contains("not everything in flight ended in time"))
    );
    // A run in between that stops cleanly does not make it forget what may have been sent.
    world.sandbox.set_faults(Faults::answering(429));
    let mut process = world.start(&[]).await;
    eventually("it is tried", async || world.sandbox.answered_with(429) > 0).await;
    process.signal("TERM");
    assert!(process.ended().await.success(), "{:?}", process.log());
    world.sandbox.clear_faults();
    let process = world.start(&[]).await;
    eventually("it is delivered", async || process.client.stat("delivered").await == 1).await;
    assert_eq!(world.sandbox.message_count(), 1);
    assert_eq!(world.sandbox.undispatched(), Vec::<String>::new());
}
