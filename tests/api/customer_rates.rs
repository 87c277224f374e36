//! Rates of customers inside that of their account, in one process and over several.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use svix_hooks::sandbox::{Faults, Sandbox, max_over_rate};

use crate::support::customers::{post, put, set};
use crate::support::{Client, TestApp, World, assert_problem, eventually, eventually_within};

/// How much the arrival of a request at the stand-in may lag behind its departure, as requests.
const JITTER: f64 = 0.5;

/// Lets each customer's requests be told by their paths.
const APART: (&str, &str) = ("ROUTING__UNKNOWN_CUSTOMER", "app_per_customer");

/// When requests for a customer came to the stand-in.
fn arrivals(sandbox: &Sandbox, customer: &str) -> Vec<Instant> {
    let path = format!("/app/{customer}/");
    let requests = sandbox.requests().into_iter();
    let own = requests.filter(|request| request.path.contains(&path));
    own.map(|request| request.arrival).collect()
}

/// Posts so many events of a customer, to each of the clients in turn.
async fn post_many(clients: &[&Client], customer: &str, count: usize) {
    let ids: Vec<String> = (0..count).map(|number| format!("{customer}-{number}")).collect();
    let posts = ids.iter().enumerate();
    join_all(posts.map(|(number, id)| post(clients[number % clients.len()], customer, id))).await;
}

async fn delivered(client: &Client, customer: &str) -> usize {
    let path = format!("/notifications?customer={customer}&state=delivered&limit=250");
    let found = client.get(&path).await.body;
    found["data"].as_array().map_or(0, Vec::len)
}

#[actix_web::test]
async fn a_customers_rate_is_never_exceeded_over_any_window_and_delays_nobody_else() {
    let app = TestApp::start(&[APART]).await;
    // Retries and checks are requests like any other.
    app.sandbox.set_faults(Faults {
        drop_ratio: 0.1,
        ..Faults::default()
    });
    set(&app.client, "acme", json!({"rate": {"requestsPerSecond": 40, "burst": 10}})).await;
    post_many(&[&app.client], "acme", 120).await;
    let (posted, before) = (Instant::now(), delivered(&app.client, "acme").await);
    post_many(&[&app.client], "globex", 60).await;
    eventually("the others are delivered", async || delivered(&app.client, "globex").await == 60).await;
    let during = delivered(&app.client, "acme").await - before;
    let most = 10.0 + 40.0 * posted.elapsed().as_secs_f64();
    assert!((during as f64) <= most, "{during} in {:?}", posted.elapsed());
    eventually("all are delivered", async || delivered(&app.client, "acme").await == 120).await;
    let arrivals = arrivals(&app.sandbox, "acme");
    assert!(arrivals.len() > 120, "there were retries and checks: {}", arrivals.len());
    let over = max_over_rate(arrivals, 10.0, 40.0);
    assert!(over <= JITTER, "{over} requests too many");
}

#[actix_web::test]
async fn a_changed_rate_applies_to_what_is_queued() {
    let app = TestApp::start(&[APART]).await;
    let client = &app.client;
    for (rate, pointer) in [
        (json!({"requestsPerSecond": 0}), "/rate/requestsPerSecond"),
        (json!({"requestsPerSecond": 5, "burst": 1}), "/rate/burst"),
        (json!({"burst": 5}), "/rate/requestsPerSecond"),
    ] {
        let refused = put(client, "acme", json!({ "rate": rate })).await;
        assert_problem(&refused, 422, "invalid_settings", pointer);
        assert_eq!(refused.body["errors"][0]["pointer"], pointer, "{}", refused.body);
    }
    set(client, "acme", json!({"rate": {"requestsPerSecond": 0.001}})).await;
    post_many(&[client], "acme", 40).await;
    post_many(&[client], "globex", 1).await;
    eventually("another's is delivered", async || delivered(client, "globex").await == 1).await;
    assert_eq!(arrivals(&app.sandbox, "acme").len(), 0);
    assert_eq!(client.get("/health/ready").await.status, 200, "it is no standstill");
    let patch = json!({"rate": {"requestsPerSecond": 100, "burst": 8}});
    let changed = Instant::now();
    assert_eq!(client.send_json("PATCH", "/customers/acme", &patch).await.status, 200);
    eventually("some go out", async || arrivals(&app.sandbox, "acme").len() >= 5).await;
    assert!(changed.elapsed() < Duration::from_secs(2), "{:?}", changed.elapsed());
    eventually("all are delivered", async || delivered(client, "acme").await == 40).await;
    let over = max_over_rate(arrivals(&app.sandbox, "acme"), 8.0, 100.0);
    assert!(over <= JITTER, "{over} requests too many");
}

#[actix_web::test]
async fn two_replicas_share_a_customers_rate_and_use_it_well() {
    let world = World::on_postgres();
    let first = world.start(&[APART]).await;
    let rate = json!({"rate": {"requestsPerSecond": 50, "burst": 10}});
    set(&first.client, "acme", rate).await;
    let second = world.start(&[APART]).await;
    let clients = [&first.client, &second.client];
    let posted = Instant::now();
    post_many(&clients, "acme", 200).await;
    post_many(&clients, "globex", 100).await;
    eventually("the others are delivered", async || delivered(&first.client, "globex").await == 100).await;
    assert!(delivered(&first.client, "acme").await < 200, "they did not wait for it");
    let within = Duration::from_secs(14);
    eventually_within(within, "all are delivered", async || delivered(&second.client, "acme").await == 200)
        .await;
    let used = 200.0 / posted.elapsed().as_secs_f64();
    assert!(used >= 30.0, "only {used} of 50 requests a second went out");
    let over = max_over_rate(arrivals(&world.sandbox, "acme"), 10.0, 50.0);
    assert!(over <= JITTER, "{over} requests too many");
}
