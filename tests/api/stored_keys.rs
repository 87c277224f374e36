//! Keys that are made over HTTP: shown once, in force at once, and gone at once.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::keys::new_key;
use crate::support::{
    ADMIN, TestApp, World, admin, assert_at_fault, assert_problem, event, eventually, stored_key,
};

#[actix_web::test]
async fn the_first_key_closes_the_service_and_is_an_admins() {
    let mut app = TestApp::start(&[]).await;
    let reader = json!({"name": "reader", "scopes": ["read", "ingest", "operate"]});
    let refused = app.client.send_json("POST", "/keys", &reader).await;
    assert_problem(&refused, 422, "invalid_settings", "nobody could make another one");
    assert_at_fault(&refused, "invalid_member", "/scopes", "nobody could make another one");
    let short = json!({"name": ADMIN, "scopes": ["admin"], "expiresAt": "2100-01-01T00:00:00Z"});
    let refused = app.client.send_json("POST", "/keys", &short).await;
    assert_problem(&refused, 422, "invalid_settings", "nobody could make another one after that");
    assert_at_fault(&refused, "invalid_member", "/expiresAt", "nobody could make another one after that");
    assert_eq!(app.client.get("/stats").await.status, 200, "it is as open as before");
    let admin = admin(&app.client).await;
    for (answer, why) in [
        (app.client.get("/stats").await, "looking"),
        (app.client.post(&event("evt_1")).await, "posting"),
        (app.client.send_json("POST", "/keys", &reader).await, "making a key"),
    ] {
        assert_problem(&answer, 401, "unauthorized", why);
    }
    assert_eq!(admin.send_json("POST", "/keys", &reader).await.status, 201, "others need not be admins");
    app.stop().await.expect("it stops");
    app.start_again(&[]).await;
    assert_eq!(app.client.get("/stats").await.status, 401, "after a new start too");
}

#[actix_web::test]
async fn a_key_is_shown_once_and_kept_by_its_hash() {
    let world = World::new();
    let mut process = world.start(&[("LOG__LEVEL", "trace")]).await;
    let first = json!({"name": ADMIN, "scopes": ["admin"]});
    let made = process.client.send_json("POST", "/keys", &first).await;
    assert_eq!((made.status, made.header("location")), (201, Some("/keys/first-admin")), "{}", made.body);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let key = made.body["key"].as_str().expect("it is shown").to_owned();
    assert!(key.starts_with("shk_") && key.len() == 68, "{key}");
    let client = process.client.with_key(&key);
    let mut seen = String::new();
    for path in ["/keys", "/keys/first-admin", "/audit", "/health", "/customers"] {
        seen.push_str(&client.get(path).await.body.to_string());
    }
    let again = client.send_json("POST", "/keys", &first).await;
    assert_problem(&again, 409, "key_exists", "it would become another key");
    seen.push_str(&again.body.to_string());
    process.signal("TERM");
    assert!(process.ended().await.success(), "{:?}", process.log());
    seen.push_str(&process.log().join("\n"));
    let hash: String = Sha256::digest(&key)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let contents = world.store.contents().await;
    assert!(contents.contains(&hash), "the store knows it by its hash");
    assert!(!seen.contains(&hash) && seen.contains(ADMIN), "and shows it nowhere");
    for text in [seen, contents] {
        assert!(!text.contains(key.trim_start_matches("shk_")), "the key was shown again");
    }
}

#[actix_web::test]
async fn a_key_tells_what_it_may_do_and_opens_no_more() {
    let app = TestApp::start(&[]).await;
    let admin = admin(&app.client).await;
    let asked = json!({"name": "Äpfel/1", "scopes": ["read"], "expiresAt": "2100-01-01T00:00:00Z"});
    let made = admin.send_json("POST", "/keys", &asked).await;
    assert_eq!((made.status, made.header("location")), (201, Some("/keys/%C3%84pfel%2F1")), "{}", made.body);
    let found = admin.get("/keys/%C3%84pfel%2F1").await.body;
    for (member, right) in [
        ("name", json!("Äpfel/1")),
        ("scopes", json!(["read"])),
        ("expiresAt", json!("2100-01-01T00:00:00.000Z")),
        ("source", json!("store")),
        ("by", json!(ADMIN)),
    ] {
        assert_eq!(found[member], right, "{found}");
    }
    assert_eq!((found.get("key"), found.get("hash"), found.get("lastUsedAt")), (None, None, None), "{found}");
    let client = app.client.with_key(made.body["key"].as_str().unwrap());
    assert_eq!((client.get("/stats").await.status, client.post(&event("a")).await.status), (200, 403));
    assert_problem(&client.get("/keys").await, 403, "forbidden", "keys are for admins");
    eventually("its use is told", async || {
        admin.get("/keys/%C3%84pfel%2F1").await.body["lastUsedAt"].is_string()
    })
    .await;
    for (asked, pointer, why) in [
        (json!({"scopes": ["read"]}), "/name", "a key has a name"),
        (json!({"name": "a", "scopes": ["all"]}), "/scopes", "no such scope"),
        (json!({"name": "a", "scopes": ["admin"], "customer": "acme"}), "/customer", "admins are for all"),
        (json!({"name": "a", "scopes": ["read"], "expiresAt": "2020-01-01T00:00:00Z"}), "/expiresAt", "over"),
        (json!({"name": "a", "scopes": ["read"], "hash": "sha256:00"}), "/hash", "nobody chooses that"),
    ] {
        let answer = admin.send_json("POST", "/keys", &asked).await;
        assert_problem(&answer, 422, "invalid_settings", why);
        assert_at_fault(&answer, "invalid_member", pointer, why);
    }
}

#[actix_web::test]
async fn a_key_ends_when_it_is_revoked_or_its_time_is_over() {
    let app = TestApp::start(&[]).await;
    let admin = admin(&app.client).await;
    let first = app
        .client
        .with_key(&stored_key(&admin, "ci", &["read"], None).await);
    assert_eq!(first.get("/stats").await.status, 200);
    assert_eq!(admin.request("DELETE", "/keys/ci").await.status, 204);
    assert_problem(&first.get("/stats").await, 401, "unauthorized", "it is revoked");
    assert_problem(&admin.get("/keys/ci").await, 404, "not_found", "and gone");
    assert_problem(&admin.request("DELETE", "/keys/ci").await, 404, "not_found", "once only");
    let second = app
        .client
        .with_key(&stored_key(&admin, "ci", &["read"], None).await);
    assert_eq!((first.get("/stats").await.status, second.get("/stats").await.status), (401, 200));

    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(2500);
    let asked = json!({"name": "short", "scopes": ["read"], "expiresAt": soon.to_string()});
    let made = admin.send_json("POST", "/keys", &asked).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let short = app.client.with_key(made.body["key"].as_str().unwrap());
    eventually("it is over", async || short.get("/stats").await.status == 401).await;
    assert_eq!(admin.get("/keys/short").await.status, 200, "it is there until somebody deletes it");
}

#[actix_web::test]
async fn the_last_key_that_can_make_keys_stays() {
    let mut app = TestApp::start(&[]).await;
    let first = admin(&app.client).await;
    stored_key(&first, "ci", &["operate"], None).await;
    let refused = first.request("DELETE", "/keys/first-admin").await;
    assert_problem(&refused, 409, "last_admin_key", "another is there, and can make none");
    assert_eq!(first.get("/keys/first-admin").await.status, 200);
    let second = app
        .client
        .with_key(&stored_key(&first, "second", &["admin"], None).await);
    assert_eq!(first.request("DELETE", "/keys/first-admin").await.status, 204);
    let refused = second.request("DELETE", "/keys/second").await;
    assert_problem(&refused, 409, "last_admin_key", "now it is the last");
    assert_eq!(second.request("DELETE", "/keys/ci").await.status, 204, "others may go");
    app.stop().await.expect("it stops");
    let ops = new_key("ops", "admin");
    app.start_again(&[("AUTH__KEYS", &ops.entry)]).await;
    let client = app.client.with_key(&ops.key);
    assert_eq!(client.request("DELETE", "/keys/second").await.status, 204, "the configuration has another");
}

#[actix_web::test]
async fn keys_of_the_configuration_are_listed_and_stay_as_they_are() {
    let ops = new_key("ops", "admin");
    let app = TestApp::start(&[("AUTH__KEYS", &ops.entry)]).await;
    let client = app.client.with_key(&ops.key);
    for name in ["a", "z"] {
        stored_key(&client, name, &["read"], None).await;
    }
    let (mut names, mut path) = (Vec::new(), "/keys?limit=1".to_owned());
    loop {
        let page = client.get(&path).await.body;
        let of_page = page["data"].as_array().unwrap().iter();
        names.extend(of_page.map(|key| (key["name"].clone(), key["source"].clone())));
        let Some(next) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/keys?limit=1&cursor={next}");
    }
    for query in ["limit=0", "limit=251", "cursor=", "cursor=..", "order=name"] {
        assert_problem(&client.get(&format!("/keys?{query}")).await, 400, "invalid_parameter", query);
    }
    let right = [("a", "store"), ("ops", "file"), ("z", "store")];
    assert_eq!(names, right.map(|(name, source)| (json!(name), json!(source))));
    let again = json!({"name": "ops", "scopes": ["read"]});
    for answer in [
        client.send_json("POST", "/keys", &again).await,
        client.request("DELETE", "/keys/ops").await,
    ] {
        assert_problem(&answer, 409, "set_by_file", "a file says what it is");
    }
    assert_eq!(client.get("/keys/ops").await.body["scopes"], json!(["admin"]));
}

#[actix_web::test]
async fn replicas_hear_of_keys_within_moments() {
    let world = World::on_postgres();
    let (one, other) = (world.start(&[]).await, world.start(&[]).await);
    let client = admin(&one.client).await;
    let elsewhere = |key: &str| other.client.with_key(key);
    eventually("the other is closed too", async || other.client.get("/stats").await.status == 401).await;
    let key = stored_key(&client, "ci", &["read"], None).await;
    eventually("the other knows it", async || elsewhere(&key).get("/stats").await.status == 200).await;
    assert_eq!(client.request("DELETE", "/keys/ci").await.status, 204);
    assert_eq!(one.client.with_key(&key).get("/stats").await.status, 401, "here at once");
    eventually("the other refuses it", async || elsewhere(&key).get("/stats").await.status == 401).await;
    let listed = client.get("/keys").await.body;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["data"][0].get("key"), None::<&Value>);
}
