//! Accounts at Svix beside the operator's own: written, tried, used, given new tokens, and kept secret.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use svix_hooks::sandbox::{DEFAULT_TOKEN, Faults, Sandbox, SandboxOptions};
use svix_hooks::secrets::MasterKey;

use crate::support::customers::{found, post, put, set};
use crate::support::{Answer, Client, TestApp, World, assert_at_fault, assert_problem, eventually};

/// What allows accounts to lead to a stand-in, and keeps their tokens.
fn settings(key: &str) -> [(&'static str, &str); 2] {
    [
        ("ACCOUNTS__ALLOWED_NETWORKS", "127.0.0.0/8"),
        ("SECRETS__KEYS", key),
    ]
}

fn key() -> String {
    MasterKey::generate().unwrap().text().expose_secret().to_owned()
}

fn sandbox(token: &str) -> Sandbox {
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    sandbox.set_token(token);
    sandbox
}

async fn put_account(client: &Client, name: &str, account: &Value) -> Answer {
    client
        .send_json("PUT", &format!("/accounts/{name}"), account)
        .await
}

#[actix_web::test]
async fn a_customer_sends_through_its_own_account() {
    let key = key();
    let app = TestApp::start(&settings(&key)).await;
    let (client, own) = (&app.client, sandbox("testsk_acme_1234.eu"));
    let account = json!({"serverUrl": own.url(), "token": "testsk_acme_1234.eu", "requestsPerSecond": 500, "burst": 50});
    let written = put_account(client, "acme-eu", &account).await;
    assert_eq!(written.status, 201, "{}", written.body);
    let shown = json!({"serverUrl": own.url(), "token": "…4.eu", "requestsPerSecond": 500.0, "burst": 50});
    for (member, right) in shown.as_object().unwrap() {
        assert_eq!(&written.body[member], right, "{}", written.body);
    }
    let check = json!({"region": "eu", "reachable": true, "permission": "organization", "status": 200});
    assert_eq!(written.body["check"], check);
    let unknown = put(client, "acme", json!({"account": "acme-us"})).await;
    assert_at_fault(&unknown, "invalid_member", "/account", "no such account");
    set(client, "acme", json!({"account": "acme-eu", "name": "Acme Inc"})).await;
    let id = post(client, "acme", "e1").await;
    post(client, "globex", "e1").await;
    eventually("both are delivered", async || client.stat("delivered").await == 2).await;
    assert_eq!((own.message_count(), app.sandbox.message_count()), (1, 1));
    let notification = found(client, &id).await;
    let accepted = &notification["history"][0];
    assert_eq!(
        (&notification["account"], &accepted["application"], &accepted["applicationFrom"]),
        (&json!("acme-eu"), &json!("acme"), &json!("app_per_customer")),
        "the default application is the operator's: {notification}"
    );
    let deleted = client.request("DELETE", "/accounts/acme-eu").await;
    assert_problem(&deleted, 409, "account_in_use", "a customer goes through it");
    eventually("the health names both", async || {
        let health = client.get("/health").await.body.to_string();
        health.contains("account acme-eu") && health.contains("account default")
    })
    .await;
    set(client, "acme", json!({})).await;
    assert_eq!(client.request("DELETE", "/accounts/acme-eu").await.status, 204);
    assert_eq!(client.get("/accounts/acme-eu").await.status, 404);
    let versions = client.get("/accounts/acme-eu/versions").await.body;
    assert_eq!(versions["data"].as_array().unwrap().len(), 2, "{versions}");
}

#[actix_web::test]
async fn what_is_written_of_an_account_is_checked() {
    let key = key();
    let app = TestApp::start(&settings(&key)).await;
    let client = &app.client;
    let table = [
        (json!({}), "/token", "no token"),
        (json!({"token": ""}), "/token", "an empty one"),
        (json!({"token": 5}), "/token", "not a text"),
        (json!({"token": "sk_1", "serverUrl": "http://api.svix.com"}), "/serverUrl", "in clear"),
        (json!({"token": "sk_1", "serverUrl": "https://10.0.0.1"}), "/serverUrl", "a private address"),
        (json!({"token": "sk_1", "serverUrl": "https://169.254.169.254"}), "/serverUrl", "a cloud's secrets"),
        (json!({"token": "sk_1", "serverUrl": "https://x:y@api.svix.com"}), "/serverUrl", "a credential"),
        (json!({"token": "sk_1", "requestsPerSecond": 0}), "/requestsPerSecond", "no rate"),
        (json!({"token": "sk_1", "tokens": 1}), "/tokens", "a mistyped member"),
    ];
    for (account, pointer, why) in table {
        let answer = put_account(client, "acme", &account).await;
        assert_at_fault(&answer, "invalid_member", pointer, why);
        assert!(!answer.body.to_string().contains("sk_1"), "{why}: {}", answer.body);
    }
    assert_problem(
        &put_account(client, "default", &json!({"token": "sk_1"})).await,
        409,
        "set_by_file",
        "the operator's",
    );
    assert_eq!(
        put_account(client, "No%20Good", &json!({"token": "sk_1"}))
            .await
            .status,
        404
    );
    let operators = client.get("/accounts/default").await.body;
    assert_eq!((&operators["source"], &operators["serverUrl"]), (&json!("file"), &json!(app.sandbox.url())));
    assert!(!operators.to_string().contains(DEFAULT_TOKEN), "{operators}");
    // What Svix says is told, and refuses nothing: it may be down just then.
    let other = sandbox("another");
    let refused = put_account(client, "acme", &json!({"token": "testsk_1", "serverUrl": other.url()})).await;
    let check = (&refused.body["check"]["permission"], &refused.body["check"]["reachable"]);
    assert_eq!((refused.status, check), (201, (&json!("refused"), &json!(true))), "{}", refused.body);
    other.stop();
    let down = client.request("POST", "/accounts/acme/check").await;
    assert_eq!((down.status, &down.body["reachable"]), (200, &json!(false)), "{}", down.body);
    let moved = client
        .send_json("PATCH", "/accounts/acme", &json!({"serverUrl": "https://api.eu.svix.com"}))
        .await;
    assert_at_fault(&moved, "invalid_member", "/token", "no token goes to another server by mistake");
    let list = client.get("/accounts").await.body;
    let names: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| &account["id"])
        .collect();
    assert_eq!(names, [&json!("acme"), &json!("default")]);
    assert!(!list.to_string().contains("testsk_1"), "{list}");
}

#[actix_web::test]
async fn few_accounts_are_tried_at_once_and_a_write_does_not_depend_on_it() {
    let key = key();
    let mut all = settings(&key).to_vec();
    all.push(("SVIX__REQUEST_TIMEOUT_MS", "60000"));
    let app = TestApp::start(&all).await;
    let (client, own) = (&app.client, sandbox("testsk_1"));
    let account = json!({"serverUrl": own.url(), "token": "testsk_1"});
    assert_eq!(put_account(client, "acme", &account).await.status, 201);
    own.set_faults(Faults {
        hang_before: true,
        ..Faults::default()
    });
    let before = own.request_count();
    let tries: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            actix_web::rt::spawn(async move { client.request("POST", "/accounts/acme/check").await })
        })
        .collect();
    eventually("all of them are out", async || own.request_count() == before + 4).await;
    let more = client.request("POST", "/accounts/acme/check").await;
    assert_problem(&more, 503, "overloaded", "as many are tried as may be");
    assert_eq!(more.header("retry-after"), Some("1"));
    let written = put_account(client, "globex", &account).await;
    assert_eq!(written.status, 201, "it is written: {}", written.body);
    let check = &written.body["check"];
    let detail = check["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("others are being tried") && check["reachable"] == false, "{check}");
    assert_eq!(client.get("/accounts/globex").await.status, 200);
    assert_eq!(own.request_count(), before + 4, "nothing more went out");
    own.stop();
    for tried in tries {
        let tried = tried.await.unwrap();
        assert_eq!((tried.status, &tried.body["reachable"]), (200, &json!(false)), "{}", tried.body);
    }
    let again = client.request("POST", "/accounts/acme/check").await;
    assert_eq!(again.status, 200, "there is room again: {}", again.body);
}

#[actix_web::test]
async fn without_a_master_key_no_token_is_taken() {
    let app = TestApp::start(&[]).await;
    let answer = put_account(&app.client, "acme", &json!({"token": "testsk_1"})).await;
    assert_at_fault(&answer, "invalid_member", "/token", "it cannot be sealed");
    let detail = answer.body["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("secrets new-key") && !detail.contains("testsk_1"), "{detail}");
    assert!(app.client.get("/accounts/acme").await.status == 404, "nothing is kept");
}

#[actix_web::test]
async fn a_retry_keeps_its_token_through_a_rotation_and_a_restart() {
    let key = key();
    let mut own_settings = settings(&key).to_vec();
    own_settings.push(("RETRY__INITIAL_BACKOFF_MS", "300"));
    own_settings.push(("RETRY__MAX_BACKOFF_MS", "300"));
    own_settings.push(("RETRY__MAX_ATTEMPTS", "1000"));
    own_settings.push(("SVIX__CIRCUIT_THRESHOLD", "1000"));
    let mut app = TestApp::start(&own_settings).await;
    let own = sandbox("testsk_old");
    own.add_application("app_1");
    let account = |token: &str| json!({"serverUrl": own.url(), "token": token});
    put_account(&app.client, "acme", &account("testsk_old")).await;
    set(&app.client, "acme", json!({"account": "acme", "application": "app_1"})).await;
    own.set_faults(Faults::answering(503));
    post(&app.client, "acme", "old").await;
    eventually("it was tried", async || own.answered_with(503) > 0).await;
    own.accept_any_token(true);
    let rotated = put_account(&app.client, "acme", &account("testsk_new")).await;
    assert_eq!((rotated.status, &rotated.body["token"]), (200, &json!("…ew")), "{}", rotated.body);
    app.stop().await.unwrap();
    app.start_again(&own_settings).await;
    post(&app.client, "acme", "new").await;
    eventually("both are tried", async || own.answered_with(503) > 4).await;
    own.clear_faults();
    eventually("both are delivered", async || app.client.stat("delivered").await == 2).await;
    let sent = own.requests();
    let tokens = |id: &str| -> Vec<String> {
        let of = sent
            .iter()
            .filter(|request| request.event_id.as_deref() == Some(id));
        let mut tokens: Vec<_> = of
            .map(|request| request.authorization.clone().unwrap_or_default())
            .collect();
        tokens.sort();
        tokens.dedup();
        tokens
    };
    let recorded = |token: &str| {
        let digest = Sha256::digest(format!("Bearer {token}"));
        let hex: Vec<_> = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        hex.concat()
    };
    assert_eq!(tokens("old"), [recorded("testsk_old")]);
    assert_eq!(tokens("new"), [recorded("testsk_new")]);
}

#[actix_web::test]
async fn an_account_that_something_waits_for_stays_and_where_it_is_gone_all_the_same_that_is_told() {
    let key = key();
    let mut app = TestApp::start(&settings(&key)).await;
    let own = sandbox("testsk_1");
    let account = json!({"serverUrl": own.url(), "token": "testsk_1"});
    put_account(&app.client, "acme", &account).await;
    set(&app.client, "acme", json!({"account": "acme", "paused": true})).await;
    let id = post(&app.client, "acme", "e1").await;
    own.set_faults(Faults::answering(503));
    set(&app.client, "acme", json!({})).await;
    let refused = app.client.request("DELETE", "/accounts/acme").await;
    assert_problem(&refused, 409, "account_in_use", "something is queued for it");
    app.stop().await.unwrap();
    app.store
        .tamper("DELETE FROM settings WHERE kind = 'account'")
        .await;
    app.store
        .tamper("DELETE FROM setting_versions WHERE kind = 'account'")
        .await;
    app.start_again(&[]).await;
    eventually("the health names it", async || {
        let health = app.client.get("/health").await.body.to_string();
        health.contains("account acme") && health.contains("no account of this name is set")
    })
    .await;
    assert_eq!(found(&app.client, &id).await["state"], "queued");
    own.clear_faults();
    put_account(&app.client, "acme", &account).await;
    eventually("it is delivered", async || own.message_count() == 1).await;
    eventually("all is well", async || app.client.get("/health").await.body["status"] == "ok").await;
}

#[actix_web::test]
async fn tokens_of_accounts_show_in_no_log_answer_or_file() {
    let (world, key) = (World::new(), key());
    let own = sandbox("testsk_of_acme_alone");
    own.set_faults(Faults {
        echo_authorization: true,
        ..Faults::default()
    });
    let mut all = settings(&key).to_vec();
    all.push(("LOG__LEVEL", "trace"));
    let process = world.start(&all).await;
    let client = &process.client;
    let mut answers = Vec::new();
    for token in ["testsk_of_acme_alone", "testsk_of_acme_two"] {
        let account = json!({"serverUrl": own.url(), "token": token});
        answers.push(put_account(client, "acme", &account).await);
    }
    answers.push(put_account(client, "acme", &json!({"token": "testsk with blanks", "serverUrl": 5})).await);
    set(client, "acme", json!({"account": "acme"})).await;
    let id = post(client, "acme", "e1").await;
    eventually("it was refused", async || own.answered_with(401) > 0).await;
    for path in [
        "/accounts",
        "/accounts/acme",
        "/accounts/acme/versions",
        "/health",
        &format!("/notifications/{id}"),
    ] {
        answers.push(client.get(path).await);
    }
    let log = process.log().join("\n");
    drop(process);
    let contents = world.store.contents().await;
    for secret in [
        "testsk_of_acme_alone",
        "testsk_of_acme_two",
        "testsk with blanks",
        &key,
    ] {
        for answer in &answers {
            assert!(!answer.body.to_string().contains(secret), "{secret}: {}", answer.body);
        }
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!contents.contains(secret), "{secret} is in the store");
    }
}
