//! Dead letters: finding them, telling their kinds, and sending them again.

use serde_json::{Value, json};
use svix_hooks::sandbox::Faults;

use crate::support::{Answer, TestApp, assert_problem, event, eventually};

/// Settings with which a redrive is not held up by the account's rate.
const QUICK: [(&str, &str); 2] = [("SVIX__REQUESTS_PER_SECOND", "5000"), ("SVIX__BURST", "500")];

/// Lets so many notifications die of a status.
async fn die(app: &TestApp, status: u16, ids: std::ops::Range<usize>) {
    let before = app.client.stat("dead").await;
    app.sandbox.set_faults(Faults::answering(status));
    for number in ids.clone() {
        assert_eq!(app.client.post(&event(&format!("evt_{number}"))).await.status, 202);
    }
    let dead = before + i64::try_from(ids.len()).unwrap();
    eventually("they are dead", async || app.client.stat("dead").await == dead).await;
    app.sandbox.clear_faults();
}

async fn redrive(app: &TestApp, request: &Value) -> Answer {
    app.client.send_json("POST", "/redrives", request).await
}

/// Starts a redrive and returns where it is.
async fn begin(app: &TestApp, request: &Value) -> String {
    let answer = redrive(app, request).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let place = answer.header("location").expect("it is somewhere").to_owned();
    assert_eq!(place, format!("/redrives/{}", answer.id()));
    place
}

async fn eventually_state(app: &TestApp, place: &str, state: &str) -> Value {
    let mut last = Value::Null;
    eventually("the redrive is so", async || {
        last = app.client.get(place).await.body;
        last["state"] == state
    })
    .await;
    last
}

#[actix_web::test]
async fn dead_letters_are_sent_again_and_each_becomes_one_message() {
    let app = TestApp::start(&QUICK).await;
    die(&app, 422, 0..30).await;
    die(&app, 413, 30..35).await;
    let groups = app.client.get("/dead-letters/groups?by=status,reason").await.body;
    let counts = |group: &Value| (group["status"].as_i64(), group["count"].as_i64());
    let found: Vec<_> = groups["data"].as_array().unwrap().iter().map(counts).collect();
    assert_eq!(found, [(Some(422), Some(30)), (Some(413), Some(5))], "{groups}");

    let request = json!({"filter": {"status": 422}, "ratePerSecond": 1000});
    let mut dry = request.clone();
    dry["dryRun"] = json!(true);
    let dry = redrive(&app, &dry).await;
    assert_eq!((dry.status, &dry.body["total"]), (200, &json!(30)));
    assert_eq!(app.client.get("/redrives").await.body["data"], json!([]), "nothing was made");

    let place = begin(&app, &request).await;
    let done = eventually_state(&app, &place, "completed").await;
    for (name, right) in [
        ("total", 30),
        ("done", 30),
        ("delivered", 30),
        ("deadAgain", 0),
        ("left", 0),
    ] {
        assert_eq!(done[name], right, "{name}: {done}");
    }
    assert_eq!(app.sandbox.message_count(), 30);
    let stats = app.client.get("/stats").await.body;
    assert_eq!((&stats["dead"], &stats["delivered"]), (&json!(5), &json!(30)), "{stats}");
    let left = app.client.get("/dead-letters?q=large").await.body;
    let all = app.client.get("/dead-letters").await.body;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(5), "{left}");
}

#[actix_web::test]
async fn the_history_tells_all_that_happened_in_order() {
    let app = TestApp::start(&[("SERVER__NAME", "replica-7")]).await;
    die(&app, 422, 0..1).await;
    let letter = app.client.get("/dead-letters").await.body["data"][0].clone();
    let path = format!("/notifications/{}", letter["id"].as_str().unwrap());
    let dead = app.client.get(&path).await.body;
    assert_eq!(dead["next"], json!({"what": "nothing by itself; it can be sent again"}));
    let again = app
        .client
        .send_json("POST", &format!("{path}/redrive"), &json!({}))
        .await;
    assert_eq!((again.status, again.header("location")), (202, Some(path.as_str())), "{}", again.body);
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    let found = app.client.get(&path).await.body;
    let history = found["history"].as_array().unwrap();
    let order: Vec<&str> = history
        .iter()
        .filter_map(|happened| happened["what"].as_str())
        .collect();
    assert_eq!(order, ["accepted", "attempt", "ended", "redriven", "attempt", "ended"], "{found}");
    let (accepted, first, died) = (&history[0], &history[1], &history[2]);
    assert_eq!((&accepted["customer"], &accepted["customerFrom"]), (&json!("default"), &json!("default")));
    assert_eq!(accepted["applicationFrom"], "default_app");
    assert_eq!((&first["replica"], &first["outcome"]), (&json!("replica-7"), &json!("rejected")));
    assert!(first["waitedMs"].is_u64() && first["durationMs"].is_u64(), "{first}");
    assert_eq!(
        (&died["state"], &died["reason"], &died["status"]),
        (&json!("dead"), &json!("rejected"), &json!(422))
    );
    assert_eq!((&history[5]["state"], &found["redrives"]), (&json!("delivered"), &json!(1)));
    assert_eq!(found["next"]["what"], "nothing: Svix has it");
    let refused = app
        .client
        .send_json("POST", &format!("{path}/redrive"), &json!({}))
        .await;
    assert_problem(&refused, 409, "not_dead", "it is delivered");
}

#[actix_web::test]
async fn the_payload_is_shown_where_it_is_asked_for() {
    let app = TestApp::start(&[]).await;
    let posted = json!({"id": "evt_1", "type": "a.b", "data": {"n": [1, 2.50, null]}, "customer": "acme"});
    let id = app.client.post(&posted).await.id().to_owned();
    let path = format!("/notifications/{id}");
    assert_eq!(app.client.get(&path).await.body["payload"], Value::Null);
    assert_eq!(app.client.get(&format!("{path}?include=payload")).await.body["payload"], posted);
    for query in ["include=all", "with=payload"] {
        let refused = app.client.get(&format!("{path}?{query}")).await;
        assert_problem(&refused, 400, "invalid_parameter", query);
    }
}

#[actix_web::test]
async fn a_redrive_stops_where_too_much_fails_again_and_can_be_resumed() {
    let app = TestApp::start(&QUICK).await;
    die(&app, 422, 0..60).await;
    app.sandbox.set_faults(Faults::answering(422));
    let place = begin(&app, &json!({"filter": {}, "ratePerSecond": 50, "stopAfterFailureRatio": 0.2})).await;
    let stopped = eventually_state(&app, &place, "stopped").await;
    assert!(
        stopped["why"]
            .as_str()
            .is_some_and(|why| why.contains("dead again")),
        "{stopped}"
    );
    assert!(
        stopped["done"]
            .as_i64()
            .is_some_and(|done| (20..60).contains(&done)),
        "{stopped}"
    );
    app.sandbox.clear_faults();
    let resumed = app
        .client
        .send_json("POST", &format!("{place}/resume"), &json!({}))
        .await;
    assert_eq!((resumed.status, &resumed.body["state"]), (200, &json!("running")), "{}", resumed.body);
    let done = eventually_state(&app, &place, "completed").await;
    let dead = done["deadAgain"].as_i64().unwrap();
    assert_eq!(done["delivered"], 60 - dead, "what died again is not sent twice by one redrive");
    assert_eq!(app.client.stat("dead").await, dead);
}

#[actix_web::test]
async fn a_redrive_is_paused_resumed_and_cancelled_in_the_states_where_that_means_something() {
    let app = TestApp::start(&QUICK).await;
    die(&app, 422, 0..20).await;
    let place = begin(&app, &json!({"filter": {}, "ratePerSecond": 0.5, "order": "newest"})).await;
    let change = async |what: &str| {
        app.client
            .send_json("POST", &format!("{place}/{what}"), &json!({}))
            .await
    };
    assert_problem(&change("resume").await, 409, "redrive_conflict", "it runs");
    assert_problem(&change("begin").await, 404, "no_such_path", "nothing of that kind");
    assert_eq!(change("pause").await.body["state"], "paused");
    assert_problem(&change("pause").await, 409, "redrive_conflict", "it is paused already");
    assert_eq!(change("resume").await.body["state"], "running");
    assert_eq!(change("pause").await.body["state"], "paused");
    assert_eq!(change("cancel").await.body["state"], "cancelled");
    for what in ["pause", "resume", "cancel"] {
        let refused = change(what).await;
        assert_problem(&refused, 409, "redrive_conflict", what);
        assert_eq!(refused.body["state"], "cancelled");
    }
    for (path, why) in [
        ("/redrives/0198c0de-0000-7000-8000-000000000000", "never made"),
        ("/redrives/evt_1", "no id"),
    ] {
        assert_problem(&app.client.get(path).await, 404, "not_found", why);
        let paused = app
            .client
            .send_json("POST", &format!("{path}/pause"), &json!({}))
            .await;
        assert_problem(&paused, 404, "not_found", why);
    }
}

#[actix_web::test]
async fn what_svix_holds_already_does_not_become_two_messages_when_it_is_sent_again() {
    let app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "1")]).await;
    // It is taken and the connection broken, and Svix remembers no key of it for ever.
    app.sandbox.set_faults(Faults {
        drop_ratio: 1.0,
        forget_key_ratio: 1.0,
        ..Faults::default()
    });
    let id = app.client.post(&event("evt_1")).await.id().to_owned();
    eventually("svix has it", async || app.sandbox.message_count() == 1).await;
    // Then Svix does not even say what it holds.
    app.sandbox.set_faults(Faults::answering(503));
    eventually("it is dead", async || app.client.stat("dead").await == 1).await;
    app.sandbox.clear_faults();
    app.sandbox.forget_keys();
    let path = format!("/notifications/{id}");
    let again = app
        .client
        .send_json("POST", &format!("{path}/redrive"), &json!({}))
        .await;
    assert_eq!(again.status, 202, "{}", again.body);
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    let found = app.client.get(&path).await.body;
    let outcomes = found["attempts"].as_array().unwrap().iter();
    let outcomes: Vec<&str> = outcomes
        .filter_map(|attempt| attempt["outcome"].as_str())
        .collect();
    assert!(outcomes.contains(&"accepted_earlier") && outcomes.contains(&"attempts"), "{outcomes:?}");
    assert_eq!((app.sandbox.message_count(), app.sandbox.undispatched().len()), (1, 0));
}

#[actix_web::test]
async fn fresh_notifications_go_before_those_that_are_sent_again() {
    let app = TestApp::start(&[("SVIX__REQUESTS_PER_SECOND", "20"), ("SVIX__BURST", "4")]).await;
    die(&app, 422, 0..60).await;
    let begun = app.sandbox.message_count();
    begin(&app, &json!({"filter": {}, "ratePerSecond": 1000})).await;
    eventually("many are queued again", async || app.client.stat("queued").await >= 40).await;
    assert_eq!(app.client.post(&event("fresh")).await.status, 202);
    let before = app.sandbox.message_count() - begun;
    let place = async || {
        let messages = app.sandbox.messages();
        messages
            .iter()
            .position(|message| message.event_id.as_deref() == Some("fresh"))
    };
    eventually("the fresh one is delivered", async || place().await.is_some()).await;
    let place = place().await.unwrap() as u64;
    assert!(place <= before + 4, "it was the message number {place}, and {before} were before it");
}

#[actix_web::test]
async fn what_cannot_be_redriven_like_that_is_refused_with_what_would_be_right() {
    let app = TestApp::start(&[]).await;
    let table = [
        (json!({}), "/filter", "no filter"),
        (json!({"filter": "all"}), "/filter", "no object"),
        (json!({"filter": {"reason": "bad luck"}}), "/filter/reason", "no such reason"),
        (json!({"filter": {"status": 42}}), "/filter/status", "no status"),
        (json!({"filter": {"from": "yesterday"}}), "/filter/from", "no time"),
        (
            json!({"filter": {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}}),
            "/filter/from",
            "the end before the beginning",
        ),
        (json!({"filter": {"colour": "red"}}), "/filter/colour", "nothing of that name"),
        (json!({"filter": {"customer": ["acme"]}}), "/filter/customer", "a list"),
        (json!({"filter": {}, "ratePerSecond": -1}), "/ratePerSecond", "backwards"),
        (json!({"filter": {}, "ratePerSecond": 0}), "/ratePerSecond", "never"),
        (json!({"filter": {}, "ratePerSecond": 1e9}), "/ratePerSecond", "too fast"),
        (json!({"filter": {}, "stopAfterFailureRatio": 1.5}), "/stopAfterFailureRatio", "more than all"),
        (json!({"filter": {}, "order": "random"}), "/order", "no order"),
        (json!({"filter": {}, "dryRun": "yes"}), "/dryRun", "no truth value"),
        (json!({"filter": {}, "speed": 1}), "/speed", "nothing of that name"),
    ];
    for (request, pointer, why) in table {
        let answer = redrive(&app, &request).await;
        assert_problem(&answer, 422, "invalid_redrive", why);
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{why}: {}", answer.body);
    }
    assert_problem(&redrive(&app, &json!([])).await, 422, "invalid_redrive", "a list");
    let table = [
        ("/dead-letters?state=queued", "a state"),
        ("/dead-letters?cursor=7", "no cursor"),
        ("/dead-letters?q=%22%22", "no word"),
        ("/dead-letters?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "the end before the beginning"),
        ("/dead-letters/groups?by=colour", "no group"),
        ("/dead-letters/groups?by=reason,reason", "twice"),
        ("/dead-letters/groups?limit=0", "none"),
        ("/notifications?outcome=sad", "no outcome"),
        ("/redrives?limit=1000", "too many"),
        ("/redrives?state=running", "nothing of that name"),
    ];
    for (path, why) in table {
        assert_problem(&app.client.get(path).await, 400, "invalid_parameter", why);
    }
    let letters = app
        .client
        .get("/notifications/0198c0de-0000-7000-8000-000000000000/redrive")
        .await;
    assert_problem(&letters, 405, "method_not_allowed", "it changes something");
}

#[actix_web::test]
async fn dead_letters_are_deleted_where_a_filter_and_a_word_say_so() {
    let app = TestApp::start(&[]).await;
    die(&app, 422, 0..6).await;
    die(&app, 413, 6..8).await;
    let all = app.client.request("DELETE", "/dead-letters?confirm=true").await;
    assert_problem(&all, 400, "filter_required", "no filter");
    let unsure = app.client.request("DELETE", "/dead-letters?status=422").await;
    assert_problem(&unsure, 400, "confirmation_required", "no word");
    assert_eq!(unsure.body["total"], 6);
    let wrong = app
        .client
        .request("DELETE", "/dead-letters?status=422&confirm=yes")
        .await;
    assert_problem(&wrong, 400, "invalid_parameter", "another word");
    assert_eq!(app.client.stat("dead").await, 8, "nothing is gone");

    let letter = app.client.get("/dead-letters?status=422").await.body["data"][0].clone();
    let gone = app
        .client
        .request("DELETE", "/dead-letters?status=422&confirm=true")
        .await;
    assert_eq!((gone.status, gone.body), (200, json!({"deleted": 6, "more": false})));
    let left = app.client.get("/dead-letters/groups?by=status").await.body;
    assert_eq!((&left["data"][0]["status"], &left["data"][1]), (&json!(413), &Value::Null), "{left}");
    let path = format!("/notifications/{}", letter["id"].as_str().unwrap());
    assert_eq!(app.client.get(&path).await.status, 404);
    let audit = app.client.get("/audit").await.body;
    assert_eq!(
        (&audit["balanced"], &audit["ledger"]["pruned"]["dead"]),
        (&json!(true), &json!(6)),
        "{audit}"
    );
    let again = app.client.post(&event("evt_0")).await;
    assert_eq!((again.status, &again.body["duplicate"]), (202, &json!(false)), "its id is free again");
}
