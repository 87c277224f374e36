//! Each status and each form of failure, with what it means.

use bytes::Bytes;

use super::*;
use crate::domain::{AccountName, Customer, EventId, NotificationId, Progress};

fn notification() -> Notification {
    Notification {
        id: NotificationId::generate(Timestamp::default()),
        customer: Customer::parse("acme").unwrap(),
        account: AccountName::new("default"),
        application: "app_1".into(),
        create_application: None,
        event_id: EventId::of_caller("evt_1"),
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

fn judge(step: &Step, status: u16, body: &str) -> Answer {
    let answer = Reply {
        status,
        retry_after: Some("7"),
        date: Some("Thu, 01 Jan 1970 00:01:00 GMT"),
        body: body.as_bytes(),
    };
    reply(step, &notification(), &answer)
}

const SEVEN: Option<Duration> = Some(Duration::from_secs(7));
const NOT_FOUND: &str = r#"{"code":"not_found","detail":"Application not found"}"#;

#[test]
fn each_status_has_one_meaning() {
    let unavailable = Answer::Unavailable { retry_after: SEVEN };
    let table = [
        (
            202,
            "{}",
            Answer::Accepted {
                message_id: None,
                age: None,
            },
            "taken",
        ),
        (202, "<html>", Answer::Ambiguous, "not Svix's words, or broken off"),
        (405, "<html>", unavailable.clone(), "a proxy's page"),
        (402, "{}", unavailable.clone(), "nothing that Svix says of a message"),
        (409, "", Answer::Conflict, "accepted earlier, perhaps"),
        (429, "", Answer::Limited { retry_after: SEVEN }, "over the limit"),
        (500, "", unavailable.clone(), "a fault"),
        (503, "<html>", unavailable.clone(), "a proxy's page"),
        (301, "", unavailable.clone(), "redirects are not followed"),
        (408, "", unavailable.clone(), "too slow for it"),
        (404, "", unavailable.clone(), "no such route: not Svix, or a wrong address"),
        (404, NOT_FOUND, Answer::NotFound, "no such application"),
        (400, "", Answer::Rejected, "bad request"),
        (413, "", Answer::Rejected, "too large"),
        (422, "", Answer::Rejected, "invalid"),
        (401, "", Answer::Refused, "bad token"),
        (403, r#"{"code":"insufficient access","detail":"Not permitted"}"#, Answer::Refused, "not allowed"),
        (403, "", unavailable.clone(), "a firewall's"),
        (403, "<html>Request blocked</html>", unavailable.clone(), "a firewall's page"),
        (403, r#"{"code":1020,"detail":"Access denied"}"#, unavailable.clone(), "a firewall's in JSON"),
        (403, r#"{"message":"Forbidden"}"#, unavailable, "a gateway's"),
    ];
    for (status, body, answer, why) in table {
        assert_eq!(judge(&Step::Send, status, body), answer, "{status}: {why}");
    }
}

#[test]
fn an_accepted_message_has_an_id_and_an_age_by_svix_s_own_clock() {
    let body = r#"{"id":"msg_1","timestamp":"1970-01-01T00:00:45Z","payload":{}}"#;
    let age = Some(Duration::from_secs(15));
    assert_eq!(
        judge(&Step::Send, 202, body),
        Answer::Accepted {
            message_id: Some("msg_1".into()),
            age
        }
    );
}

#[test]
fn a_fetched_message_is_compared_by_content() {
    let table = [
        (r#"{"eventType":"user.created","payload":{"b":2, "a":1}}"#, ContentMatch::Same, "in another order"),
        (r#"{"eventType":"user.created","payload":{"a":1,"b":3}}"#, ContentMatch::Different, "another value"),
        (r#"{"eventType":"user.deleted","payload":{"a":1,"b":2}}"#, ContentMatch::Different, "another type"),
        (
            r#"{"eventType":"user.created","payload":{"expired":true}}"#,
            ContentMatch::Unknown,
            "dropped by Svix",
        ),
        (r#"{"eventType":"user.created"}"#, ContentMatch::Unknown, "not shown"),
    ];
    for (body, content, why) in table {
        let Answer::Message { content: found, .. } = judge(&Step::FetchMessage, 200, body) else {
            panic!("{why}")
        };
        assert_eq!(found, content, "{why}");
    }
}

#[test]
fn lists_prove_something_only_where_they_can_be_read() {
    let list = Step::ListEndpoints {
        iterator: None,
        found: vec![],
    };
    let endpoints = r#"{"data":[{"id":"ep_1"},{"id":"ep_2","disabled":true},{"id":"../x"}],"done":false,"iterator":"ep_2"}"#;
    let expected = Answer::Endpoints {
        matching: vec!["ep_1".into()],
        next: Some("ep_2".into()),
    };
    assert_eq!(judge(&list, 200, endpoints), expected);
    assert_eq!(
        judge(&Step::FetchAttempts, 200, r#"{"data":[{"id":"atmpt_1"}]}"#),
        Answer::Attempts { any: true }
    );
    assert_eq!(judge(&Step::FetchAttempts, 200, r#"{"data":[]}"#), Answer::Attempts { any: false });
    let garbled = Answer::Unavailable { retry_after: None };
    assert_eq!(judge(&Step::FetchAttempts, 200, "<html>"), garbled);
    assert_eq!(judge(&list, 200, "{}"), garbled);
}

#[test]
fn only_a_failure_before_the_first_byte_is_harmless() {
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let harmless = Answer::Unavailable { retry_after: None };
    assert_eq!(failure(&SendRequestError::Connect(ConnectError::Io(refused))), harmless);
    assert_eq!(failure(&SendRequestError::Connect(ConnectError::Timeout)), harmless);
    assert_eq!(failure(&SendRequestError::Connect(ConnectError::Disconnected)), Answer::Ambiguous);
    assert_eq!(failure(&SendRequestError::Timeout), Answer::Ambiguous);
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    assert_eq!(failure(&SendRequestError::Send(reset)), Answer::Ambiguous);
}
