//! What customers change themselves, with keys that are bound to them: what an admin lets them, and nothing else.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use svix_hooks::sandbox::{Sandbox, SandboxOptions};
use svix_hooks::secrets::MasterKey;

use crate::support::customers::{put, set};
use crate::support::{
    ADMIN, Answer, Client, TestApp, assert_at_fault, assert_problem, eventually, stored_key,
};

/// A service with an admin and a customer, whose key may do all that such a key may.
struct Own {
    app: TestApp,
    admin: Client,
    acme: Client,
    /// Of the admin and of the customer.
    keys: [String; 2],
}

impl Own {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let app = TestApp::start(settings).await;
        let of_admin = stored_key(&app.client, ADMIN, &["admin"], None).await;
        let admin = app.client.with_key(&of_admin);
        let key = stored_key(&admin, "acme-key", &["ingest", "operate"], Some("acme")).await;
        let acme = app.client.with_key(&key);
        Self {
            app,
            admin,
            acme,
            keys: [of_admin, key],
        }
    }

    async fn patch(&self, patch: Value) -> Answer {
        self.acme.send_json("PATCH", "/customers/acme", &patch).await
    }
}

#[actix_web::test]
async fn a_customer_changes_what_is_its_own_and_nothing_else() {
    let own = Own::start(&[]).await;
    let filter = json!({"filter": {"include": ["a.*"]}});
    assert_problem(&own.patch(filter.clone()).await, 403, "forbidden", "nothing is set for it");
    set(&own.admin, "acme", json!({"name": "Acme", "account": "default"})).await;
    assert_problem(&own.patch(filter.clone()).await, 403, "forbidden", "nothing is its own");
    assert_problem(&own.patch(json!({})).await, 403, "forbidden", "not even that");
    let wrong = put(&own.admin, "acme", json!({"selfService": ["name"]})).await;
    assert_at_fault(&wrong, "invalid_member", "/selfService", "an admin's own");
    set(&own.admin, "acme", json!({"name": "Acme", "selfService": ["filter"]})).await;

    let seen = own.acme.get("/customers/acme").await;
    let condition = Some(("if-match", seen.header("etag").unwrap()));
    let patch = async |condition| {
        own.acme
            .send_json_if("PATCH", "/customers/acme", &filter, condition)
            .await
    };
    let written = patch(condition).await;
    assert_eq!((written.status, &written.body["filter"]), (200, &filter["filter"]), "{}", written.body);
    assert_problem(&patch(condition).await, 412, "precondition_failed", "another version is there");
    let versions = own.admin.get("/customers/acme/versions").await.body;
    assert_eq!((&versions["data"][0]["by"], &versions["data"][0]["diff"]), (&json!("acme-key"), &filter));
    let event = json!({"id": "e1", "type": "b.c", "data": {}});
    assert_eq!(own.acme.post(&event).await.body["state"], "filtered", "it is in force");
    let wrong = own.patch(json!({"filter": {"include": ["a..b"]}})).await;
    assert_at_fault(&wrong, "invalid_member", "/filter/include/0", "filters are looked at as ever");

    for member in [
        "name",
        "account",
        "application",
        "retry",
        "maxQueued",
        "paused",
        "selfService",
        "nonsense",
    ] {
        for value in [json!("x"), Value::Null] {
            let refused = own.patch(json!({"filter": {}, member: value})).await;
            assert_problem(&refused, 403, "forbidden", member);
            assert_at_fault(&refused, "forbidden", &format!("/{member}"), member);
        }
    }
    let after = own.admin.get("/customers/acme").await.body;
    assert_eq!((&after["version"], &after["name"]), (&written.body["version"], &json!("Acme")), "{after}");
    for (method, path) in [
        ("PUT", "/customers/acme"),
        ("DELETE", "/customers/acme"),
        ("POST", "/customers/acme/pause"),
        ("PATCH", "/customers/globex"),
        ("PATCH", "/customers/%01"),
    ] {
        let answer = own.acme.send_json(method, path, &json!({})).await;
        assert_problem(&answer, 403, "forbidden", path);
    }
    let reader = stored_key(&own.admin, "acme-reader", &["read"], Some("acme")).await;
    let reader = own.app.client.with_key(&reader);
    let refused = reader.send_json("PATCH", "/customers/acme", &filter).await;
    assert_problem(&refused, 403, "forbidden", "it may look");
    // An answer can be sent back with what is to change.
    let unchanged = own
        .patch(json!({"id": "acme", "version": 1, "filter": filter["filter"]}))
        .await;
    assert_eq!((unchanged.status, &unchanged.body["version"]), (200, &written.body["version"]));
}

#[actix_web::test]
async fn a_customers_own_retries_stay_within_everybodys() {
    let own = Own::start(&[
        ("RETRY__MAX_ATTEMPTS", "5"),
        ("RETRY__MAX_BACKOFF_MS", "1000"),
        ("RETRY__MAX_AGE_S", "60"),
    ])
    .await;
    let set_by_admin = json!({"retry": {"maxBackoffMs": 5000}, "selfService": ["retry"]});
    set(&own.admin, "acme", set_by_admin).await;
    let less = own
        .patch(json!({"retry": {"maxAttempts": 5, "maxAgeS": 60, "requestTimeoutMs": 2000}}))
        .await;
    assert_eq!((less.status, &less.body["retry"]["maxBackoffMs"]), (200, &json!(5000)), "{}", less.body);
    for (name, value) in [
        ("maxAttempts", 6),
        ("initialBackoffMs", 1001),
        ("maxBackoffMs", 4999),
        ("maxAgeS", 61),
        ("maxAgeS", 0),
        ("requestTimeoutMs", 2001),
    ] {
        let more = own.patch(json!({"retry": {name: value}})).await;
        assert_problem(&more, 422, "invalid_settings", name);
        assert_at_fault(&more, "invalid_member", &format!("/retry/{name}"), name);
    }
    assert_eq!(own.patch(json!({"retry": null})).await.body.get("retry"), None, "as for all");
}

#[actix_web::test]
async fn an_admin_says_in_files_too_what_is_a_customers_own() {
    let mut own = Own::start(&[]).await;
    own.app.stop().await.expect("it stops");
    let file = own.app.dir.path().join("customers.toml");
    std::fs::write(&file, "[customers.acme]\nself_service = ['filter']\n").expect("the file is written");
    own.app.start_with_files(&[], vec![file]).await;
    let [admin, acme] = own.keys.each_ref().map(|key| own.app.client.with_key(key));
    assert_eq!(admin.get("/customers/acme").await.body["selfService"], json!(["filter"]));
    let patch = async |patch| acme.send_json("PATCH", "/customers/acme", &patch).await;
    assert_problem(&patch(json!({"filter": {}})).await, 409, "set_by_file", "it is changed in the file");
    assert_problem(&patch(json!({"name": "x"})).await, 403, "forbidden", "it is not its own");
}

#[actix_web::test]
async fn a_customer_makes_and_keeps_an_account_of_its_own() {
    let key = MasterKey::generate().unwrap().text().expose_secret().to_owned();
    let settings = [
        ("ACCOUNTS__ALLOWED_NETWORKS", "127.0.0.0/8"),
        ("SECRETS__KEYS", key.as_str()),
    ];
    let own = Own::start(&settings).await;
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    sandbox.set_token("testsk_acme_one");
    let write =
        async |method: &str, body: Value| own.acme.send_json(method, "/accounts/acme-own", &body).await;
    let account = json!({"serverUrl": sandbox.url(), "token": "testsk_acme_one"});
    let closed = write("PUT", account.clone()).await;
    assert_problem(&closed, 403, "forbidden", "it is not set for the customer");
    let refused = put(&own.admin, "acme", json!({"account": "acme-own"})).await;
    assert_at_fault(&refused, "invalid_member", "/account", "nobody makes it");
    let settings = json!({"account": "acme-own", "selfService": ["account"]});
    set(&own.admin, "acme", settings.clone()).await;

    // What it posts waits until it has made its account.
    let event = json!({"id": "e1", "type": "a", "data": {}});
    assert_eq!(own.acme.post(&event).await.status, 202);
    assert_problem(&write("PATCH", json!({})).await, 404, "not_found", "it is not there yet");
    for member in ["requestsPerSecond", "burst", "requestTimeoutMs", "nonsense"] {
        let mut more = account.clone();
        more[member] = json!(5);
        for method in ["PUT", "PATCH"] {
            let refused = write(method, more.clone()).await;
            assert_at_fault(&refused, "forbidden", &format!("/{member}"), method);
        }
    }
    let made = write("PUT", account.clone()).await;
    assert_eq!((made.status, &made.body["check"]["status"]), (201, &json!(200)), "{}", made.body);
    eventually("it goes out there", async || sandbox.message_count() == 1).await;
    let rates = json!({"requestsPerSecond": 50.0, "burst": 20});
    let patched = own.admin.send_json("PATCH", "/accounts/acme-own", &rates).await;
    assert_eq!(patched.status, 200, "{}", patched.body);

    sandbox.set_token("testsk_acme_two");
    let rotated = write("PATCH", json!({"token": "testsk_acme_two"})).await;
    assert_eq!((rotated.status, &rotated.body["check"]["status"]), (200, &json!(200)), "{}", rotated.body);
    let again = json!({"serverUrl": sandbox.url(), "token": "testsk_acme_two"});
    let again = write("PUT", again).await.body;
    assert_eq!((&again["burst"], &again["requestsPerSecond"]), (&json!(20), &json!(50.0)), "an admin's stay");
    let shown = own.acme.get("/accounts/acme-own").await.body;
    assert_eq!((&shown["token"], &shown["by"]), (&json!("…two"), &json!("acme-key")), "{shown}");
    assert_eq!(own.acme.request("POST", "/accounts/acme-own/check").await.status, 200);
    own.admin
        .send_json("PATCH", "/accounts/acme-own", &json!({"burst": 30}))
        .await;
    assert_eq!(own.acme.get("/accounts/acme-own").await.body.get("by"), None, "whose key it was");

    // It is shared, or no more its own: then it is as if it were not there.
    set(&own.admin, "globex", json!({"account": "acme-own"})).await;
    assert_problem(&write("PUT", account.clone()).await, 403, "forbidden", "another uses it too");
    set(&own.admin, "globex", json!({})).await;
    assert_eq!(write("PATCH", json!({})).await.status, 200);
    set(&own.admin, "acme", json!({"account": "acme-own", "selfService": ["filter"]})).await;
    assert_problem(&write("PATCH", json!({})).await, 403, "forbidden", "an admin has taken it back");
    set(&own.admin, "acme", json!({"account": "default", "selfService": ["account"]})).await;
    for path in [
        "/accounts/acme-own",
        "/accounts/default",
        "/accounts/nothing",
        "/accounts/No",
    ] {
        for method in ["GET", "PUT", "PATCH"] {
            let answer = own.acme.send_json(method, path, &json!({})).await;
            assert_problem(&answer, 403, "forbidden", "the operator's is nobody's own");
            assert_eq!(answer.body["detail"], closed.body["detail"], "{method} {path}");
        }
    }
}
