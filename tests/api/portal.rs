//! Tokens for a customer's own page: shown once, bound, short-lived, few, and gone at once when they are revoked.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::customers::set;
use crate::support::{
    Answer, Client, TestApp, World, admin, assert_at_fault, assert_problem, event, eventually, stored_key,
};

async fn ask(client: &Client, customer: &str, asked: Value) -> Answer {
    let path = format!("/customers/{customer}/portal-access");
    client.send_json("POST", &path, &asked).await
}

/// Has a token made; returns its name and a client with it.
async fn token(client: &Client, customer: &str, asked: Value) -> (String, Client) {
    let made = ask(client, customer, asked).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let text = |member: &str| made.body[member].as_str().expect("it is there").to_owned();
    (text("name"), client.with_key(&text("token")))
}

/// Lists the names of a customer's tokens.
async fn names(client: &Client, customer: &str) -> Vec<String> {
    let list = client.get(&format!("/customers/{customer}/portal-access")).await;
    assert_eq!(list.status, 200, "{}", list.body);
    let data = list.body["data"].as_array().expect("a list").iter();
    data.map(|token| token["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[actix_web::test]
async fn a_page_sees_and_changes_what_is_its_customers_and_nothing_else() {
    let app = TestApp::start(&[]).await;
    let admin = admin(&app.client).await;
    let operator = stored_key(&admin, "operator", &["operate"], None).await;
    let operator = app.client.with_key(&operator);
    set(&admin, "acme", json!({"selfService": ["filter"]})).await;
    set(&admin, "globex", json!({})).await;
    let made = operator.request("POST", "/customers/acme/portal-access").await;
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")), "{}", made.body);
    assert_eq!(made.body["customer"], "acme");
    let end: jiff::Timestamp = made.body["expiresAt"].as_str().unwrap().parse().unwrap();
    let left = end.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((3500..=3600).contains(&left), "an hour: {left}");
    let page = app.client.with_key(made.body["token"].as_str().unwrap());
    let (_, reader) = token(&operator, "acme", json!({"readOnly": true, "expiresInS": 60})).await;

    assert_eq!(page.get("/notifications").await.status, 200);
    let own = json!({"filter": {"include": ["a.*"]}});
    let written = page.send_json("PATCH", "/customers/acme", &own).await;
    assert_eq!((written.status, &written.body["by"]), (200, &made.body["name"]), "{}", written.body);
    let refused = reader.send_json("PATCH", "/customers/acme", &own).await;
    assert_problem(&refused, 403, "forbidden", "it may look only");
    assert_eq!(reader.get("/customers/acme").await.body["filter"], own["filter"]);
    for client in [&page, &reader] {
        assert_problem(&client.post(&event("e1")).await, 403, "forbidden", "it posts nothing");
        assert_problem(&client.get("/customers/globex").await, 404, "not_found", "another's");
        assert_problem(&client.get("/keys").await, 403, "forbidden", "keys are for admins");
        for customer in ["acme", "globex"] {
            let more = ask(client, customer, json!({})).await;
            assert_problem(&more, 403, "forbidden", "a token makes none");
            let list = client.get(&format!("/customers/{customer}/portal-access")).await;
            assert_problem(&list, 403, "forbidden", "nor does it see others");
        }
    }
    for (asked, pointer) in [
        (json!({"expiresInS": 59}), "/expiresInS"),
        (json!({"expiresInS": 86_401}), "/expiresInS"),
        (json!({"readOnly": "no"}), "/readOnly"),
        (json!({"scopes": ["admin"]}), "/scopes"),
    ] {
        let refused = ask(&operator, "acme", asked).await;
        assert_problem(&refused, 422, "invalid_settings", pointer);
        assert_at_fault(&refused, "invalid_member", pointer, pointer);
    }
    assert_problem(&ask(&operator, "%01", json!({})).await, 404, "not_found", "no name of a customer");
}

#[actix_web::test]
async fn a_token_holds_until_it_is_revoked_whatever_is_set_for_its_customer() {
    let app = TestApp::start(&[]).await;
    let admin = admin(&app.client).await;
    set(&admin, "acme", json!({})).await;
    let (name, page) = token(&admin, "acme", json!({})).await;
    let (other, _) = token(&admin, "acme", json!({})).await;
    token(&admin, "globex", json!({})).await;
    assert_eq!(names(&admin, "acme").await, [name.clone(), other.clone()]);
    let keys = admin.get("/keys").await.body;
    assert_eq!(keys["data"].as_array().map(Vec::len), Some(1), "the keys are not flooded: {keys}");
    let last = admin.request("DELETE", "/keys/first-admin").await;
    assert_problem(&last, 409, "last_admin_key", "tokens are no keys that make keys");

    assert_eq!(admin.request("DELETE", "/customers/acme").await.status, 204);
    assert_eq!(page.get("/stats").await.status, 200);
    let found = admin.get(&format!("/keys/{name}")).await.body;
    assert_eq!((&found["customer"], &found["scopes"]), (&json!("acme"), &json!(["read", "operate"])));
    assert_eq!((found.get("key"), found.get("hash")), (None, None), "{found}");
    let path = format!("/keys/{name}");
    assert_eq!(admin.request("DELETE", &path).await.status, 204);
    assert_problem(&page.get("/stats").await, 401, "unauthorized", "it is revoked");
    assert_problem(&admin.get(&path).await, 404, "not_found", "and gone");
    assert_problem(&admin.request("DELETE", &path).await, 404, "not_found", "once only");
    assert_eq!(names(&admin, "acme").await, [other]);
}

#[actix_web::test]
async fn a_token_ends_by_itself_and_leaves_the_store() {
    let mut app = TestApp::start(&[]).await;
    let admin_key = stored_key(&app.client, "first-admin", &["admin"], None).await;
    let admin = app.client.with_key(&admin_key);
    let made = ask(&admin, "acme", json!({})).await;
    let text = |member: &str| made.body[member].as_str().unwrap().to_owned();
    let name = text("name");
    assert_eq!(admin.with_key(&text("token")).get("/stats").await.status, 200);
    token(&admin, "acme", json!({"expiresInS": 86_400})).await;
    app.stop().await.expect("it stops");
    // Their names are in the order in which they were made.
    let early = "UPDATE settings SET document = replace(document, '\"expiresAt\":\"2', '\"expiresAt\":\"1') \
                 WHERE kind = 'portal' AND name = (SELECT min(name) FROM settings WHERE kind = 'portal')";
    app.store.tamper(early).await;
    app.start_again(&[]).await;
    let (admin, page) = (app.client.with_key(&admin_key), app.client.with_key(&text("token")));
    assert_problem(&page.get("/stats").await, 401, "unauthorized", "it is over");
    assert_eq!(names(&admin, "acme").await.len(), 1, "the other is not");
    let path = format!("/keys/{name}");
    assert_eq!(admin.get(&path).await.status, 200, "it is still kept");
    token(&admin, "acme", json!({})).await;
    assert_problem(&admin.get(&path).await, 404, "not_found", "until another is made");
    assert_eq!(names(&admin, "acme").await.len(), 2);
}

#[actix_web::test]
async fn a_customer_has_a_hundred_tokens_at_most() {
    let app = TestApp::start(&[]).await;
    let admin = admin(&app.client).await;
    let (first, _) = token(&admin, "acme", json!({"expiresInS": 600})).await;
    let more = (1..120).map(async |_| ask(&admin, "acme", json!({})).await.status);
    let made = futures_util::future::join_all(more).await;
    assert_eq!(made.iter().filter(|status| **status == 201).count(), 99);
    let refused = ask(&admin, "acme", json!({})).await;
    assert_problem(&refused, 409, "too_many_portal_tokens", "there are a hundred");
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((500..=600).contains(&wait), "until the first one ends: {wait}");
    assert_eq!(ask(&admin, "globex", json!({})).await.status, 201, "others have room");
    assert_eq!(admin.request("DELETE", &format!("/keys/{first}")).await.status, 204);
    assert_eq!(ask(&admin, "acme", json!({})).await.status, 201, "so has it now");
    assert_eq!(names(&admin, "acme").await.len(), 100);
}

#[actix_web::test]
async fn a_token_is_no_first_key_and_stays_bound_where_there_are_none() {
    let app = TestApp::start(&[]).await;
    set(&app.client, "globex", json!({})).await;
    let (_, page) = token(&app.client, "acme", json!({})).await;
    assert_eq!(app.client.get("/keys").await.status, 200, "the service is as open as before");
    assert_problem(&page.get("/keys").await, 403, "forbidden", "and the page as closed");
    assert_problem(&page.get("/customers/globex").await, 404, "not_found", "and of one customer");
    let reader = json!({"name": "reader", "scopes": ["read"]});
    let refused = app.client.send_json("POST", "/keys", &reader).await;
    assert_at_fault(&refused, "invalid_member", "/scopes", "the first key is an admin's");
}

#[actix_web::test]
async fn a_token_is_shown_once_and_kept_by_its_hash() {
    let world = World::new();
    let mut process = world.start(&[("LOG__LEVEL", "trace")]).await;
    let client = admin(&process.client).await;
    let made = ask(&client, "acme", json!({})).await;
    let (text, name) = (made.body["token"].as_str().unwrap(), made.body["name"].as_str().unwrap());
    assert_eq!(client.with_key(text).get("/stats").await.status, 200);
    let mut seen = String::new();
    let own = format!("/keys/{name}");
    for path in [
        "/keys",
        &own,
        "/customers/acme/portal-access",
        "/health",
        "/customers",
    ] {
        seen.push_str(&client.get(path).await.body.to_string());
    }
    process.signal("TERM");
    assert!(process.ended().await.success(), "{:?}", process.log());
    seen.push_str(&process.log().join("\n"));
    let hash: String = Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let contents = world.store.contents().await;
    assert!(contents.contains(&hash) && seen.contains(name));
    assert!(!seen.contains(&hash), "its hash is shown nowhere");
    for seen in [seen, contents] {
        assert!(!seen.contains(text.trim_start_matches("shk_")), "the token was shown again");
    }
}

#[actix_web::test]
async fn replicas_hear_of_tokens_within_moments() {
    let world = World::on_postgres();
    let (one, other) = (world.start(&[]).await, world.start(&[]).await);
    let client = admin(&one.client).await;
    let made = ask(&client, "acme", json!({})).await;
    let elsewhere = other.client.with_key(made.body["token"].as_str().unwrap());
    eventually("the other is closed to those without a key", async || {
        other.client.get("/stats").await.status == 401
    })
    .await;
    eventually("the other knows it", async || elsewhere.get("/stats").await.status == 200).await;
    assert_problem(&elsewhere.get("/health").await, 403, "forbidden", "it is bound there too");
    let path = format!("/keys/{}", made.body["name"].as_str().unwrap());
    assert_eq!(client.request("DELETE", &path).await.status, 204);
    eventually("the other refuses it", async || elsewhere.get("/stats").await.status == 401).await;
}
