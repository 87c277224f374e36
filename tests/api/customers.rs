//! What is set for customers: written, read, brought back, and in force.

use std::time::Duration;

use serde_json::{Value, json};
use svix_hooks::sandbox::Faults;

use crate::support::{Answer, Client, TestApp, World, assert_problem, eventually};

async fn put(client: &Client, customer: &str, settings: Value) -> Answer {
    client
        .send_json("PUT", &format!("/customers/{customer}"), &settings)
        .await
}

async fn set(client: &Client, customer: &str, settings: Value) {
    let answer = put(client, customer, settings).await;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
}

/// Posts an event of a customer; returns the notification's id.
async fn post(client: &Client, customer: &str, id: &str) -> String {
    let event = json!({"id": id, "type": "a.b", "data": {}, "customer": customer});
    let answer = client.post(&event).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.id().to_owned()
}

async fn found(client: &Client, id: &str) -> Value {
    client.get(&format!("/notifications/{id}")).await.body
}

#[actix_web::test]
async fn settings_are_written_read_patched_and_deleted() {
    let app = TestApp::start(&[]).await;
    let client = &app.client;
    assert_problem(&client.get("/customers/acme").await, 404, "not_found", "nothing is set");
    let settings =
        json!({"name": "Acme Inc", "application": "app_1", "retry": {"maxAttempts": 3, "jitter": 0.5}});
    let created = put(client, "acme", settings.clone()).await;
    assert_eq!((created.status, created.header("etag")), (201, Some("\"1\"")));
    let got = client.get("/customers/acme").await;
    assert_eq!((got.status, got.header("etag")), (200, Some("\"1\"")));
    for (name, value) in settings.as_object().unwrap() {
        assert_eq!(got.body[name], *value);
    }
    assert_eq!(
        (&got.body["id"], &got.body["version"], &got.body["source"]),
        (&json!("acme"), &json!(1), &json!("store"))
    );
    assert!(got.body["createdAt"].is_string() && got.body["changedAt"].is_string());

    // What was read can be written again.
    let again = put(client, "acme", got.body.clone()).await;
    assert_eq!((again.status, again.header("etag")), (200, Some("\"1\"")), "it is no new version");
    let patch = json!({"name": null, "paused": true, "retry": {"jitter": null, "multiplier": 2}});
    let patched = client.send_json("PATCH", "/customers/acme", &patch).await;
    assert_eq!((patched.status, patched.header("etag")), (200, Some("\"2\"")));
    assert_eq!(patched.body["retry"], json!({"maxAttempts": 3, "multiplier": 2.0}));
    assert_eq!((patched.body.get("name"), &patched.body["paused"]), (None, &json!(true)));
    assert_problem(
        &client.send_json("PATCH", "/customers/nobody", &patch).await,
        404,
        "not_found",
        "nothing to patch",
    );

    assert_eq!(client.request("DELETE", "/customers/acme").await.status, 204);
    assert_problem(&client.get("/customers/acme").await, 404, "not_found", "it was deleted");
    assert_problem(&client.request("DELETE", "/customers/acme").await, 404, "not_found", "nothing to delete");
    let odd = put(client, "%C3%84pfel%20%26%20S%C3%B6hne", json!({})).await;
    assert_eq!((odd.status, odd.id()), (201, "Äpfel & Söhne"));
}

#[actix_web::test]
async fn a_change_is_made_only_where_its_condition_holds() {
    let app = TestApp::start(&[]).await;
    let client = &app.client;
    let put_if = async |header, value| {
        let settings = json!({"name": value});
        let condition = Some((header, value));
        client
            .send_json_if("PUT", "/customers/acme", &settings, condition)
            .await
    };
    assert_problem(&put_if("if-match", "*").await, 404, "not_found", "nothing is there");
    assert_problem(&put_if("if-match", "\"1\"").await, 404, "not_found", "nor in that version");
    assert_eq!(put_if("if-none-match", "*").await.status, 201);
    assert_problem(&put_if("if-none-match", "*").await, 412, "precondition_failed", "it is there");
    assert_eq!(put_if("if-match", "\"1\"").await.header("etag"), Some("\"2\""));
    assert_problem(&put_if("if-match", "\"1\"").await, 412, "precondition_failed", "an old version");
    assert_problem(&put_if("if-match", "W/\"2\"").await, 400, "invalid_header", "a weak tag");
    let conditional = async |method, tag, body: Value| {
        let condition = Some(("if-match", tag));
        client
            .send_json_if(method, "/customers/acme", &body, condition)
            .await
    };
    assert_problem(
        &conditional("PATCH", "\"1\"", json!({"paused": true})).await,
        412,
        "precondition_failed",
        "an old version",
    );
    assert_eq!(
        conditional("PATCH", "\"2\"", json!({"paused": true}))
            .await
            .header("etag"),
        Some("\"3\"")
    );
    assert_problem(
        &conditional("DELETE", "\"2\"", json!({})).await,
        412,
        "precondition_failed",
        "an old version",
    );
    assert_eq!(conditional("DELETE", "\"3\"", json!({})).await.status, 204);
}

#[actix_web::test]
async fn patches_at_once_are_all_kept() {
    let app = TestApp::start(&[]).await;
    set(&app.client, "acme", json!({})).await;
    let members = [
        ("name", json!("Acme")),
        ("application", json!("app_1")),
        ("maxQueued", json!(5)),
        ("paused", json!(true)),
    ];
    let client = &app.client;
    let patches = members.iter().map(|(name, value)| {
        let patch = json!({ *name: value });
        async move { client.send_json("PATCH", "/customers/acme", &patch).await.status }
    });
    assert_eq!(futures_util::future::join_all(patches).await, [200; 4]);
    let got = app.client.get("/customers/acme").await.body;
    for (name, value) in &members {
        assert_eq!(got[*name], *value, "{got}");
    }
}

#[actix_web::test]
async fn every_version_is_kept_and_can_be_brought_back() {
    let app = TestApp::start(&[]).await;
    let client = &app.client;
    assert_problem(&client.get("/customers/acme/versions").await, 404, "not_found", "nothing was ever set");
    set(client, "acme", json!({"name": "one", "retry": {"maxAttempts": 1}})).await;
    set(client, "acme", json!({"name": "two", "maxQueued": 7})).await;
    assert_eq!(client.request("DELETE", "/customers/acme").await.status, 204);
    let roll_back = async |body: Value| client.send_json("POST", "/customers/acme/rollback", &body).await;
    let back = roll_back(json!({"version": 1})).await;
    assert_eq!((back.status, back.header("etag")), (201, Some("\"4\"")), "{}", back.body);
    assert_eq!(back.body["retry"]["maxAttempts"], 1);
    for (version, why) in [(3, "it was deleted then"), (9, "there was none"), (0, "nor that")] {
        let answer = roll_back(json!({ "version": version })).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{why}");
    }
    assert_problem(&roll_back(json!({"to": 1})).await, 422, "invalid_settings", "no such member");
    let versions = client.get("/customers/acme/versions").await.body["data"].take();
    let changes: Vec<_> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|version| (version["version"].as_i64(), version["change"].as_str(), version["diff"].clone()))
        .collect();
    let one = json!({"name": "one", "retry": {"maxAttempts": 1}});
    let right = [
        (Some(4), Some("rollback"), one.clone()),
        (Some(3), Some("delete"), Value::Null),
        (Some(2), Some("put"), json!({"name": "two", "maxQueued": 7, "retry": null})),
        (Some(1), Some("put"), one),
    ];
    assert_eq!(changes, right);
    assert_eq!((&versions[1]["settings"], &versions[2]["settings"]["name"]), (&Value::Null, &json!("two")));
}

#[actix_web::test]
async fn customers_are_listed_page_by_page() {
    let app = TestApp::start(&[]).await;
    for name in ["c", "a", "B", "d"] {
        set(&app.client, name, json!({})).await;
    }
    let mut seen = Vec::new();
    let mut path = "/customers?limit=3".to_owned();
    loop {
        let page = app.client.get(&path).await.body;
        let data = page["data"].as_array().unwrap();
        seen.extend(
            data.iter()
                .map(|customer| customer["id"].as_str().unwrap().to_owned()),
        );
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/customers?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["B", "a", "c", "d"], "in the order of their bytes");
    for query in ["limit=0", "limit=251", "cursor=", "order=name"] {
        assert_problem(
            &app.client.get(&format!("/customers?{query}")).await,
            400,
            "invalid_parameter",
            query,
        );
    }
}

#[actix_web::test]
async fn settings_that_cannot_be_are_refused_with_all_that_is_wrong() {
    let app = TestApp::start(&[]).await;
    let answer =
        put(&app.client, "acme", json!({"name": "", "retry": {"maxAttempts": 1.5}, "pausd": true})).await;
    assert_problem(&answer, 422, "invalid_settings", "all at once");
    let mut pointers: Vec<_> = answer.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/name", "/pausd", "/retry/maxAttempts"]);
    assert_problem(&put(&app.client, "acme", json!([1])).await, 422, "invalid_settings", "no object");
    let large = json!({"name": "x".repeat(65_536)});
    assert_problem(&put(&app.client, "acme", large).await, 413, "body_too_large", "too large");
    assert_problem(&put(&app.client, "a%0Ab", json!({})).await, 404, "not_found", "no such name");
    assert_problem(&app.client.get("/customers/acme").await, 404, "not_found", "nothing was set");
}

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
async fn what_a_file_sets_holds_whatever_else_does() {
    let mut app = TestApp::start(&[]).await;
    set(&app.client, "acme", json!({"application": "stored"})).await;
    set(&app.client, "beta", json!({})).await;
    app.stop().await.expect("it stops");
    let file = app.dir.path().join("customers.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("the file is written");
    write("[customers.acme]\napplication = 'of_file'\n[customers.aaa]\nname = 'First'");
    app.start_with_files(&[], vec![file.clone()]).await;
    let client = app.client.clone();
    let got = client.get("/customers/acme").await;
    assert_eq!((&got.body["application"], &got.body["source"]), (&json!("of_file"), &json!("file")));
    let id = post(&client, "acme", "a1").await;
    let accepted = found(&client, &id).await["history"][0].take();
    assert_eq!((&accepted["application"], &accepted["settingsVersion"]), (&json!("of_file"), &json!(0)));
    for (method, path) in [
        ("PUT", "/customers/acme"),
        ("PATCH", "/customers/acme"),
        ("DELETE", "/customers/acme"),
        ("POST", "/customers/acme/rollback"),
        ("POST", "/customers/acme/pause"),
    ] {
        let answer = client.send_json(method, path, &json!({})).await;
        assert_problem(&answer, 409, "set_by_file", method);
    }
    let list = client.get("/customers?limit=2").await.body;
    let names: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|customer| (customer["id"].as_str().unwrap(), customer["source"].as_str().unwrap()))
        .collect();
    assert_eq!(names, [("aaa", "file"), ("acme", "file")]);
    let rest = client.get("/customers?limit=2&cursor=acme").await.body;
    assert_eq!((&rest["data"][0]["id"], rest.get("nextCursor")), (&json!("beta"), None));

    write("[customers.acme]\napplication = 'changed'");
    eventually("the change is in force", async || {
        client.get("/customers/acme").await.body["application"] == "changed"
    })
    .await;
    write("[customers.acme]\naplication = 'mistyped'\n");
    write("# nothing is set here any more\n");
    eventually("what is stored holds again", async || {
        client.get("/customers/acme").await.body["source"] == "store"
    })
    .await;
    assert_problem(&client.get("/customers/aaa").await, 404, "not_found", "it was in the file only");
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
    let audit = client.get("/audit").await.body;
    assert_eq!((&audit["balanced"], &audit["ledger"]["filtered"]), (&json!(true), &json!(3)), "{audit}");
}

#[actix_web::test]
async fn a_filter_that_cannot_be_is_refused_with_the_place_of_the_mistake() {
    let app = TestApp::start(&[]).await;
    let filter = json!({"include": ["a..b"], "expression": "data.amount >\n  nobody(1)"});
    let answer = put(&app.client, "acme", json!({ "filter": filter })).await;
    assert_problem(&answer, 422, "invalid_settings", "a pattern and an expression");
    let errors = answer.body["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/filter/include/0", "/filter/expression"]);
    let detail = errors[1]["detail"].as_str().unwrap();
    assert!(detail.contains("line 2, column 9; byte 22"), "{detail}");
}
