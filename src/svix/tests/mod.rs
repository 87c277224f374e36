//! What the client makes of answers that are played on raw sockets. After each the next event is unharmed.

mod asking;
mod framing;
mod interim;
mod limits;
mod reuse;
mod server;

use std::time::Duration;

use bytes::Bytes;

use self::server::{PATIENCE, Peer, Request, Server};
use super::{Account, Client, ClientOptions, Exchange, Roots};
use crate::domain::{
    AccountName, Answer, AnswerKind, Customer, EventId, Notification, NotificationId, Progress, Step,
    Timestamp,
};
use crate::policy::Networks;

/// A client, and the server that it talks to.
struct World {
    client: Client,
    account: Account,
    server: Server,
}

impl World {
    fn new(server: Server) -> Self {
        let options = ClientOptions {
            connect_timeout: PATIENCE,
            networks: Networks::new(vec![]),
            roots: Roots::default(),
        };
        let url = format!("http://127.0.0.1:{}", server.port);
        Self {
            client: Client::new(&options, 64).unwrap(),
            account: Account::new(AccountName::new("default"), url, "t0ken".into(), PATIENCE).unwrap(),
            server,
        }
    }

    async fn perform(&self, event: &str, step: &Step) -> Exchange {
        self.perform_within(event, step, PATIENCE).await
    }

    async fn perform_within(&self, event: &str, step: &Step, timeout: Duration) -> Exchange {
        self.client
            .perform(&self.account, &notification(event), step, timeout, None)
            .await
    }

    async fn send(&self, event: &str) -> Exchange {
        self.perform(event, &Step::Send).await
    }

    /// Sends an event that must arrive as itself.
    async fn deliver(&self, event: &str, why: &str) {
        let exchange = self.send(event).await;
        assert_eq!(message(&exchange), Some(format!("msg_{event}")), "{why}: {exchange:?}");
    }
}

/// Returns the message that an event was accepted as.
fn message(exchange: &Exchange) -> Option<String> {
    match &exchange.answer {
        Answer::Accepted { message_id, .. } | Answer::Message { message_id, .. } => {
            message_id.as_ref().map(ToString::to_string)
        }
        _ => None,
    }
}

/// A notification of an event with this id.
pub(super) fn notification(event: &str) -> Notification {
    Notification {
        id: NotificationId::generate(Timestamp::default()),
        customer: Customer::parse("acme").unwrap(),
        account: AccountName::new("default"),
        application: "app_1".into(),
        create_application: None,
        event_id: EventId::of_caller(event),
        event_type: "user.created".into(),
        event: Bytes::from_static(br#"{"a":1,"b":2}"#),
        payload: 0..13,
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

/// What a server does with its first request, what that comes to, and why.
type Case = (fn(Peer, Request), AnswerKind, &'static str);

/// Plays each to a send, and then sends another event.
async fn play(cases: &[Case]) {
    for (first, kind, why) in cases {
        let first = *first;
        let world = World::new(Server::playing(move |mut peer| {
            let request = peer.request().unwrap();
            first(peer, request);
        }));
        let exchange = world.send("a").await;
        assert_eq!(exchange.answer.kind(), *kind, "{why}: {exchange:?}");
        if *kind == AnswerKind::Accepted {
            assert_eq!(message(&exchange).as_deref(), Some("msg_a"), "{why}");
        }
        world.deliver("b", why).await;
    }
}
