//! What the stand-in holds, and how it answers when it behaves: as Svix does.

use serde_json::{Value, json};

use crate::wire::{self, Request};

/// One message.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) payload: Value,
    pub(crate) timestamp: String,
    /// The Idempotency-Key under which its answer is known.
    pub(crate) key: Option<String>,
    /// Whether it was sent to the endpoint.
    pub(crate) dispatched: bool,
    /// How often it was sent there again because the service asked for that.
    pub(crate) resent: usize,
}

impl Message {
    /// Makes the message that a request asks for.
    pub(crate) fn of(request: &Request, number: usize) -> Option<Self> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        Some(Self {
            id: format!("msg_{number:027}"),
            event_id: body["eventId"].as_str()?.to_owned(),
            event_type: body["eventType"].as_str()?.to_owned(),
            payload: body["payload"].clone(),
            timestamp: jiff::Timestamp::now().to_string(),
            key: request.key.clone(),
            dispatched: true,
            resent: 0,
        })
    }

    /// Shows it, with its payload or without.
    pub(crate) fn out(&self, with_content: bool) -> Value {
        json!({
            "eventId": self.event_id,
            "eventType": self.event_type,
            "payload": if with_content { self.payload.clone() } else { json!({}) },
            "channels": null,
            "id": self.id,
            "timestamp": self.timestamp,
        })
    }

    /// Tells whether the endpoint has it.
    pub(crate) fn reached(&self) -> bool {
        self.dispatched || self.resent > 0
    }

    /// Shows its attempts.
    fn attempts(&self) -> Vec<Value> {
        let scheduled = usize::from(self.dispatched);
        let attempt = |number| {
            json!({
                "id": format!("atmpt_{number:027}"),
                "msgId": self.id,
                "endpointId": "ep_1",
                "status": 0,
                "statusText": "success",
                "responseStatusCode": 200,
                "response": "",
                "triggerType": i32::from(number >= scheduled),
                "timestamp": self.timestamp,
                "url": "https://customer.example/",
            })
        };
        (0..scheduled + self.resent).map(attempt).collect()
    }
}

/// All messages.
#[derive(Default)]
pub(crate) struct Holding {
    pub(crate) messages: Vec<Message>,
    made: usize,
}

/// Makes a whole list.
pub(crate) fn list(data: &[Value]) -> Value {
    json!({"data": data, "iterator": null, "prevIterator": null, "done": true})
}

/// Makes the one endpoint that there is.
pub(crate) fn endpoint() -> Value {
    json!({
        "id": "ep_1",
        "url": "https://customer.example/",
        "version": 1,
        "description": "",
        "disabled": false,
        "filterTypes": null,
        "channels": null,
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
        "metadata": {},
    })
}

impl Holding {
    /// Makes a message that is not held yet.
    pub(crate) fn make(&mut self, request: &Request) -> Option<Message> {
        self.made += 1;
        Message::of(request, self.made)
    }

    /// Finds a message by its own id or by that of its event.
    pub(crate) fn find(&self, id: &str) -> Option<&Message> {
        let mut messages = self.messages.iter();
        messages.find(|message| message.id == id || message.event_id == id)
    }

    /// Answers as Svix does.
    pub(crate) fn answer(&mut self, request: &Request) -> Vec<u8> {
        let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let parts = path.get(3..).unwrap_or_default();
        match (request.method.as_str(), parts) {
            ("POST", [_, "msg"]) => self.take(request),
            ("GET", [_, "msg", id]) => match self.find(id) {
                Some(message) => found(&message.out(!request.query.contains("with_content=false"))),
                None => not_found(),
            },
            ("GET", [_, "attempt", "msg", id]) => match self.find(id) {
                Some(message) => found(&list(&message.attempts())),
                None => not_found(),
            },
            ("GET", [_, "msg", id, "endpoint"]) => match self.find(id) {
                Some(message) if message.reached() => found(&list(&[endpoint()])),
                Some(_) => found(&list(&[])),
                None => not_found(),
            },
            ("POST", [_, "msg", id, "endpoint", "ep_1", "resend"]) => self.resend(id),
            ("GET", [_, "endpoint"]) => found(&list(&[endpoint()])),
            ("GET", [] | [_]) => found(&list(&[])),
            _ => not_found(),
        }
    }

    fn take(&mut self, request: &Request) -> Vec<u8> {
        let Some(message) = self.make(request) else {
            return wire::answer(
                "422 Unprocessable Entity",
                r#"{"detail":[{"loc":["body"],"msg":"no","type":"value_error"}]}"#,
            );
        };
        let known = |held: &&Message| held.key.is_some() && held.key == message.key;
        if let Some(first) = self.messages.iter().find(known) {
            return accepted(first);
        }
        if self.find(&message.event_id).is_some() {
            return conflict();
        }
        let answer = accepted(&message);
        self.messages.push(message);
        answer
    }

    fn resend(&mut self, id: &str) -> Vec<u8> {
        let mut messages = self.messages.iter_mut();
        match messages.find(|message| message.id == id || message.event_id == id) {
            Some(message) => {
                message.resent += 1;
                wire::answer("202 Accepted", "{}")
            }
            None => not_found(),
        }
    }
}

/// The whole answer to a message that is taken.
pub(crate) fn accepted(message: &Message) -> Vec<u8> {
    wire::answer("202 Accepted", message.out(false).to_string())
}

/// The whole answer to an event id that is known.
pub(crate) fn conflict() -> Vec<u8> {
    wire::answer("409 Conflict", r#"{"code":"conflict","detail":"A conflict has occurred"}"#)
}

/// The whole answer to what is not known.
pub(crate) fn not_found() -> Vec<u8> {
    wire::answer("404 Not Found", r#"{"code":"not_found","detail":"Entity not found"}"#)
}

fn found(body: &Value) -> Vec<u8> {
    wire::answer("200 OK", body.to_string())
}
