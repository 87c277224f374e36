//! The sandbox as a client meets it, over HTTP.

mod dispatch;
mod faults;
mod idempotency;
mod insight;
mod lifecycle;
mod messages;

use std::time::{Duration, Instant};

use awc::error::SendRequestError;
use bytes::Bytes;
use serde_json::Value;

use super::{DEFAULT_TOKEN, Sandbox, SandboxOptions};

/// The path under which messages are posted in these tests.
const MSG: &str = "/api/v1/app/sandbox/msg?with_content=false";

/// A running sandbox and a client of it.
struct Desk {
    sandbox: Sandbox,
    client: awc::Client,
    token: String,
}

/// An answer as the client saw it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    retry_after: Option<String>,
    body: Bytes,
}

impl Seen {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

impl Desk {
    fn new() -> Self {
        Self::with(SandboxOptions::default())
    }

    fn with(options: SandboxOptions) -> Self {
        let sandbox = Sandbox::start(options).expect("a port is free");
        let client = awc::Client::builder().timeout(Duration::from_secs(20)).finish();
        Self {
            sandbox,
            client,
            token: DEFAULT_TOKEN.to_owned(),
        }
    }

    fn request(&self, method: &str, path: &str) -> awc::ClientRequest {
        let method = method.parse().expect("a method");
        self.client
            .request(method, format!("{}{path}", self.sandbox.url()))
            .bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> Seen {
        seen(self.request("GET", path).send().await)
            .await
            .expect("an answer")
    }

    async fn post(&self, path: &str, body: impl Into<Bytes>) -> Seen {
        seen(self.request("POST", path).send_body(body.into()).await)
            .await
            .expect("an answer")
    }

    async fn try_keyed(&self, key: &str, body: impl Into<Bytes>) -> Result<Seen, SendRequestError> {
        seen(
            self.request("POST", MSG)
                .insert_header(("idempotency-key", key))
                .send_body(body.into())
                .await,
        )
        .await
    }

    async fn keyed(&self, key: &str, body: impl Into<Bytes>) -> Seen {
        self.try_keyed(key, body).await.expect("an answer")
    }
}

async fn seen<S>(answer: Result<awc::ClientResponse<S>, SendRequestError>) -> Result<Seen, SendRequestError>
where
    S: futures_util::Stream<Item = Result<Bytes, awc::error::PayloadError>> + Unpin,
{
    let mut answer = answer?;
    let retry_after = answer
        .headers()
        .get("retry-after")
        .map(|value| value.to_str().expect("text").to_owned());
    let body = answer.body().limit(8 << 20).await.expect("a whole body");
    Ok(Seen {
        status: answer.status().as_u16(),
        retry_after,
        body,
    })
}

/// A message with this event id.
fn event(id: &str) -> String {
    format!(r#"{{"eventType":"order.created","eventId":"{id}","payload":{{"n" : 1.50}}}}"#)
}

/// Waits until a condition holds, for ten seconds at most.
async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        actix_web::rt::time::sleep(Duration::from_millis(2)).await;
    }
}
