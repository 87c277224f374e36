//! A client of the service.

use std::time::Duration;

use serde_json::{Value, json};

use svix_hooks::telemetry::TEXT_FORMAT;

use super::{Scrape, secrecy};

/// What the service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Returns where a problem says that something is wrong, in order.
    pub(crate) fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        let mut pointers: Vec<_> = errors.filter_map(|error| error["pointer"].as_str()).collect();
        pointers.sort_unstable();
        pointers
    }

    pub(crate) fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_default()
    }
}

/// A client with a key, or without.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) url: String,
    http: awc::Client,
    key: Option<String>,
}

impl Client {
    pub(crate) fn new(url: String) -> Self {
        let http = awc::Client::builder().timeout(Duration::from_secs(30)).finish();
        Self { url, http, key: None }
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        secrecy::keep(key);
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    /// Posts an event; nothing where no answer came.
    pub(crate) async fn try_post(
        &self,
        body: impl Into<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        let mut request = self.http.post(format!("{}/notifications", self.url));
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.insert_header(("content-type", "application/json"));
        }
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        self.send(request, Some(body.into())).await
    }

    /// Sends JSON by another method or to another path.
    pub(crate) async fn send_json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send_json_if(method, path, body, None).await
    }

    /// The same on a condition: a header and its value.
    pub(crate) async fn send_json_if(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        condition: Option<(&str, &str)>,
    ) -> Answer {
        secrecy::keep_request(path, body);
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        request = request.insert_header(("content-type", "application/json"));
        if let Some(condition) = condition {
            request = request.insert_header(condition);
        }
        let answer = self.send(request, Some(body.to_string().into())).await;
        answer.expect("the service answers")
    }

    pub(crate) async fn post(&self, event: &Value) -> Answer {
        self.try_post(event.to_string(), &[])
            .await
            .expect("the service answers")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.try_get(path).await.expect("the service answers")
    }

    pub(crate) async fn try_get(&self, path: &str) -> Option<Answer> {
        self.send(self.http.get(format!("{}{path}", self.url)), None)
            .await
    }

    pub(crate) async fn request(&self, method: &str, path: &str) -> Answer {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.url));
        self.send(request, None).await.expect("the service answers")
    }

    /// Asks for one of the numbers of `/stats`.
    pub(crate) async fn stat(&self, name: &str) -> i64 {
        self.get("/stats").await.body[name].as_i64().unwrap_or(-1)
    }

    /// Asks for the metrics.
    pub(crate) async fn scrape(&self) -> Scrape {
        let answer = self.get("/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some(TEXT_FORMAT));
        Scrape::parse(&answer.text)
    }

    async fn send(&self, mut request: awc::ClientRequest, body: Option<Vec<u8>>) -> Option<Answer> {
        if let Some(key) = &self.key {
            request = request.insert_header(("authorization", format!("Bearer {key}")));
        }
        let mut response = match body {
            Some(body) => request.send_body(body).await.ok()?,
            None => request.send().await.ok()?,
        };
        let headers = response.headers().iter();
        let headers =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
        let headers: Vec<_> = headers.collect();
        let status = response.status().as_u16();
        let body = response.body().await.ok()?;
        let text = String::from_utf8_lossy(&body).into_owned();
        secrecy::search("an answer", &format!("{headers:?} {text}"));
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        secrecy::keep_answer(&body);
        Some(Answer {
            status,
            headers,
            body,
            text,
        })
    }
}

/// An event with that id.
pub(crate) fn event(id: &str) -> Value {
    json!({"id": id, "type": "user.created", "data": {"for": id}})
}
