//! Tests of reading whole events.

use proptest::prelude::*;

use super::{Envelope, EnvelopeCode, EnvelopeErrors, Limits};
use crate::domain::Timestamp;

fn read(body: &[u8]) -> Result<Envelope<'_>, EnvelopeErrors> {
    Envelope::read(body, Limits::default())
}

fn refused(body: &[u8]) -> Vec<(EnvelopeCode, String)> {
    match read(body) {
        Ok(_) => Vec::new(),
        Err(errors) => errors
            .into_iter()
            .map(|error| (error.code, error.pointer))
            .collect(),
    }
}

#[test]
fn an_event_is_borrowed_and_its_payload_found() {
    let body = br#" {"id" : "evt_1", "type":"invoice.paid","data" : {"n":9007199254740993} ,"source":"s",
        "time":"2026-01-31T12:00:00Z","expiresAt":"2026-01-31T13:00:00.5+01:00","specversion":"1.0","anything":[1,{"x":"\ud800"}]} "#;
    let envelope = read(body).expect("the event is right");
    assert_eq!(envelope.id.as_deref(), Some("evt_1"));
    assert_eq!(envelope.event_type, "invoice.paid");
    assert_eq!(envelope.source.as_deref(), Some("s"));
    assert_eq!(envelope.time.as_deref(), Some("2026-01-31T12:00:00Z"));
    assert_eq!(envelope.expires_at, Timestamp::parse("2026-01-31T12:00:00.5Z").ok());
    assert_eq!(&envelope.body[envelope.payload.clone()], br#"{"n":9007199254740993}"#);
    assert_eq!(envelope.body, body);
    assert!(matches!(envelope.event_type, std::borrow::Cow::Borrowed(_)));
}

#[test]
fn what_callers_may_write() {
    let id_256 = format!(r#"{{"id":"{}","type":"t","data":{{}}}}"#, "ü".repeat(256));
    let type_256 = format!(r#"{{"type":"{}","data":{{}}}}"#, "t".repeat(256));
    let deep_128 = format!(r#"{{"type":"t","data":{{"a":{}{}}}}}"#, "[".repeat(126), "]".repeat(126));
    let table = [
        (r#"{"type":"t","data":{}}"#, "the least that an event is: a header may be its id"),
        (r#"{"eventType":"t","payload":{}}"#, "the other names"),
        (r#"{"\u0074ype":"\u0074","d\u0061ta":{}}"#, "names and texts with escapes"),
        (r#"{"type":"t","eventType":null,"data":{},"payload":null,"id":null}"#, "null counts as absent"),
        (
            r#"{"type":"t","data":{},"time":null,"createdAt":"2026-01-31T12:00:00+02:00"}"#,
            "for times as well",
        ),
        (
            r#"{"type":"t","data":{},"expiresAt":null,"expirytime":"2001-01-01T00:00:00Z"}"#,
            "an expiry by the name that CloudEvents has for it, long past",
        ),
        (r#"{"type":"t","data":{},"expiresat":1,"expiryTime":true}"#, "names are told apart by case"),
        (r#"{"type":"t","data":{"a":1,"a":2}}"#, "the payload is not looked into"),
        (r#"{"type":"t","data":{},"other":1e999}"#, "nor is any other member"),
        (r#"{"type":"t","data":{},"":"","$serde_json::private::RawValue":"x"}"#, "names are only names"),
        (&id_256, "an id of 256 characters, in more bytes"),
        (&type_256, "a type of 256 characters"),
        (&deep_128, "128 levels"),
    ];
    for (body, why) in table {
        assert_eq!(refused(body.as_bytes()), [], "{why}: {body}");
    }
}

#[test]
fn what_is_no_event_is_refused_as_a_whole() {
    let deep = |levels: usize| format!("{}{}", r#"{"a":"#.repeat(levels), "}".repeat(levels)).into_bytes();
    let table: [(&[u8], EnvelopeCode, &str); 20] = [
        (b"", EnvelopeCode::EmptyBody, "nothing"),
        (b" \r\n\t", EnvelopeCode::EmptyBody, "nothing but white space"),
        (b"{\"a\":\"\xff\"}", EnvelopeCode::InvalidUtf8, "a byte that UTF-8 never has"),
        (b"{\"a\":\"\xed\xa0\x80\"}", EnvelopeCode::InvalidUtf8, "half of a surrogate pair, encoded"),
        (b"\xff\xfe{\x00}\x00", EnvelopeCode::InvalidUtf8, "UTF-16"),
        (b"\xef\xbb\xbf{}", EnvelopeCode::InvalidJson, "a byte order mark"),
        (b"{\"type\":\"t\",\"data\":{}", EnvelopeCode::InvalidJson, "cut off"),
        (b"{\"type\":\"t\",\"data\":{}}}", EnvelopeCode::InvalidJson, "one bracket more"),
        (b"{\"type\":\"t\",\"data\":{}}{}", EnvelopeCode::InvalidJson, "two events"),
        (b"{\"type\":\"t\",\"data\":{},}", EnvelopeCode::InvalidJson, "a comma more"),
        (b"{'type':'t'}", EnvelopeCode::InvalidJson, "other quotation marks"),
        (b"{\"a\":NaN}", EnvelopeCode::InvalidJson, "not a number"),
        (b"{\"a\":\"\n\"}", EnvelopeCode::InvalidJson, "a line break in a string"),
        (b"{\"\\ud800\":1}", EnvelopeCode::InvalidJson, "a name with half of a surrogate pair"),
        (b"{\"a\":1}\0", EnvelopeCode::InvalidJson, "a zero byte behind"),
        (b"type=t", EnvelopeCode::InvalidJson, "a form"),
        (b"[{\"type\":\"t\",\"data\":{}}]", EnvelopeCode::NotAnObject, "a list of events"),
        (b" \"{}\"", EnvelopeCode::NotAnObject, "an object in a string"),
        (&deep(129), EnvelopeCode::TooDeep, "129 levels"),
        (&deep(10_000), EnvelopeCode::TooDeep, "10,000 levels"),
    ];
    for (body, code, why) in table {
        assert_eq!(refused(body), [(code, String::new())], "{why}");
    }
    let unclosed = vec![b'['; 1 << 20];
    assert_eq!(refused(&unclosed), [(EnvelopeCode::TooDeep, String::new())], "a megabyte of brackets");
}

#[test]
fn a_member_that_is_wrong_is_named() {
    use EnvelopeCode::{ConflictingMembers, DuplicateMember, InvalidMember, MissingMember, TooLong};
    let long = "x".repeat(257);
    let long_id = format!(r#""id":"{long}","type":"t","data":{{}}"#);
    let long_type = format!(r#""type":"{long}","data":{{}}"#);
    let table = [
        (r#""id":42,"type":"t","data":{}"#, InvalidMember, "/id", "a number; is 042 the same id?"),
        (r#""id":"","type":"t","data":{}"#, InvalidMember, "/id", "an id that says nothing"),
        (r#""id":{},"type":"t","data":{}"#, InvalidMember, "/id", "an object"),
        (r#""id":"\udc00","type":"t","data":{}"#, InvalidMember, "/id", "half of a surrogate pair"),
        (&long_id, TooLong, "/id", "an id of 257 characters"),
        (r#""data":{}"#, MissingMember, "/type", "no type"),
        (r#""type":null,"data":{}"#, MissingMember, "/type", "null counts as absent"),
        (r#""type":"a b","data":{}"#, InvalidMember, "/type", "a space, which Svix refuses"),
        (r#""eventType":"","data":{}"#, InvalidMember, "/eventType", "no letters, under the other name"),
        (r#""type":true,"data":{}"#, InvalidMember, "/type", "a boolean"),
        (&long_type, TooLong, "/type", "a type of 257 characters"),
        (r#""type":"t","eventType":"t","data":{}"#, ConflictingMembers, "/eventType", "both names"),
        (r#""type":"t""#, MissingMember, "/data", "no payload"),
        (r#""type":"t","data":[]"#, InvalidMember, "/data", "an array, which Svix refuses"),
        (r#""type":"t","payload":"{}""#, InvalidMember, "/payload", "an object in a string"),
        (r#""type":"t","data":{},"payload":{}"#, ConflictingMembers, "/payload", "both names"),
        (r#""type":"t","data":{},"source":1"#, InvalidMember, "/source", "a number"),
        (r#""type":"t","data":{},"time":"yesterday""#, InvalidMember, "/time", "no RFC 3339 time"),
        (r#""type":"t","data":{},"createdAt":1767225600"#, InvalidMember, "/createdAt", "seconds since 1970"),
        (
            r#""type":"t","data":{},"time":"2026-01-31T12:00:00Z","createdAt":"2026-01-31T12:00:00Z""#,
            ConflictingMembers,
            "/createdAt",
            "both names",
        ),
        (r#""type":"t","data":{},"expiresAt":"tomorrow""#, InvalidMember, "/expiresAt", "no RFC 3339 time"),
        (
            r#""type":"t","data":{},"expiresAt":"2026-01-31T12:00:00""#,
            InvalidMember,
            "/expiresAt",
            "of no zone",
        ),
        (r#""type":"t","data":{},"expiresAt":"""#, InvalidMember, "/expiresAt", "a text that says nothing"),
        (r#""type":"t","data":{},"expiresAt":1767225600"#, InvalidMember, "/expiresAt", "seconds since 1970"),
        (r#""type":"t","data":{},"expirytime":{}"#, InvalidMember, "/expirytime", "an object"),
        (
            r#""type":"t","data":{},"expiresAt":"2026-01-31T12:00:00Z","expirytime":"2026-01-31T12:00:00Z""#,
            ConflictingMembers,
            "/expirytime",
            "both names",
        ),
        (r#""type":"t","data":{},"data":{}"#, DuplicateMember, "/data", "the payload twice"),
        (r#""type":"t","data":{},"x":1,"\u0078":1"#, DuplicateMember, "/x", "any member twice, in disguise"),
        (r#""type":"t","data":{},"a/b":1,"a/b":1,"a/b":1"#, DuplicateMember, "/a~1b", "said once for three"),
    ];
    for (members, code, pointer, why) in table {
        let body = format!("{{{members}}}");
        assert_eq!(refused(body.as_bytes()), [(code, pointer.to_owned())], "{why}: {body}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let body = br#"{"id":7,"type":"a b","data":[],"source":[],"time":"","expiresAt":0,"x":1,"x":2}"#;
    let pointers: Vec<_> = refused(body).into_iter().map(|(_, pointer)| pointer).collect();
    assert_eq!(pointers, ["/id", "/type", "/data", "/source", "/time", "/expiresAt", "/x"]);
}

#[test]
fn an_error_says_what_would_be_right() {
    let hostile = format!(r#"{{"type":"\n{}","data":{{}}}}"#, "x".repeat(100_000));
    let number = format!(r#"{{"id":{},"type":"t","data":{{}}}}"#, "7".repeat(100_000));
    let table = [
        (r#"{"id":42,"type":"t","data":{}}"#, "must be a string, in quotation marks", "how to write an id"),
        (r#"{"type":"a b","data":{}}"#, "1 to 256 of the characters A-Z a-z 0-9 - _ .", "what a type may be"),
        ("{\"type\":\"t\",\n  \"data\":{},}", "line 2 column 13", "where JSON ends"),
        ("[]", "is an array; it must be a JSON object, one event per request", "what to post"),
        (r#"{"type":"t","data":{},"time":"1"}"#, "2026-01-31T12:00:00Z", "what a time looks like"),
        (&hostile, r#"is "\nxxx"#, "a hostile text, escaped"),
        (&number, "is the number 777", "a hostile number"),
    ];
    for (body, part, why) in table {
        let text = read(body.as_bytes()).expect_err(why).to_string();
        assert!(text.contains(part), "{why}: {text}");
        assert!(text.len() < 300, "{why}: an error is short whatever was posted");
    }
}

#[test]
fn a_flood_of_members_costs_no_more_than_its_bytes() {
    let distinct: String = (0..100_000).map(|number| format!(r#""{number}":0,"#)).collect();
    let body = format!(r#"{{{distinct}"type":"t","data":{{}}}}"#);
    assert_eq!(refused(body.as_bytes()), []);
    let twice = format!(r#"{{{distinct}{distinct}"type":"t","data":{{}}}}"#);
    assert_eq!(refused(twice.as_bytes()).len(), 8, "no more errors than help");
}

proptest! {
    #[test]
    fn whatever_surrounds_the_payload_it_is_found(
        before in "[ \n\t]{0,4}", note in "[^\"\\\\\\x00-\\x1f]{0,12}", text in "[^\"\\\\\\x00-\\x1f]{0,12}",
    ) {
        let payload = format!(r#"{{ "text" : "{text}" }}"#);
        let body = format!(r#"{before}{{"note":"{note}","type":"t","data":{before}{payload}{before}}}{before}"#);
        let envelope = read(body.as_bytes()).map_err(|errors| TestCaseError::fail(errors.to_string()))?;
        prop_assert_eq!(&envelope.body[envelope.payload.clone()], payload.as_bytes());
    }
}
