//! Events that Svix, or what stands before it, does not take while it takes others: they fail by themselves.

use std::time::Duration;

use serde_json::json;
use svix_hooks::app::Signal;
use svix_hooks::sandbox::Faults;

use crate::support::{Client, TestApp, World, eventually, eventually_within};

/// So that whoever waits for probes of what fails waits far longer than any test.
const RARE_PROBES: (&str, &str) = ("SVIX__MAX_PROBE_INTERVAL_MS", "3600000");

async fn post(client: &Client, customer: &str, id: &str) {
    let event = json!({"id": id, "type": "a.b", "data": {}, "customer": customer});
    assert_eq!(client.post(&event).await.status, 202);
}

async fn post_many(client: &Client, customer: &str, start: &str, count: usize) {
    let ids: Vec<String> = (0..count).map(|number| format!("{start}{number}")).collect();
    futures_util::future::join_all(ids.iter().map(|id| post(client, customer, id))).await;
}

/// Posts good events until so many have died.
async fn eventually_dead(client: &Client, count: i64) {
    let mut number = 0;
    eventually_within(Duration::from_secs(60), "what fails by itself dies", async || {
        number += 1;
        post(client, "acme", &format!("later_{number}")).await;
        client.stat("dead").await == count
    })
    .await;
    let dead = client.get("/notifications?state=dead").await.body;
    let dead = dead["data"].as_array().expect("a list").clone();
    assert!(dead.iter().all(|one| one["reason"] == "exhausted"), "{dead:?}");
}

#[actix_web::test]
async fn events_that_a_firewall_blocks_hold_up_nothing_and_die() {
    let app = TestApp::start(&[RARE_PROBES, ("RETRY__MAX_ATTEMPTS", "5")]).await;
    let client = &app.client;
    app.sandbox.set_faults(Faults {
        only_events: Some("blocked".into()),
        body: Some("<html><h1>Request blocked</h1></html>".into()),
        ..Faults::answering(403)
    });
    post_many(client, "acme", "blocked_", 10).await;
    post_many(client, "acme", "fine_", 50).await;
    post_many(client, "globex", "good_", 50).await;
    eventually("all else goes out", async || client.stat("delivered").await == 100).await;
    assert_eq!(client.get("/health").await.body["status"], "ok");
    eventually_dead(client, 10).await;
}

#[actix_web::test]
async fn events_that_get_500_each_time_hold_up_neither_their_customer_nor_others() {
    let app = TestApp::start(&[RARE_PROBES, ("RETRY__MAX_ATTEMPTS", "5")]).await;
    let client = &app.client;
    app.sandbox.set_faults(Faults {
        only_events: Some("bad".into()),
        ..Faults::answering(500)
    });
    post_many(client, "acme", "bad_", 30).await;
    eventually("the circuit opens", async || {
        client.get("/health").await.body.to_string().contains("circuit")
    })
    .await;
    post_many(client, "acme", "fine_", 300).await;
    post_many(client, "globex", "good_", 50).await;
    eventually("what is good goes out", async || client.stat("delivered").await == 350).await;
    eventually_dead(client, 30).await;
}

#[actix_web::test]
async fn a_default_application_that_is_unknown_holds_the_account_until_it_is_known() {
    let app = TestApp::start(&[("SVIX__APP_ID", "nowhere")]).await;
    let client = &app.client;
    post_many(client, "acme", "evt_", 30).await;
    let mut health = json!(null);
    eventually("the account is held", async || {
        health = client.get("/health").await.body;
        health
            .to_string()
            .contains("knows none of its applications (404 not_found: Application not found)")
    })
    .await;
    assert_eq!(health["status"], "degraded", "{health}");
    assert_eq!(client.get("/health/ready").await.status, 200);
    eventually("it is tried now and then", async || app.sandbox.answered_with(404) > 10).await;
    app.sandbox.add_application("nowhere");
    eventually("all is delivered", async || client.stat("delivered").await == 30).await;
    assert_eq!(client.stat("dead").await, 0);
}

#[actix_web::test]
async fn another_default_application_is_tried_at_once() {
    let mut app = TestApp::start(&[]).await;
    app.stop().await.expect("it stops");
    let file = app.dir.path().join("svix-hooks.toml");
    let write = |application: &str| {
        let text = format!("[svix]\napp_id = \"{application}\"\n");
        std::fs::write(&file, text).expect("the file is written");
    };
    write("nowhere");
    app.forget(&["SVIX__APP_ID"]);
    let hour = ("SVIX__PROBE_INTERVAL_MS", "3600000");
    app.start_with_files(&[hour, RARE_PROBES], vec![file.clone()])
        .await;
    post(&app.client, "acme", "evt_1").await;
    eventually("the account is held", async || {
        app.client
            .get("/health")
            .await
            .body
            .to_string()
            .contains("(404 not_found")
    })
    .await;
    write("sandbox");
    app.signal(Signal::Reload);
    let mut number = 1;
    eventually("what is posted from now on is delivered", async || {
        number += 1;
        post(&app.client, "acme", &format!("evt_{number}")).await;
        app.client.stat("delivered").await > 0
    })
    .await;
}

#[actix_web::test]
async fn replicas_hold_an_account_together_whichever_application_they_try() {
    let world = World::on_postgres();
    let settings = [("SVIX__APP_ID", "nowhere")];
    let processes = [world.start(&settings).await, world.start(&settings).await];
    let client = &processes[0].client;
    let lost = json!({"application": "lost"});
    assert_eq!(client.send_json("PUT", "/customers/lost", &lost).await.status, 201);
    for (number, process) in processes.iter().enumerate() {
        post_many(&process.client, "acme", &format!("evt_{number}_"), 20).await;
    }
    for process in &processes {
        eventually("both hold it", async || {
            process
                .client
                .get("/health")
                .await
                .body
                .to_string()
                .contains("\"refused\"")
        })
        .await;
    }
    for (number, process) in processes.iter().enumerate() {
        post_many(&process.client, "lost", &format!("lost_{number}_"), 5).await;
    }
    let before = world.sandbox.answered_with(404);
    eventually("it is tried now and then", async || world.sandbox.answered_with(404) > before + 20).await;
    assert_eq!((client.stat("dead").await, client.stat("queued").await), (0, 50));
    world.sandbox.add_application("nowhere");
    world.sandbox.add_application("lost");
    eventually("all is delivered", async || client.stat("delivered").await == 50).await;
}
