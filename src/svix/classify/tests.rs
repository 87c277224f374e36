//! Each status and each form of failure, with what it means.

use super::*;
use crate::domain::Look;
use crate::svix::tests::notification;

fn judge(step: &Step, status: u16, body: &str) -> Answer {
    let answer = Reply {
        status,
        retry_after: Some("7"),
        date: Some("Thu, 01 Jan 1970 00:01:00 GMT"),
        received_at: Timestamp::from_millis(99_000),
        body: body.as_bytes(),
    };
    reply(step, &notification("evt_1"), &answer)
}

fn accepted() -> Answer {
    Answer::Accepted {
        message_id: Some("msg_1".into()),
        age: None,
    }
}

fn attempts(dispatched: bool, reached: &[&str]) -> Answer {
    Answer::Attempts {
        dispatched,
        reached: reached.iter().map(ToString::to_string).collect(),
        next: None,
    }
}

const SEVEN: Option<Duration> = Some(Duration::from_secs(7));
const NOT_FOUND: &str = r#"{"code":"not_found","detail":"Application not found"}"#;

#[test]
fn each_status_has_one_meaning() {
    let unavailable = |may_hold| Answer::Unavailable {
        retry_after: SEVEN,
        may_hold,
    };
    let table = [
        (202, r#"{"id":"msg_1","eventId":"evt_1"}"#, accepted(), "taken"),
        (202, r#"{"id":"msg_1","eventId":"evt_2"}"#, Answer::Ambiguous, "an answer to another request"),
        (202, r#"{"id":"msg_1","eventId":null}"#, Answer::Ambiguous, "made by another system"),
        (202, r#"{"id":"msg_\u0000x","eventId":"evt_1"}"#, Answer::Ambiguous, "not of an id's form"),
        (202, r#"{"id":"app_1","eventId":"evt_1"}"#, Answer::Ambiguous, "not the id of a message"),
        (202, "{}", Answer::Ambiguous, "no message"),
        (202, "<html>", Answer::Ambiguous, "not Svix's words, or broken off"),
        (405, "<html>", unavailable(false), "a proxy's page"),
        (402, "{}", unavailable(false), "nothing that Svix says of a message"),
        (409, "", Answer::Conflict, "accepted earlier, perhaps"),
        (429, "", Answer::Limited { retry_after: SEVEN }, "over the limit"),
        (500, "", unavailable(true), "a fault"),
        (503, "<html>", unavailable(true), "a proxy's page"),
        (301, "", unavailable(true), "redirects are not followed"),
        (408, "", unavailable(true), "too slow for it"),
        (404, "", unavailable(false), "no such route: not Svix, or a wrong address"),
        (404, NOT_FOUND, Answer::NotFound, "no such application"),
        (400, "", Answer::Rejected, "bad request"),
        (413, "", Answer::Rejected, "too large"),
        (422, "", Answer::Rejected, "invalid"),
        (401, "", Answer::Refused, "bad token"),
        (403, r#"{"code":"insufficient access","detail":"Not permitted"}"#, Answer::Refused, "not allowed"),
        (403, "", unavailable(false), "a firewall's"),
        (403, "<html>Request blocked</html>", unavailable(false), "a firewall's page"),
        (403, r#"{"code":1020,"detail":"Access denied"}"#, unavailable(false), "a firewall's in JSON"),
        (403, r#"{"message":"Forbidden"}"#, unavailable(false), "a gateway's"),
    ];
    for (status, body, answer, why) in table {
        assert_eq!(judge(&Step::Send, status, body), answer, "{status}: {why}");
    }
}

#[test]
fn an_accepted_message_has_an_id_and_an_age_by_svix_s_own_clock() {
    let body = r#"{"id":"msg_1","eventId":"evt_1","timestamp":"1970-01-01T00:00:45Z","payload":{}}"#;
    let age = |passed, exact| {
        Some(Age {
            passed: Duration::from_secs(passed),
            exact,
        })
    };
    assert_eq!(
        judge(&Step::Send, 202, body),
        Answer::Accepted {
            message_id: Some("msg_1".into()),
            age: age(15, false),
        }
    );
    let table = [
        (Some("Thu, 01 Jan 1970 00:01:38 GMT"), age(54, true), "the clocks agree"),
        (Some("Thu, 01 Jan 1970 00:01:36 GMT"), age(51, false), "they do not"),
        (Some("Thu, 01 Jan 1970 00:01:42 GMT"), age(57, false), "they do not"),
        (Some("yesterday"), age(54, true), "no date to compare with"),
        (None, age(54, true), "no date at all"),
    ];
    for (date, age, why) in table {
        let answer = Reply {
            status: 202,
            retry_after: None,
            date,
            received_at: Timestamp::from_millis(99_000),
            body: body.as_bytes(),
        };
        let Answer::Accepted { age: found, .. } = reply(&Step::Send, &notification("evt_1"), &answer) else {
            panic!("{why}")
        };
        assert_eq!(found, age, "{why}");
    }
}

#[test]
fn a_fetched_message_is_compared_by_content() {
    let table = [
        (
            r#"{"id":"msg_1","eventId":"evt_1","eventType":"user.created","payload":{"b":2, "a":1}}"#,
            ContentMatch::Same,
            "in another order",
        ),
        (
            r#"{"id":"msg_1","eventId":"evt_1","eventType":"user.created","payload":{"a":1,"b":3}}"#,
            ContentMatch::Different,
            "another value",
        ),
        (
            r#"{"id":"msg_1","eventId":"evt_1","eventType":"user.deleted","payload":{"a":1,"b":2}}"#,
            ContentMatch::Different,
            "another type",
        ),
        (
            r#"{"id":"msg_1","eventId":"evt_1","eventType":"user.created","payload":{"expired":true}}"#,
            ContentMatch::Unknown,
            "dropped by Svix",
        ),
        (
            r#"{"id":"msg_1","eventId":"evt_1","eventType":"user.created"}"#,
            ContentMatch::Unknown,
            "not shown",
        ),
        (
            r#"{"id":"msg_1","eventId":"evt_1","eventType":"user.created","payload":{"expired":true,"a":1}}"#,
            ContentMatch::Different,
            "another's, with such a member",
        ),
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
        look: Look::default(),
        found: vec![],
    };
    let look = Step::FetchAttempts(Look::default());
    let endpoints =
        r#"{"data":[{"id":"ep_1"},{"id":"ep_2","disabled":true}],"done":false,"iterator":"ep_2"}"#;
    let expected = Answer::Endpoints {
        matching: vec!["ep_1".into()],
        next: Some("ep_2".into()),
    };
    assert_eq!(judge(&list, 200, endpoints), expected);
    assert_eq!(
        judge(&look, 200, r#"{"data":[{"id":"atmpt_1","status":2}]}"#),
        attempts(true, &[]),
        "svix made it by itself, and goes on"
    );
    assert_eq!(judge(&look, 200, r#"{"data":[]}"#), attempts(false, &[]));
    let asked_for = r#"{"data":[{"endpointId":"ep_1","triggerType":1,"status":0},{"endpointId":"ep_2","triggerType":1,"status":2}]}"#;
    assert_eq!(judge(&look, 200, asked_for), attempts(false, &["ep_1"]));
    let garbled = Answer::Unavailable {
        retry_after: None,
        may_hold: false,
    };
    assert_eq!(judge(&look, 200, "<html>"), garbled);
    assert_eq!(judge(&list, 200, "{}"), garbled);
    assert_eq!(judge(&list, 200, r#"{"data":[],"done":false,"iterator":null}"#), garbled);
    for id in ["../x", "", "ep 1", "ep_\\u0000", &"x".repeat(257)] {
        let page = format!(r#"{{"data":[{{"id":"{id}"}}]}}"#);
        assert_eq!(judge(&list, 200, &page), garbled, "{id:?} is not of an id's form");
    }
}
