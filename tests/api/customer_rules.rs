//! What is set for customers, in force: where events go, which of them, when and how often.

use std::time::Duration;

use serde_json::{Value, json};
use svix_hooks::sandbox::Faults;

use crate::support::customers::{found, post, set};
use crate::support::{Client, TestApp, World, assert_problem, eventually};

#[actix_web::test]
async fn an_event_goes_where_it_says_or_where_its_customer_is_mapped() {
    let settings = [
        ("ROUTING__UNKNOWN_CUSTOMER", "reject"),
        ("ROUTING__APPLICATION_POINTERS", "/app"),
    ];
    let app = TestApp::start(&settings).await;
    let client = &app.client;
    app.sandbox.add_application("app_seven");
    app.sandbox.add_application("app_eight");
    let event = json!({"id": "u1", "type": "a.b", "data": {}, "customer": "unknown"});
    assert_problem(&client.post(&event).await, 422, "unknown_customer", "not known");
    set(client, "mapped", json!({"application": "app_seven"})).await;
    set(client, "plain", json!({})).await;
    let table = [
        (json!({"customer": "mapped"}), "app_seven", "customer", json!(1), "it is set for the customer"),
        (
            json!({"customer": "mapped", "app": "app_eight"}),
            "app_eight",
            "event",
            json!(1),
            "the event says so",
        ),
        (
            json!({"customer": "plain"}),
            "sandbox",
            "default_app",
            json!(1),
            "something is set for the customer",
        ),
        (json!({}), "sandbox", "default_app", Value::Null, "the default customer is always known"),
    ];
    for (number, (members, application, rule, version, why)) in table.into_iter().enumerate() {
        let mut event = json!({"id": format!("e{number}"), "type": "a.b", "data": {}});
        event
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        let answer = client.post(&event).await;
        assert_eq!(answer.status, 202, "{why}: {}", answer.body);
        let notification = found(client, answer.id()).await;
        let accepted = &notification["history"][0];
        let decided = (&accepted["application"], &accepted["applicationFrom"], &accepted["settingsVersion"]);
        assert_eq!(decided, (&json!(application), &json!(rule), &version), "{why}");
    }
    eventually("all are delivered", async || client.stat("delivered").await == 4).await;
    let bad = json!({"id": "x", "type": "a.b", "data": {}, "app": "no/app"});
    let answer = client.post(&bad).await;
    assert_eq!((answer.status, &answer.body["errors"][0]["pointer"]), (422, &json!("/app")));
}

#[actix_web::test]
async fn a_customers_own_retry_policy_holds_for_what_is_queued_too() {
    let app = TestApp::start(&[
        ("RETRY__MAX_ATTEMPTS", "1000"),
        ("SVIX__CIRCUIT_THRESHOLD", "1000000"),
    ])
    .await;
    let client = &app.client;
    app.sandbox.set_faults(Faults::answering(503));
    let (patient, hasty) = (post(client, "patient", "p1").await, post(client, "hasty", "h1").await);
    eventually("both are tried", async || {
        found(client, &hasty).await["attemptsMade"].as_i64() > Some(0)
            && found(client, &patient).await["attemptsMade"].as_i64() > Some(0)
    })
    .await;
    set(client, "hasty", json!({"retry": {"maxAttempts": 1}})).await;
    eventually("one is given up", async || found(client, &hasty).await["state"] == "dead").await;
    assert_eq!(found(client, &hasty).await["reason"], "exhausted");
    assert_eq!(found(client, &patient).await["state"], "queued");
    set(client, "patient", json!({"retry": {"maxAgeS": 1}})).await;
    eventually("and one is too old", async || found(client, &patient).await["state"] == "expired").await;
    // One that gives Svix less time than it takes calls it unanswered.
    app.sandbox.set_faults(Faults {
        hang_before: true,
        ..Faults::default()
    });
    set(client, "curt", json!({"retry": {"requestTimeoutMs": 50}})).await;
    let curt = post(client, "curt", "c1").await;
    eventually("it does not wait for long", async || {
        let attempts = found(client, &curt).await["attempts"].take();
        attempts[0]["detail"] == "no answer within 50 ms"
    })
    .await;
}

#[actix_web::test]
async fn every_replica_hears_of_a_change() {
    let world = World::on_postgres();
    let (one, other) = (world.start(&[]).await, world.start(&[]).await);
    set(&one.client, "acme", json!({"application": "elsewhere"})).await;
    let route = async |client: &Client, id: &str| {
        let id = post(client, "acme", id).await;
        found(client, &id).await["application"].clone()
    };
    assert_eq!(route(&one.client, "a1").await, "elsewhere", "at once where it was made");
    let mut number = 0;
    crate::support::eventually_within(Duration::from_secs(10), "the other has heard", async || {
        number += 1;
        route(&other.client, &format!("b{number}")).await == "elsewhere"
    })
    .await;
    assert_eq!(one.client.request("DELETE", "/customers/acme").await.status, 204);
    eventually("the other has heard again", async || {
        number += 1;
        route(&other.client, &format!("b{number}")).await == "sandbox"
    })
    .await;
}

#[actix_web::test]
async fn settings_outlive_a_restart() {
    let mut app = TestApp::start(&[]).await;
    set(&app.client, "acme", json!({"application": "elsewhere"})).await;
    app.stop().await.expect("it stops");
    app.start_again(&[]).await;
    assert_eq!(app.client.get("/customers/acme").await.body["application"], "elsewhere");
    let id = post(&app.client, "acme", "a1").await;
    assert_eq!(
        found(&app.client, &id).await["application"],
        "elsewhere",
        "and are in force from the first event on"
    );
}

#[actix_web::test]
async fn a_filter_decides_what_goes_on_and_says_why() {
    let app = TestApp::start(&[]).await;
    let client = &app.client;
    let filter = json!({"include": ["invoice.*", "**.paid"], "exclude": ["invoice.draft"], "expression": "data.amount > 10"});
    set(client, "acme", json!({ "filter": filter })).await;
    let table = [
        ("invoice.paid", json!({"amount": 11}), "queued", "expression", "it is true"),
        ("invoice.paid", json!({"amount": 10}), "filtered", "expression", "it is false"),
        (
            "invoice.draft",
            json!({"amount": 11}),
            "filtered",
            "exclude \"invoice.draft\"",
            "held back by its type",
        ),
        ("user.created", json!({"amount": 11}), "filtered", "not included", "no type of the list"),
        (
            "invoice.sent",
            json!({}),
            "queued",
            "expression failed: no member \"amount\"",
            "what fails, passes",
        ),
    ];
    let passing = table
        .iter()
        .filter(|(_, _, state, ..)| *state == "queued")
        .count();
    let mut ids = Vec::new();
    for (number, (event_type, data, state, clause, why)) in table.iter().enumerate() {
        let event = json!({"id": format!("e{number}"), "type": event_type, "data": data, "customer": "acme"});
        let answer = client.post(&event).await;
        assert_eq!(
            (answer.status, answer.body["state"].as_str()),
            (202, Some(*state)),
            "{why}: {}",
            answer.body
        );
        let again = client.post(&event).await;
        assert_eq!((again.status, &again.body["duplicate"]), (202, &json!(true)), "{why}");
        let accepted = found(client, answer.id()).await["history"][0].take();
        assert_eq!((&accepted["filter"], &accepted["settingsVersion"]), (&json!(clause), &json!(1)), "{why}");
        ids.push(answer.id().to_owned());
    }
    let passing = i64::try_from(passing).unwrap();
    eventually("what passes is delivered", async || client.stat("delivered").await == passing).await;
    assert_eq!((client.stat("filtered").await, client.stat("accepted").await), (5 - passing, 5));
    assert_eq!(app.sandbox.message_count(), 2, "nothing else goes out");
    let filtered = client.get("/notifications?state=filtered").await.body;
    assert_eq!(filtered["data"].as_array().map(Vec::len), Some(3));
    let held_back = found(client, &ids[1]).await;
    assert!(held_back["settledAt"].is_string(), "{held_back}");
    assert_eq!(held_back["next"]["what"], "nothing: a filter decided that it is not sent");
    let failures = client.get("/customers/acme").await.body["filterFailures"].take();
    assert_eq!(
        (&failures["count"], &failures["last"]),
        (&json!(1), &json!("no member \"amount\"")),
        "{failures}"
    );
    assert!(failures["lastAt"].is_string(), "{failures}");
    let audit = client.get("/audit").await.body;
    assert_eq!((&audit["balanced"], &audit["ledger"]["filtered"]), (&json!(true), &json!(3)), "{audit}");
}

#[actix_web::test]
async fn a_preview_tells_what_a_setting_would_have_changed_and_changes_nothing() {
    let app = TestApp::start(&[]).await;
    let client = &app.client;
    set(client, "acme", json!({"filter": {"exclude": ["a.draft"]}})).await;
    for (id, event_type, amount) in [("e1", "a.paid", 1), ("e2", "a.paid", 20), ("e3", "a.draft", 20)] {
        let event = json!({"id": id, "type": event_type, "data": {"amount": amount}, "customer": "acme"});
        assert_eq!(client.post(&event).await.status, 202);
    }
    post(client, "globex", "g1").await;
    eventually("what passes is delivered", async || client.stat("delivered").await == 3).await;
    let preview = async |body: Value| client.send_json("POST", "/customers/acme/preview", &body).await;
    let settings = json!({"application": "elsewhere", "filter": {"expression": "data.amount > 10"}});
    let seen = preview(json!({ "settings": settings })).await;
    assert_eq!(seen.status, 200, "{}", seen.body);
    let counts = [
        "lookedAt",
        "same",
        "newlyFiltered",
        "newlySent",
        "otherApplication",
        "refused",
        "unreadable",
    ];
    let counts = counts.map(|name| seen.body[name].as_i64().unwrap());
    assert_eq!(counts, [3, 0, 1, 1, 1, 0, 0], "{}", seen.body);
    let changed: Vec<_> = seen.body["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|changed| {
            (changed["eventId"].as_str().unwrap(), changed["was"].clone(), changed["wouldBe"].clone())
        })
        .collect();
    let fate = |filtered: bool, filter: &str, application: &str| json!({"filtered": filtered, "filter": filter, "account": "default", "application": application});
    let right = [
        ("e3", fate(true, "exclude \"a.draft\"", "sandbox"), fate(false, "expression", "elsewhere")),
        ("e2", fate(false, "all", "sandbox"), fate(false, "expression", "elsewhere")),
        ("e1", fate(false, "all", "sandbox"), fate(true, "expression", "elsewhere")),
    ];
    assert_eq!(changed, right);
    let other = preview(json!({"settings": {"account": "acme", "filter": {"exclude": ["a.draft"]}}})).await;
    let moved = (&other.body["otherAccount"], &other.body["changed"][0]["wouldBe"]["account"]);
    assert_eq!(moved, (&json!(2), &json!("acme")), "{}", other.body);
    let one = preview(json!({"settings": {"filter": {"exclude": ["a.draft"]}}, "last": 1})).await;
    assert_eq!((&one.body["lookedAt"], &one.body["same"]), (&json!(1), &json!(1)), "the last one alone");
    assert_eq!(client.get("/customers/acme").await.body["version"], 1, "nothing was set");
    assert_eq!((client.stat("delivered").await, app.sandbox.message_count()), (3, 3), "and nothing sent");
    let as_it_came = client.get("/customers/acme").await.body;
    let same = preview(json!({ "settings": as_it_came })).await;
    assert_eq!(
        (same.status, &same.body["same"]),
        (200, &json!(3)),
        "an answer can be proposed: {}",
        same.body
    );
    let large = json!({"settings": {"name": "x".repeat(65_536)}});
    assert_problem(&preview(large).await, 413, "body_too_large", "no settings are that large");
    let wrong = json!({"settings": {"filter": {"include": ["a..b"]}, "pausd": 1}, "last": 501, "x": 1});
    let refused = preview(wrong).await;
    assert_problem(&refused, 422, "invalid_settings", "all at once");
    assert_eq!(
        refused.pointers(),
        ["/last", "/settings/pausd", "/x"],
        "a filter is tried once the rest is right"
    );
    assert_problem(&preview(json!({})).await, 422, "invalid_settings", "nothing is proposed");
}
