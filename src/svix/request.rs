//! Builds the requests to Svix. What a retry sends is the same to the last byte of its address,
//! because Svix recognises a repeated key only under the same method, address and token.

use bytes::Bytes;
use hyper::Method;
use serde::Serialize;

use super::Account;
use crate::domain::{Look, Notification, Step};

/// What goes out, short of the headers that all requests share.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) method: Method,
    /// Its path and query, on the account's server.
    pub(super) path: String,
    pub(super) idempotency_key: Option<String>,
    pub(super) body: Option<Bytes>,
}

/// The members of a new message, but for its payload.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageHead<'a> {
    event_type: &'a str,
    event_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<ApplicationIn<'a>>,
}

#[derive(Serialize)]
struct ApplicationIn<'a> {
    name: &'a str,
    uid: &'a str,
}

/// Builds the request of one step.
pub(super) fn build(account: &Account, notification: &Notification, step: &Step) -> Outgoing {
    let prefix = account.origin().map_or("", |origin| origin.prefix.as_str());
    let application = format!("{prefix}/api/v1/app/{}", notification.application);
    let event_id = &notification.event_id;
    let get = |path: String| Outgoing {
        method: Method::GET,
        path,
        idempotency_key: None,
        body: None,
    };
    let post = |path: String, idempotency_key, body| Outgoing {
        method: Method::POST,
        path,
        idempotency_key,
        body: Some(body),
    };
    match step {
        Step::Send => post(
            format!("{application}/msg?with_content=false"),
            Some(event_id.to_string()),
            message(notification),
        ),
        Step::FetchMessage => get(format!("{application}/msg/{event_id}?with_content=true")),
        Step::FetchAttempts(look) => {
            let from = from(look);
            get(format!("{application}/attempt/msg/{event_id}?limit=50&with_content=false{from}"))
        }
        Step::ListEndpoints { look, .. } => {
            let from = from(look);
            get(format!("{application}/endpoint?limit=250{from}"))
        }
        Step::Resend { endpoints } => {
            let endpoint = endpoints.last().map_or("", String::as_str);
            post(
                format!("{application}/msg/{event_id}/endpoint/{endpoint}/resend"),
                None,
                Bytes::from_static(b"{}"),
            )
        }
    }
}

/// Writes where a list goes on.
fn from(look: &Look) -> String {
    let iterator = look.iterator.as_ref();
    iterator
        .map(|iterator| format!("&iterator={iterator}"))
        .unwrap_or_default()
}

/// Writes the message around the payload's own bytes.
fn message(notification: &Notification) -> Bytes {
    let head = MessageHead {
        event_type: &notification.event_type,
        event_id: notification.event_id.as_str(),
        application: notification
            .create_application
            .as_ref()
            .map(|name| ApplicationIn {
                name,
                uid: &notification.application,
            }),
    };
    let mut body = Vec::with_capacity(notification.payload().len() + 512);
    // A struct of texts always serialises.
    if serde_json::to_writer(&mut body, &head).is_ok() {
        body.pop();
    }
    body.extend_from_slice(b",\"payload\":");
    body.extend_from_slice(notification.payload());
    body.push(b'}');
    body.into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{AccountName, Customer, EventId, NotificationId, Progress, Timestamp};

    fn notification(create_application: Option<&str>) -> Notification {
        Notification {
            id: NotificationId::generate(Timestamp::default()),
            customer: Customer::parse("ac\"me").unwrap(),
            account: AccountName::new("default"),
            application: "app_1".into(),
            create_application: create_application.map(Into::into),
            event_id: EventId::of_caller("evt_1"),
            event_type: "user.created".into(),
            event: Bytes::from_static(br#"{"data":{ "a" : 1.50 }}"#),
            payload: 8..22,
            accepted_at: Timestamp::default(),
            due_at: Timestamp::default(),
            expires_at: None,
            redrive: None,
            redrives: 0,
            suspect_until: None,
            call: None,
            progress: Progress::default(),
        }
    }

    fn account() -> Account {
        let name = AccountName::new("default");
        Account::new(name, "https://svix.example/base".into(), "t".into(), Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn a_send_carries_key_and_event_id_and_the_payload_byte_for_byte() {
        let outgoing = build(&account(), &notification(None), &Step::Send);
        assert_eq!(outgoing.path, "/base/api/v1/app/app_1/msg?with_content=false");
        assert_eq!(outgoing.idempotency_key.as_deref(), Some("evt_1"));
        assert_eq!(
            outgoing.body.as_deref(),
            Some(&br#"{"eventType":"user.created","eventId":"evt_1","payload":{ "a" : 1.50 }}"#[..])
        );
        assert_eq!(outgoing, build(&account(), &notification(None), &Step::Send), "a retry is the same");
    }

    #[test]
    fn an_application_is_offered_where_the_routing_says_so() {
        let body = build(&account(), &notification(Some("Ac\"me")), &Step::Send)
            .body
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["application"], serde_json::json!({"name": "Ac\"me", "uid": "app_1"}));
    }

    #[test]
    fn a_resend_goes_to_the_last_endpoint_of_the_list() {
        let step = Step::Resend {
            endpoints: vec!["ep_1".into(), "ep_2".into()],
        };
        let outgoing = build(&account(), &notification(None), &step);
        assert!(
            outgoing
                .path
                .ends_with("/app/app_1/msg/evt_1/endpoint/ep_2/resend"),
            "{}",
            outgoing.path
        );
    }
}
