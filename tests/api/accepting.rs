//! What callers get for what they post.

use serde_json::json;

use crate::support::{TestApp, event, eventually};

#[actix_web::test]
async fn an_accepted_event_reaches_svix_byte_for_byte_under_the_caller_s_id() {
    let app = TestApp::start(&[]).await;
    let body =
        r#"{ "id":"evt_1", "type" : "user.created","data":{"n":1.50,"deep":{"ä":[1,2]}}, "extra": null}"#;
    let answer = app.client.try_post(body, &[]).await.unwrap();
    assert_eq!(answer.status, 202);
    assert_eq!(answer.body["eventId"], "evt_1");
    assert_eq!(answer.body["customer"], "default");
    assert_eq!(answer.body["state"], "queued");
    assert_eq!(answer.body["duplicate"], false);
    assert_eq!(answer.header("location"), Some(format!("/notifications/{}", answer.id()).as_str()));
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    let messages = app.sandbox.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].payload.as_deref(), Some(body.as_bytes()));
    let request = app
        .sandbox
        .requests()
        .into_iter()
        .find(|request| request.method == "POST")
        .unwrap();
    assert_eq!(request.idempotency_key.as_deref(), Some("evt_1"));
    assert_eq!(request.event_id.as_deref(), Some("evt_1"));
    assert_eq!(request.path, "/api/v1/app/sandbox/msg?with_content=false");
    let found = app.client.get(&format!("/notifications/{}", answer.id())).await;
    assert_eq!(found.body["state"], "delivered");
    assert_eq!(found.body["svixMessageId"], messages[0].message_id.as_str());
    assert_eq!(found.body["attempts"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn the_same_content_is_one_notification_and_other_content_is_refused_with_both_digests() {
    let app = TestApp::start(&[]).await;
    let first = app.client.post(&event("evt_1")).await;
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    let table = [
        (r#"{"id":"evt_1","type":"user.created","data":{"for":"evt_1"}}"#, 202, "member order"),
        (
            "{\n \"data\": {\"for\": \"evt_1\"}, \"type\": \"user.created\", \"id\": \"evt_1\"}",
            202,
            "white space",
        ),
        (r#"{"id":"evt_1","type":"user.created","data":{"for":"evt_2"}}"#, 409, "another value"),
        (r#"{"id":"evt_1","type":"user.deleted","data":{"for":"evt_1"}}"#, 409, "another type"),
    ];
    for (body, status, why) in table {
        let answer = app.client.try_post(body, &[]).await.unwrap();
        assert_eq!(answer.status, status, "{why}: {:?}", answer.body);
        assert_eq!(answer.id(), first.id(), "{why}");
        if status == 202 {
            assert_eq!(answer.body["duplicate"], true, "{why}");
            assert_eq!(answer.body["state"], "delivered", "{why}");
        } else {
            assert_eq!(answer.code(), "content_conflict", "{why}");
            let digest = |name: &str| answer.body[name].as_str().unwrap().to_owned();
            assert_ne!(digest("storedDigest"), digest("postedDigest"), "{why}");
        }
    }
    eventually("each duplicate is counted", async || app.client.stat("duplicates").await == 2).await;
    assert_eq!(app.client.stat("accepted").await, 1);
    assert_eq!(app.sandbox.message_count(), 1);
}

#[actix_web::test]
async fn members_may_go_by_their_other_names_and_the_id_may_come_in_a_header() {
    let app = TestApp::start(&[]).await;
    let body = json!({"eventType": "user.created", "payload": {}, "createdAt": "2026-01-31T12:00:00Z"});
    let answer = app
        .client
        .try_post(body.to_string(), &[("idempotency-key", "key-1")])
        .await
        .unwrap();
    assert_eq!((answer.status, answer.body["eventId"].as_str()), (202, Some("key-1")));
    let found = app.client.get(&format!("/notifications/{}", answer.id())).await;
    assert_eq!(found.body["occurredAt"], "2026-01-31T12:00:00.000Z");
    assert_eq!(found.body["eventType"], "user.created");
}

#[actix_web::test]
async fn an_id_that_svix_would_not_take_goes_out_as_a_stable_digest() {
    let app = TestApp::start(&[]).await;
    for id in ["msg_1", "auto_1", "sha256_1", "with space", "ünïcode"] {
        let one = app.client.post(&event(id)).await;
        let two = app.client.post(&event(id)).await;
        assert_eq!((one.status, two.status), (202, 202), "{id}");
        assert!(one.body["eventId"].as_str().unwrap().starts_with("sha256_"), "{id}");
        assert_eq!(one.body["eventId"], two.body["eventId"], "{id}");
        assert_eq!(two.body["duplicate"], true, "{id}");
        let page = app
            .client
            .get(&format!(
                "/notifications?eventId={}",
                id.replace(' ', "%20")
                    .replace('ü', "%C3%BC")
                    .replace('ï', "%C3%AF")
            ))
            .await;
        assert_eq!(page.body["data"][0]["id"], one.body["id"], "{id} is found by what the caller calls it");
        let at_svix = one.body["eventId"].as_str().unwrap();
        let page = app.client.get(&format!("/notifications?eventId={at_svix}")).await;
        assert_eq!(page.body["data"][0]["id"], one.body["id"], "and by what Svix does: {id}");
    }
    eventually("all are delivered", async || app.client.stat("delivered").await == 5).await;
}

#[actix_web::test]
async fn no_customer_can_take_the_id_under_which_another_s_event_goes_out() {
    // What another's event would go out under is learnt where the same two meet beforehand.
    let rehearsal = TestApp::start(&[]).await;
    let event = |id: &str, customer: &str| json!({"id": id, "type": "a.b", "data": {"of": customer}, "project": customer});
    rehearsal.client.post(&event("invoice_1001", "mallory")).await;
    let digest = rehearsal.client.post(&event("invoice_1001", "globex")).await.body["eventId"].take();
    let digest = digest.as_str().unwrap();
    assert!(digest.starts_with("sha256_"), "{digest}");

    let app = TestApp::start(&[]).await;
    let mut ids = Vec::new();
    for (id, customer) in [
        ("invoice_1001", "mallory"),
        (digest, "mallory"),
        ("invoice_1001", "globex"),
    ] {
        let answer = app.client.post(&event(id, customer)).await;
        assert_eq!(answer.status, 202);
        ids.push(answer.body["eventId"].as_str().unwrap().to_owned());
    }
    eventually("all are delivered", async || app.client.stat("delivered").await == 3).await;
    assert_eq!(app.sandbox.message_count(), 3, "{ids:?}");
}

#[actix_web::test]
async fn two_customers_with_the_same_id_in_one_application_are_two_messages() {
    let app = TestApp::start(&[]).await;
    for customer in ["acme", "globex", "acme"] {
        let event = json!({"id": "1001", "type": "order.paid", "data": {}, "project": customer});
        assert_eq!(app.client.post(&event).await.status, 202);
    }
    eventually("both are delivered", async || app.client.stat("delivered").await == 2).await;
    assert_eq!(app.sandbox.message_count(), 2);
    assert_eq!(app.client.stat("duplicates").await, 1);
    let page = app.client.get("/notifications?eventId=1001").await;
    assert_eq!(page.body["data"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn each_customer_may_have_an_application_of_its_own_which_is_created_on_first_use() {
    let app = TestApp::start(&[("ROUTING__UNKNOWN_CUSTOMER", "app_per_customer")]).await;
    let event = json!({"id": "1", "type": "a.b", "data": {}, "customer": "acme"});
    assert_eq!(app.client.post(&event).await.status, 202);
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    assert_eq!(app.sandbox.messages()[0].application, "acme");
}

#[actix_web::test]
async fn unknown_customers_are_refused_where_the_operator_says_so() {
    let app = TestApp::start(&[("ROUTING__UNKNOWN_CUSTOMER", "reject")]).await;
    let answer = app
        .client
        .post(&json!({"id": "1", "type": "a.b", "data": {}, "customer": "acme"}))
        .await;
    assert_eq!((answer.status, answer.code()), (422, "unknown_customer"));
    assert_eq!(app.client.post(&event("2")).await.status, 202, "the default customer is known");
}

#[actix_web::test]
async fn only_the_data_is_sent_where_the_operator_says_so() {
    let app = TestApp::start(&[("SVIX__PAYLOAD", "data")]).await;
    app.client
        .try_post(r#"{"id":"1","type":"a.b","data": {"x" : 1} }"#, &[])
        .await
        .unwrap();
    eventually("it is delivered", async || app.client.stat("delivered").await == 1).await;
    assert_eq!(app.sandbox.messages()[0].payload.as_deref(), Some(&br#"{"x" : 1}"#[..]));
}
