//! Keys that are made over HTTP.

use serde_json::json;

use super::Client;

/// What the first key of a test is called.
pub(crate) const ADMIN: &str = "first-admin";

/// Makes the first key, which closes the service, and returns a client with it.
pub(crate) async fn admin(client: &Client) -> Client {
    let key = stored_key(client, ADMIN, &["admin"], None).await;
    client.with_key(&key)
}

/// Has a key made, for one customer or for all.
pub(crate) async fn stored_key(
    client: &Client,
    name: &str,
    scopes: &[&str],
    customer: Option<&str>,
) -> String {
    let asked = json!({"name": name, "scopes": scopes, "customer": customer});
    let made = client.send_json("POST", "/keys", &asked).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["key"].as_str().expect("it is shown").to_owned()
}
