//! Accounts whose address somebody has written over HTTP lead only where the operator lets them, and are tried first.

use std::sync::Arc;
use std::time::Duration;

use svix_hooks::domain::{
    AccountName, Answer, Customer, EventId, Notification, NotificationId, Progress, Step, Timestamp,
};
use svix_hooks::policy::Networks;
use svix_hooks::sandbox::{DEFAULT_APPLICATION, DEFAULT_TOKEN, Faults, Sandbox, SandboxOptions};
use svix_hooks::svix::{Account, Client, ClientOptions, Permission, Roots, probe};

/// A client whose guarded accounts may lead into these networks.
fn client(networks: &[&str]) -> Client {
    let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
    let options = ClientOptions {
        connect_timeout: Duration::from_secs(5),
        networks: Networks::new(networks),
        roots: Roots::default(),
    };
    Client::new(&options, 4).unwrap()
}

fn account(base_url: &str, token: &str) -> Account {
    let name = AccountName::new("acme");
    Account::new(name, base_url.to_owned(), token.into(), Duration::from_secs(5)).unwrap()
}

fn notification() -> Notification {
    let event = br#"{"data":{}}"#;
    Notification {
        id: NotificationId::generate(Timestamp::default()),
        customer: Customer::parse("acme").unwrap(),
        account: AccountName::new("acme"),
        application: Arc::from(DEFAULT_APPLICATION),
        create_application: None,
        event_id: EventId::of_caller("evt_1"),
        event_type: "user.created".to_owned(),
        event: event.to_vec().into(),
        payload: 8..10,
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

#[actix_web::test]
async fn requests_go_only_to_addresses_that_are_allowed() {
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    let at = |host: &str| account(&format!("http://{host}:{}", sandbox.port()), DEFAULT_TOKEN);
    let loopback: &[&str] = &["127.0.0.0/8"];
    let table = [
        (at("127.0.0.1").guarded(), &[][..], false, "an address"),
        (at("localhost").guarded(), &[], false, "a name"),
        (at("2130706433").guarded(), &[], false, "an address as one number"),
        (at("[::1]").guarded(), &[], false, "an address of IPv6"),
        // No name server is asked for a label that is too long.
        (at(&"x".repeat(64)).guarded(), &[], false, "a name that leads nowhere is told from no other"),
        (at("127.0.0.1").guarded(), &["10.0.0.0/8"], false, "another network is allowed"),
        (at("127.0.0.1").guarded(), loopback, true, "the operator allows it"),
        (at("localhost").guarded(), loopback, true, "the name, too"),
        (at("localhost"), &[], true, "the operator has written it"),
    ];
    for (account, networks, reached, why) in table {
        let before = sandbox.request_count();
        let client = client(networks);
        let patience = Duration::from_secs(5);
        let exchange = client
            .perform(&account, &notification(), &Step::Send, patience, None)
            .await;
        assert_eq!(sandbox.request_count() - before, u64::from(reached), "{why}: {exchange:?}");
        let findings = probe(&client, &account).await;
        assert_eq!(findings.reachable, reached, "{why}: {findings:?}");
        if reached {
            assert!(matches!(exchange.answer, Answer::Accepted { .. }), "{why}: {exchange:?}");
        } else {
            assert_eq!(
                exchange.answer,
                Answer::Unavailable {
                    retry_after: None,
                    may_hold: false,
                },
                "{why}"
            );
            assert!(exchange.detail.contains("leads to no address that is allowed"), "{why}: {exchange:?}");
            assert_eq!(findings.detail, Some(exchange.detail), "{why}");
        }
    }
}

#[actix_web::test]
async fn a_credential_is_tried_before_anything_depends_on_it() {
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    let client = client(&["127.0.0.1/32"]);
    let ours = account(&sandbox.url(), DEFAULT_TOKEN).guarded();
    let found = probe(&client, &ours).await;
    assert_eq!(
        (found.reachable, found.permission, found.status),
        (true, Permission::Organization, Some(200))
    );
    assert_eq!(found.detail, None);

    let other = account(&sandbox.url(), "sk_wrong.eu").guarded();
    let found = probe(&client, &other).await;
    assert_eq!((found.permission, found.region.as_deref()), (Permission::Refused, Some("eu")));
    assert!(
        found
            .detail
            .is_some_and(|words| words.contains("authentication_failed"))
    );

    sandbox.set_faults(Faults::answering(403));
    let found = probe(&client, &ours).await;
    assert_eq!((found.reachable, found.permission), (true, Permission::Insufficient));
    sandbox.set_faults(Faults::answering(503));
    let found = probe(&client, &ours).await;
    assert_eq!((found.reachable, found.permission, found.status), (true, Permission::Unknown, Some(503)));

    sandbox.set_faults(Faults {
        hang_before: true,
        ..Faults::default()
    });
    let mut hasty = ours.clone();
    hasty.request_timeout = Duration::from_millis(50);
    let found = probe(&client, &hasty).await;
    assert_eq!((found.reachable, found.detail.as_deref()), (false, Some("no answer within 50 ms")));

    sandbox.stop();
    let found = probe(&client, &ours).await;
    assert_eq!((found.reachable, found.permission, found.status), (false, Permission::Unknown, None));
    assert!(found.detail.is_some_and(|words| !words.contains(DEFAULT_TOKEN)));
}
