//! What holds a customer's events back: a bound on what is queued, and a pause.

use serde_json::json;
use svix_hooks::sandbox::Faults;

use crate::support::customers::{found, post, set};
use crate::support::{TestApp, assert_problem, eventually};

#[actix_web::test]
async fn a_customers_backlog_has_its_bound_and_nobody_elses() {
    let app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "1000")]).await;
    let client = &app.client;
    app.sandbox.set_faults(Faults::answering(503));
    set(client, "acme", json!({"maxQueued": 3})).await;
    let event =
        |number: u32| json!({"id": format!("a{number}"), "type": "a.b", "data": {}, "customer": "acme"});
    for number in 0..3 {
        assert_eq!(client.post(&event(number)).await.status, 202);
    }
    let refused = client.post(&event(3)).await;
    assert_problem(&refused, 503, "backlog_full", "three are queued");
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait), "{wait}");
    post(client, "globex", "g1").await;
    app.sandbox.clear_faults();
    eventually("there is room again", async || client.post(&event(3)).await.status == 202).await;
}

#[actix_web::test]
async fn posts_at_once_pass_no_bound_and_repeats_take_no_room() {
    let app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "1000")]).await;
    let client = &app.client;
    app.sandbox.set_faults(Faults::answering(503));
    set(client, "acme", json!({"maxQueued": 5})).await;
    let event = |id: &str| json!({"id": id, "type": "a.b", "data": {}, "customer": "acme"});
    let ids: Vec<String> = (0..20).map(|number| format!("a{number}")).collect();
    let posts = ids.iter().map(async |id| client.post(&event(id)).await);
    let answers = futures_util::future::join_all(posts).await;
    let taken: Vec<&String> = ids
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.status == 202)
        .map(|(id, _)| id)
        .collect();
    assert_eq!(taken.len(), 5);
    let refused = answers.iter().filter(|answer| answer.code() == "backlog_full");
    assert_eq!(refused.count(), 15);
    let again = client.post(&event(taken[0])).await;
    assert_eq!((again.status, &again.body["duplicate"]), (202, &json!(true)), "{}", again.body);
    let mut other = event(taken[0]);
    other["data"] = json!({"other": true});
    assert_problem(&client.post(&other).await, 409, "content_conflict", "it is known with other content");
    let mut reordered = format!(r#"{{"customer":"acme","data":{{}},"type":"a.b","id":"{}"}}"#, taken[0]);
    reordered.push(' ');
    let again = client.try_post(reordered, &[]).await.unwrap();
    assert_eq!((again.status, &again.body["duplicate"]), (202, &json!(true)), "{}", again.body);
    eventually("both are counted", async || client.stat("duplicates").await == 2).await;

    set(client, "acme", json!({"maxQueued": 6})).await;
    for _ in 0..3 {
        assert_eq!(client.post(&event(taken[1])).await.status, 202);
    }
    assert_eq!(client.post(&event("last")).await.status, 202, "the repeats took no room");
    assert_problem(&client.post(&event("more")).await, 503, "backlog_full", "and now there is none");
}

#[actix_web::test]
async fn a_paused_customer_keeps_what_it_posts_and_sends_nothing() {
    let mut app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "1000")]).await;
    let client = app.client.clone();
    app.sandbox.set_faults(Faults::answering(503));
    let retried = post(&client, "acme", "a0").await;
    eventually("it is tried", async || found(&client, &retried).await["attemptsMade"].as_i64() > Some(0))
        .await;
    let paused = client.request("POST", "/customers/acme/pause").await;
    assert_eq!((paused.status, &paused.body["paused"]), (201, &json!(true)), "nothing need be set before");
    app.sandbox.clear_faults();
    app.sandbox.clear_requests();
    let ids = [
        post(&client, "acme", "a1").await,
        post(&client, "acme", "a2").await,
        retried,
    ];
    post(&client, "globex", "g1").await;
    eventually("others are delivered", async || client.stat("delivered").await == 1).await;
    let next = found(&client, &ids[0]).await["next"].take();
    assert_eq!(next["held"], "its customer is paused", "{next}");

    // Also over a restart.
    app.stop().await.expect("it stops");
    app.start_again(&[]).await;
    let client = app.client.clone();
    post(&client, "globex", "g2").await;
    eventually("others are delivered again", async || client.stat("delivered").await == 2).await;
    assert_eq!(app.sandbox.message_count(), 2);
    assert_eq!(client.get("/health/ready").await.status, 200, "it does what it is told");

    let resumed = client.request("POST", "/customers/acme/resume").await;
    assert_eq!((resumed.status, resumed.body.get("paused")), (200, None));
    eventually("all is delivered", async || client.stat("delivered").await == 5).await;
    assert_problem(
        &client.request("POST", "/customers/nobody/resume").await,
        404,
        "not_found",
        "it is not paused",
    );
}

#[actix_web::test]
async fn a_pause_makes_no_customer_known_where_unknown_ones_are_refused() {
    let app = TestApp::start(&[("ROUTING__UNKNOWN_CUSTOMER", "reject")]).await;
    let client = &app.client;
    let event = json!({"id": "u1", "type": "a.b", "data": {}, "customer": "unknown"});
    let pause = async |name: &str| client.request("POST", &format!("/customers/{name}/pause")).await;
    assert_problem(&pause("unknown").await, 404, "not_found", "it is not known");
    assert_problem(&client.post(&event).await, 422, "unknown_customer", "nor is it now");
    assert_problem(&client.get("/customers/unknown").await, 404, "not_found", "nothing was set");
    assert_eq!(pause("default").await.status, 201, "the default customer is always known");
    set(client, "unknown", json!({})).await;
    assert_eq!(pause("unknown").await.status, 200, "it is known now");
    assert_eq!(client.post(&event).await.status, 202);
}
