//! What is set for customers: written, read, brought back, and laid over by files.

use std::process::Command;

use serde_json::{Value, json};
use svix_hooks::sandbox::Faults;
use tempfile::TempDir;

use crate::support::customers::{found, post, put, set};
use crate::support::{TestApp, TestProcess, assert_problem, eventually};

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
    assert_eq!(answer.pointers(), ["/name", "/pausd", "/retry/maxAttempts"]);
    assert_problem(&put(&app.client, "acme", json!([1])).await, 422, "invalid_settings", "no object");
    let large = json!({"name": "x".repeat(65_536)});
    assert_problem(&put(&app.client, "acme", large).await, 413, "body_too_large", "too large");
    assert_problem(&put(&app.client, "a%0Ab", json!({})).await, 404, "not_found", "no such name");
    assert_problem(&app.client.get("/customers/acme").await, 404, "not_found", "nothing was set");
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
    write("# nothing is set here any more\n");
    eventually("what is stored holds again", async || {
        client.get("/customers/acme").await.body["source"] == "store"
    })
    .await;
    assert_problem(&client.get("/customers/aaa").await, 404, "not_found", "it was in the file only");
}

#[actix_web::test]
async fn a_mistyped_file_leaves_what_was_set_before() {
    let dir = TempDir::new().expect("a directory");
    let file = dir.path().join("customers.toml");
    std::fs::write(&file, "[customers.acme]\napplication = 'of_file'\n").expect("it is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
    command.args(["serve", "--sandbox", "--config"]).arg(&file);
    command.current_dir(dir.path());
    let process = TestProcess::spawn(command, &[]).await;
    let mistyped = "[customers.acme]\naplication = 'mistyped'\n[customers.beta]\nname = 'Beta'\n";
    std::fs::write(&file, mistyped).expect("it is written");
    let says = |line: &String| line.contains("was not reloaded") && line.contains("acme.aplication");
    eventually("it is refused", async || process.log().iter().any(says)).await;
    let got = process.client.get("/customers/acme").await.body;
    assert_eq!(got["application"], "of_file", "{got}");
    assert_eq!(process.client.get("/customers/beta").await.status, 404, "nothing of the file is taken");
}

#[actix_web::test]
async fn a_customer_whose_settings_cannot_be_read_is_held() {
    let mut app = TestApp::start(&[("RETRY__MAX_ATTEMPTS", "1000")]).await;
    app.sandbox.set_faults(Faults::answering(503));
    set(&app.client, "acme", json!({"filter": {"exclude": ["none"]}})).await;
    let id = post(&app.client, "acme", "a1").await;
    app.stop().await.expect("it stops");
    app.store
        .tamper("UPDATE settings SET document = 'nonsense'")
        .await;
    app.start_again(&[]).await;
    app.sandbox.clear_faults();
    let client = app.client.clone();
    let got = client.get("/customers/acme").await;
    assert_eq!((got.status, got.body["held"].is_string()), (200, true), "{}", got.body);
    let event = json!({"id": "a2", "type": "a.b", "data": {}, "customer": "acme"});
    let refused = client.post(&event).await;
    assert_problem(&refused, 503, "settings_unreadable", "its filter is not known");
    assert_eq!(refused.header("retry-after"), Some("30"));
    let other = post(&client, "beta", "b1").await;
    eventually("others go on", async || found(&client, &other).await["state"] == "delivered").await;
    let waits = found(&client, &id).await;
    assert_eq!(
        (&waits["state"], &waits["next"]["held"]),
        (&json!("queued"), &json!("its customer is paused")),
        "{waits}"
    );
    assert_eq!(client.stat("accepted").await, 2, "what was refused is not stored");
    set(&client, "acme", json!({})).await;
    assert_eq!(client.get("/customers/acme").await.body.get("held"), None);
    eventually("it goes on", async || found(&client, &id).await["state"] == "delivered").await;
    assert_eq!(client.post(&event).await.body["duplicate"], false, "it is taken now");
}

#[actix_web::test]
async fn a_filter_that_cannot_be_is_refused_with_the_place_of_the_mistake() {
    let app = TestApp::start(&[]).await;
    let filter = json!({"include": ["a..b"], "expression": "data.amount >\n  nobody(1)"});
    let answer = put(&app.client, "acme", json!({ "filter": filter })).await;
    assert_problem(&answer, 422, "invalid_settings", "a pattern and an expression");
    assert_eq!(answer.pointers(), ["/filter/expression", "/filter/include/0"]);
    let detail = answer.body["errors"][1]["detail"].as_str().unwrap();
    assert!(detail.contains("line 2, column 9; byte 22"), "{detail}");
}

#[actix_web::test]
async fn no_customer_gets_its_events_into_an_application_of_another_one() {
    let settings = [
        ("ROUTING__UNKNOWN_CUSTOMER", "app_per_customer"),
        ("SVIX__APP_ID", "shared"),
    ];
    let app = TestApp::start(&settings).await;
    let client = &app.client;
    set(client, "mapped", json!({"application": "globex"})).await;
    let application = async |customer: &str| {
        let id = post(client, customer, &format!("evt_{customer}")).await;
        found(client, &id).await["application"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let of_odd = application("Äpfel").await;
    assert_eq!(application("mapped").await, "globex");
    assert_eq!(application("acme").await, "acme", "nobody else's");
    let mut seen = vec![
        "globex".to_owned(),
        "acme".to_owned(),
        "shared".to_owned(),
        of_odd.clone(),
    ];
    for customer in ["globex", "shared", &of_odd, "sha256_1"] {
        let application = application(customer).await;
        assert!(!seen.contains(&application), "{customer} goes to {application}");
        let preview = format!("/customers/{customer}/preview");
        let preview = client
            .send_json("POST", &preview, &json!({"settings": {}}))
            .await
            .body;
        assert_eq!((&preview["lookedAt"], &preview["same"]), (&json!(1), &json!(1)), "{preview}");
        seen.push(application);
    }
    // Who is to share one, for that one it is set.
    set(client, "also", json!({"application": "globex"})).await;
    assert_eq!(application("also").await, "globex");
}

#[actix_web::test]
async fn nobody_s_events_are_moved_by_what_is_set_for_another() {
    let app = TestApp::start(&[("ROUTING__UNKNOWN_CUSTOMER", "app_per_customer")]).await;
    let client = &app.client;
    let application = async |customer: &str, id: &str| {
        let id = post(client, customer, id).await;
        found(client, &id).await["application"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let to = |application: &str| json!({"application": application});
    set(client, "acme", to("acme-1")).await;
    set(client, "acme", json!({})).await;
    assert_eq!(application("busy", "evt_1").await, "busy");
    set(client, "known", json!({"name": "Known"})).await;
    let patch = async |customer: &str, patch: &serde_json::Value| {
        client
            .send_json("PATCH", &format!("/customers/{customer}"), patch)
            .await
    };
    for name in ["busy", "known"] {
        let why = "its events would go elsewhere";
        assert_problem(&put(client, "acme", to(name)).await, 409, "application_in_use", why);
        assert_problem(&patch("acme", &to(name)).await, 409, "application_in_use", why);
    }
    assert_eq!(application("busy", "evt_2").await, "busy");
    // Where it is set for both, they share it.
    set(client, "busy", to("busy")).await;
    set(client, "acme", to("busy")).await;
    assert_eq!(application("busy", "evt_3").await, "busy");

    // The same the other way round: who came later has another one, and keeps it.
    set(client, "first", to("late")).await;
    let own = application("late", "evt_1").await;
    assert!(own.starts_with("sha256_"), "{own}");
    let deleted = client.request("DELETE", "/customers/first").await;
    assert_problem(&deleted, 409, "application_in_use", "it would get that of its name");
    for (settings, why) in [(to("other"), "by another one"), (json!({}), "by none")] {
        assert_problem(&put(client, "first", settings).await, 409, "application_in_use", why);
    }
    let back = client
        .send_json("POST", "/customers/first/rollback", &json!({"version": 1}))
        .await;
    assert_eq!(back.status, 200, "what changes nothing is let through");
    assert_eq!(patch("first", &json!({"name": "First"})).await.status, 200, "and what else is set");
    set(client, "late", to(&own)).await;
    assert_eq!(client.request("DELETE", "/customers/first").await.status, 204);
    assert_eq!(application("late", "evt_2").await, own);
}
