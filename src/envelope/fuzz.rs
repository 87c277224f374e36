//! Fuzzes the reading of events: whatever comes in, what comes out is bounded, clean, and the same each time.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Envelope, EnvelopeCode, KeyPart, Limits};
use crate::domain::fits_svix_id;

/// The most characters of a caller's text that an error repeats, with room for their escapes and the words around.
const DETAIL_MAX: usize = 1200;

/// A piece of an event that is right, or nearly.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(
            &[
                "null",
                "true",
                "0",
                "-0",
                "-1.5e300",
                "1e999",
                "9007199254740993",
                "\"\"",
                "\"t\"",
                "\"\\ud800\"",
                "\"\\u0000\"",
                "\"2026-01-31T12:00:00Z\"",
                "\"0000-01-01T00:00:00Z\"",
                "\"9999-12-31T23:59:60+23:59\"",
                "{",
                "]",
                "\"",
                "nul",
            ][..]
        )
        .prop_map(str::to_owned),
        "\"[^\"\\\\\\x00-\\x1f]{0,8}\"",
        (1_usize..400).prop_map(|length| format!("\"{}\"", "ü".repeat(length))),
        (1_usize..140).prop_map(|levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels))),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(","))),
            prop::collection::vec((name(), inner), 0..4).prop_map(|all| object(&all)),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    let known = [
        "id",
        "type",
        "eventType",
        "data",
        "payload",
        "source",
        "time",
        "createdAt",
        "expiresAt",
        "expirytime",
        "customer",
        "\\u0069d",
        "\\ud800",
        "$serde_json::private::RawValue",
        "$serde_json::private::Number",
        "a/b~c",
        "",
    ];
    prop_oneof![4 => select(known.map(str::to_owned).to_vec()), 1 => "[^\"\\\\\\x00-\\x1f]{0,300}"]
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    format!("{{{}}}", members.join(", "))
}

/// What is an event, or nearly one.
fn event() -> impl Strategy<Value = Vec<u8>> {
    let right = select(
        &[
            r#""id":"evt_1","type":"t","data":{"a":[1]}"#,
            r#""eventType":"t","payload":{}"#,
            "",
        ][..],
    );
    let other = prop_oneof![
        "[a-h]",
        "customer|a/b~c|\\$serde_json::private::RawValue|\\\\u0069d"
    ];
    let more = prop_oneof![
        2 => prop::collection::btree_map(other, value(), 0..4).prop_map(|all| all.into_iter().collect()),
        1 => prop::collection::vec((name(), value()), 0..5),
    ];
    let whole = (right, more).prop_map(|(right, more)| {
        let more = object(&more);
        let comma = if right.is_empty() || more == "{}" { "" } else { "," };
        format!("{{{right}{comma}{}", &more[1..])
    });
    let changes = prop_oneof![2 => Just(Vec::new()), 1 => changes()];
    let end = prop::option::weighted(0.1, any::<Index>());
    (whole, changes, end).prop_map(|(whole, changes, end)| {
        let mut bytes = whole.into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        bytes
    })
}

fn changes() -> impl Strategy<Value = Vec<(Index, u8)>> {
    prop::collection::vec((any::<Index>(), any::<u8>()), 1..3)
}

fn is_clean(text: &str) -> bool {
    text.len() <= DETAIL_MAX && !text.contains(char::is_control)
}

/// Reads an event and says in words what came of it, having made sure of what must always hold.
fn outcome(body: &[u8], pointer: &str, header: Option<&str>) -> Result<String, TestCaseError> {
    let envelope = match Envelope::read(body, Limits::default()) {
        Ok(envelope) => envelope,
        Err(errors) => {
            prop_assert!((1..=32).contains(&errors.as_slice().len()));
            for error in errors.as_slice() {
                prop_assert!(is_clean(&error.detail) && is_clean(&error.pointer), "{error:?}");
                let is_whole = matches!(
                    error.code,
                    EnvelopeCode::EmptyBody
                        | EnvelopeCode::InvalidUtf8
                        | EnvelopeCode::InvalidJson
                        | EnvelopeCode::NotAnObject
                        | EnvelopeCode::TooDeep
                );
                prop_assert_eq!(is_whole, error.pointer.is_empty(), "{:?}", error);
            }
            return Ok(errors.to_string());
        }
    };
    let payload = body
        .get(envelope.payload.clone())
        .expect("the payload is of the body");
    let is_object = payload.starts_with(b"{") && payload.ends_with(b"}");
    prop_assert!(is_object, "the payload is an object");
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(payload).is_ok();
    prop_assert!(is_json, "the payload is whole");
    prop_assert!(fits_svix_id(&envelope.event_type));
    prop_assert!(
        envelope
            .id
            .as_deref()
            .is_none_or(|id| (1..=256).contains(&id.chars().count()))
    );
    let mut words = format!("{envelope:?} {:?} {:?}", envelope.payload, envelope.expires_at);
    for key in [
        &[][..],
        &[KeyPart::Id, KeyPart::Source],
        &[KeyPart::Source, KeyPart::Time],
    ] {
        match envelope.event_id(key, header) {
            Ok(id) => {
                prop_assert!(fits_svix_id(id.as_str()) && !id.as_str().starts_with("msg_"));
                words.push_str(id.as_str());
            }
            Err(error) => prop_assert!(is_clean(&error.to_string()), "{error:?}"),
        }
    }
    match envelope.find(pointer) {
        Ok(found) => words.push_str(&format!("{found:?}")),
        Err(error) => prop_assert!(is_clean(&error.detail) && is_clean(&error.pointer), "{error:?}"),
    }
    Ok(words)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_is_posted_is_read_or_refused_the_same_each_time(
        body in prop_oneof![
            4 => event(),
            1 => any::<Vec<u8>>(),
            1 => "[\\[\\]{}\",:a-f0-9\\\\ eE.+-]{0,120}".prop_map(String::into_bytes),
        ],
        pointer in prop_oneof!["(/[a-e0-2~]{0,2}){0,4}", "/(id|type|data|a~1b~0c)(/a)?(/0)?", ".{0,20}"],
        header in prop::option::of("[ -~]{0,300}"),
    ) {
        let first = outcome(&body, &pointer, header.as_deref())?;
        prop_assert_eq!(first, outcome(&body, &pointer, header.as_deref())?);
    }

    #[test]
    fn a_payload_is_found_byte_for_byte(members in prop::collection::vec((name(), value()), 0..4), more in value()) {
        let payload = object(&members);
        let body = format!(r#"{{"extra":{more},"type":"t","data":{payload},"more":{more}}}"#);
        if let Ok(envelope) = Envelope::read(body.as_bytes(), Limits::default()) {
            prop_assert_eq!(&body[envelope.payload.clone()], payload);
        }
    }
}
