//! Fuzzes what is made of answers: whatever comes over the wire, what goes further is bounded and of the right form.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::domain::{AccountName, Look, fits_svix_id};
use crate::svix::tests::notification;
use crate::svix::{Account, excerpt};

/// The most bytes that are kept of what Svix says.
const DETAIL_MAX: usize = 1024;

/// The token of the account that is asked.
const TOKEN: &str = "sk_s3cret.eu";

fn step() -> impl Strategy<Value = Step> {
    let look = |iterator| Look {
        iterator,
        ..Look::default()
    };
    let list = |iterator: Option<String>| Step::ListEndpoints {
        look: look(iterator),
        found: vec!["ep_0".to_owned()],
    };
    let resend = Step::Resend {
        endpoints: vec!["ep_0".to_owned()],
    };
    select(vec![
        Step::Send,
        Step::FetchMessage,
        Step::FetchAttempts(Look::default()),
        list(None),
        list(Some("ep_0".to_owned())),
        resend,
    ])
}

/// A text as JSON has it: an id, or what stands in the place of one.
fn text() -> impl Strategy<Value = String> {
    let strange = [
        "msg_\\u0000x",
        "",
        " ",
        "..",
        "../x",
        "msg_1/../2",
        "a b",
        "\\ud800",
        "ü",
        "\\r\\nX: y",
        "evt_1",
        "user.created",
        "conflict",
        "not_found",
        TOKEN,
        "Bearer sk_s3cret.eu",
        "2026-01-31T12:00:00Z",
        "+262142-12-31T23:59:59Z",
        "-271821-04-20T00:00:00Z",
        "0000-00-00T00:00:00Z",
    ];
    prop_oneof![
        2 => "(msg|ep|atmpt)_[A-Za-z0-9]{1,27}".prop_map(|id| format!("\"{id}\"")),
        2 => select(strange.to_vec()).prop_map(|text| format!("\"{text}\"")),
        1 => "\"[^\"\\\\\\x00-\\x1f]{0,20}\"",
        1 => (250_usize..3000).prop_map(|length| format!("\"{}\"", "m".repeat(length))),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => text(),
        1 => select(&["null", "true", "false", "0", "-1e999", "{", "]", "nul"][..]).prop_map(str::to_owned),
        1 => select(&[r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1.0}"#, r#"{"expired":true}"#, r#"{"expired":true,"a":1}"#][..])
            .prop_map(str::to_owned),
        1 => (1_usize..140).prop_map(|levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels))),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(|all| format!("[{}]", all.join(","))),
            2 => object(inner),
        ]
    })
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let names = [
        "id",
        "eventId",
        "eventType",
        "timestamp",
        "payload",
        "data",
        "done",
        "iterator",
        "disabled",
        "filterTypes",
        "channels",
        "code",
        "detail",
        "loc",
        "msg",
        "uid",
        "expired",
    ];
    prop::collection::vec((select(names.to_vec()), value), 0..7).prop_map(|members| {
        let members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

/// An answer that Svix could give, with something strange in each place.
fn shaped() -> impl Strategy<Value = String> {
    prop_oneof![
        (text(), text(), text(), value()).prop_map(|(id, event_id, timestamp, payload)| format!(
            r#"{{"id":{id},"eventId":{event_id},"eventType":"user.created","timestamp":{timestamp},"payload":{payload}}}"#
        )),
        (prop::collection::vec((text(), any::<bool>()), 0..5), text(), any::<bool>()).prop_map(
            |(endpoints, iterator, done)| {
                let data: Vec<String> = endpoints
                    .iter()
                    .map(|(id, disabled)| format!(r#"{{"id":{id},"disabled":{disabled}}}"#))
                    .collect();
                format!(r#"{{"data":[{}],"iterator":{iterator},"done":{done}}}"#, data.join(","))
            }
        ),
        (text(), text()).prop_map(|(code, detail)| format!(r#"{{"code":{code},"detail":{detail}}}"#)),
        (text(), text(), text()).prop_map(|(place, other, words)| format!(
            r#"{{"detail":[{{"loc":[{place},{other}],"msg":{words},"type":"value_error"}}]}}"#
        )),
    ]
}

/// The body of an answer: one of Svix's, or nearly, or anything at all.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<Index>(), any::<u8>()), 0..3);
    let nearly = (prop_oneof![3 => shaped(), 1 => value()], changes, any::<Option<Index>>());
    let nearly = nearly.prop_map(|(body, changes, end)| {
        let mut body = body.into_bytes();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Some(end) = end {
            body.truncate(end.index(body.len() * 4));
        }
        body
    });
    prop_oneof![
        4 => shaped().prop_map(String::into_bytes),
        4 => nearly,
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => (".{0,40}", 0_usize..200).prop_map(|(words, times)| words.repeat(times).into_bytes()),
    ]
}

fn status() -> impl Strategy<Value = u16> {
    let usual = [200, 202, 204, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503];
    prop_oneof![8 => select(usual.to_vec()), 1 => any::<u16>()]
}

fn header() -> impl Strategy<Value = Option<String>> {
    let usual = [
        "0",
        "7",
        "-1",
        "1e9",
        "18446744073709551615",
        "18446744073709551616",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Mon, 00 Jan 0000 00:00:00 GMT",
    ];
    prop::option::of(prop_oneof![3 => select(usual.map(str::to_owned).to_vec()), 1 => ".{0,40}"])
}

fn judge(step: &Step, status: u16, headers: &[Option<String>; 2], body: &[u8]) -> Answer {
    let answer = Reply {
        status,
        retry_after: headers[0].as_deref(),
        date: headers[1].as_deref(),
        received_at: Timestamp::from_millis(1_000_000),
        body,
    };
    reply(step, &notification("evt_1"), &answer)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_is_answered_has_one_meaning(
        step in step(), status in status(), headers in [header(), header()], body in body(),
    ) {
        let answer = judge(&step, status, &headers, &body);
        let again = judge(&step, status, &headers, &body);
        // A time to wait until is counted from now where Svix does not say when it answered.
        let is_timed = matches!(answer, Answer::Limited { .. } | Answer::Unavailable { .. });
        let is_same = std::mem::discriminant(&answer) == std::mem::discriminant(&again);
        prop_assert!(answer == again || is_timed && is_same, "{answer:?} {again:?}");
        if !(200..300).contains(&status) {
            let counts = matches!(
                answer,
                Answer::Accepted { .. } | Answer::Message { .. } | Answer::Attempts { .. } | Answer::Endpoints { .. }
            );
            prop_assert!(!counts && answer != Answer::Resent, "{status} is no success: {answer:?}");
        }
    }

    #[test]
    fn ids_and_iterators_are_of_an_id_s_form(
        body in body(), iterator in prop::option::of("ep_[0-9]"),
    ) {
        let look = Look { iterator, ..Look::default() };
        let step = Step::ListEndpoints { look, found: Vec::new() };
        if let Answer::Endpoints { matching, next } = judge(&step, 200, &[None, None], &body) {
            for id in matching.iter().chain(&next) {
                prop_assert!(fits_svix_id(id), "{id:?}");
            }
        }
        if let Answer::Attempts { reached, next, .. } = judge(&Step::FetchAttempts(Look::default()), 200, &[None, None], &body) {
            for id in reached.iter().chain(&next) {
                prop_assert!(fits_svix_id(id), "{id:?}");
            }
        }
        for step in [Step::Send, Step::FetchMessage] {
            if let Answer::Accepted { message_id, .. } | Answer::Message { message_id, .. } = judge(&step, 200, &[None, None], &body) {
                prop_assert!(message_id.as_deref().is_some_and(fits_svix_id), "{message_id:?}");
            }
        }
    }

    #[test]
    fn what_is_kept_of_an_answer_is_short_and_printable(body in body()) {
        let name = AccountName::new("default");
        let account = Account::new(name, String::new(), TOKEN.into(), Duration::from_secs(1)).unwrap();
        let detail = excerpt::excerpt(&body, &account);
        prop_assert!(detail.len() <= DETAIL_MAX && !detail.contains(char::is_control), "{detail:?}");
        prop_assert!(!detail.contains(TOKEN), "{detail:?}");
        let words = String::from_utf8_lossy(&body);
        let detail = excerpt::bounded(&words);
        prop_assert!(detail.len() <= DETAIL_MAX && !detail.contains(char::is_control), "{detail:?}");
    }
}
