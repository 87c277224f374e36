//! Sets what holds for a customer, and posts its events.

use serde_json::{Value, json};

use super::{Answer, Client};

pub(crate) async fn put(client: &Client, customer: &str, settings: Value) -> Answer {
    client
        .send_json("PUT", &format!("/customers/{customer}"), &settings)
        .await
}

pub(crate) async fn set(client: &Client, customer: &str, settings: Value) {
    let answer = put(client, customer, settings).await;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
}

/// Posts an event of a customer; returns the notification's id.
pub(crate) async fn post(client: &Client, customer: &str, id: &str) -> String {
    let event = json!({"id": id, "type": "a.b", "data": {}, "customer": customer});
    let answer = client.post(&event).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.id().to_owned()
}

pub(crate) async fn found(client: &Client, id: &str) -> Value {
    client.get(&format!("/notifications/{id}")).await.body
}
