//! What Svix makes of payloads, and what is fuzzed of it.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn same(held: &str, ours: &str) -> bool {
    same_after_reserialising(held.as_bytes(), ours.as_bytes())
}

/// Tells whether Svix cannot parse a payload that it has stored, so that it never shows it.
fn svix_shows_as_expired(payload: &[u8]) -> bool {
    rewrite(payload, Numbers::AsWritten).is_none()
}

fn nested(levels: usize, inner: &str) -> String {
    format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn what_svix_makes_of_a_payload_is_that_payload() {
    let table = [
        (r#"{"snowflake":1234567890123456789}"#, r#"{ "snowflake" : 1234567890123456789 }"#, "blanks"),
        (r#"{"n":18446744073709551615}"#, r#"{"n" :18446744073709551615}"#, "all 64 bits"),
        (r#"{"n":-9223372036854775808}"#, r#"{"n" :-9223372036854775808}"#, "and below zero"),
        (r#"{"a":[{"b":2}]}"#, r#"{"a":[{"b":1,"b":2}]}"#, "the last of a repeated member, deep inside"),
        (r#"{"b":{"c":2}}"#, r#"{"b":{"c":1,"d":0},"b":{"c":2}}"#, "with all that the first one held"),
        (r#"{"a":2}"#, r#"{"a":1,"\u0061":2}"#, "repeated in disguise"),
        (r#"{"a":1,"b":[{"c":1,"d":2}]}"#, r#"{"b":[{"d":2,"c":1}],"a":1}"#, "another order"),
        (r#"{"a":"é/\u0000"}"#, r#"{"\u0061":"\u00e9\/\u0000"}"#, "escapes"),
        (r#"{"a":1e+2}"#, r#"{"a":1E2}"#, "digits are kept, the exponent's sign is added"),
        (r#"{"a":100.0}"#, r#"{"a":1e2}"#, "or it is read as a double"),
        (r#"{"a":[1.0,0.0,-0.0]}"#, r#"{"a":[1,-0,0]}"#, "notations of one number"),
        (r#"{"a":1234567890123456789.5}"#, r#"{"a" :1234567890123456789.5}"#, "a long one is kept"),
        (r#"{"a":1.2345678901234568e18}"#, r#"{"a":1234567890123456789.5}"#, "or what a double keeps of it"),
        (r#"{"a":1.8446744073709552e19}"#, r#"{"a":18446744073709551616}"#, "beyond 64 bits"),
        (r#"{"a":1e400}"#, r#"{"a" : 1e400}"#, "beyond every double"),
        (r#"{"a":1e+99999999999999999999}"#, r#"{"a":1E99999999999999999999}"#, "with any exponent"),
        (r#"{"a":0.0}"#, r#"{"a":1e-400}"#, "too small for a double"),
        (&nested(127, "1"), &nested(127, " 1 "), "as deep as Svix follows"),
        (r#"{"a":"\ud800"}"#, r#"{"a":"\ud800"}"#, "the same bytes"),
        ("{}", " { } ", "nothing"),
    ];
    for (held, ours, why) in table {
        assert!(same(held, ours), "{why}: {held} {ours}");
    }
}

#[test]
fn what_svix_does_not_make_of_a_payload_is_another_one() {
    let table = [
        (r#"{"snowflake":1234567890123456788}"#, r#"{"snowflake":1234567890123456789}"#, "another number"),
        (r#"{"snowflake":1234567890123456800}"#, r#"{"snowflake":1234567890123456789}"#, "as a double"),
        (r#"{"snowflake":1.2345678901234568e18}"#, r#"{"snowflake":1234567890123456789}"#, "written as such"),
        (r#"{"a":1234567890123456789.5}"#, r#"{"a":1234567890123456789.4}"#, "both digits are there"),
        (r#"{"a":1234567890123456789.5}"#, r#"{"a":1.2345678901234568e18}"#, "no digits are added"),
        (r#"{"a":1e401}"#, r#"{"a":1e400}"#, "both beyond every double"),
        (r#"{"a":1e99999999999999999998}"#, r#"{"a":1e99999999999999999999}"#, "by any exponent"),
        (r#"{"a":1e-99999999999999999999}"#, r#"{"a":1e99999999999999999999}"#, "above and below"),
        (r#"{"a":1}"#, r#"{"a":1,"a":2}"#, "the first of a repeated member"),
        (r#"{"a":1,"a":2}"#, r#"{"a":2,"b":1}"#, "a member is missing"),
        (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, "the order of an array"),
        (r#"{"a":[[1],2]}"#, r#"{"a":[[1,2]]}"#, "where an array ends"),
        (r#"{"a":{"b":1},"c":2}"#, r#"{"a":{"b":1,"c":2}}"#, "where an object ends"),
        (r#"{"a":"1"}"#, r#"{"a":1}"#, "a string is no number"),
        (r#"{"a":"true"}"#, r#"{"a":true}"#, "nor a word"),
        (r#"{"a":null}"#, "{}", "null is not nothing"),
        (r#"{"a":1}"#, r#"{"a":-1}"#, "the sign"),
        (r#"{"a":"\ufffd"}"#, r#"{"a":"\ud800"}"#, "half of a surrogate pair is no character"),
        ("[1", "[ 1", "not JSON at all"),
        ("", " ", "nothing at all"),
        (&nested(128, "1"), &nested(128, " 1"), "too deep to follow"),
    ];
    for (held, ours, why) in table {
        assert!(!same(held, ours), "{why}: {held} {ours}");
    }
}

#[test]
fn only_the_marker_itself_says_that_a_payload_is_gone() {
    let table = [
        (r#"{"expired":true}"#, true, "as Svix writes it"),
        (r#" { "\u0065xpired" : true } "#, true, "and otherwise"),
        (r#"{"expired":true,"id":1}"#, false, "a payload that happens to say so"),
        (r#"{"expired":true,"expired":true}"#, false, "twice"),
        (r#"{"expired":false}"#, false, "the opposite"),
        (r#"{"expired":"true"}"#, false, "a text"),
        (r#"{"x":{"expired":true}}"#, false, "deeper inside"),
        (r#"["expired",true]"#, false, "a list"),
        ("{}", false, "nothing"),
        ("", false, "nothing at all"),
        (r#"{"expired":true"#, false, "broken off"),
    ];
    for (payload, right, why) in table {
        assert_eq!(is_expired_marker(payload.as_bytes()), right, "{why}");
    }
}

#[test]
fn what_svix_s_parser_refuses_is_shown_as_expired() {
    let in_object = |levels: usize| format!(r#"{{"a":{}}}"#, nested(levels, "1"));
    let table = [
        (r#"{"a":"\ud800"}"#.to_owned(), true, "half of a surrogate pair"),
        (r#"{"a":"\udc00\ud800"}"#.to_owned(), true, "both halves, the wrong way round"),
        (r#"{"\ud800":1}"#.to_owned(), true, "in a name"),
        (r#"{"a":"\ud83d\ude00"}"#.to_owned(), false, "a pair"),
        (in_object(126), false, "127 levels"),
        (in_object(127), true, "128 levels"),
        (nested(1_000_000, "1"), true, "a million of them"),
        (r#"{"a":1e400}"#.to_owned(), false, "digits are only kept"),
        (r#"{"a":1,"a":2}"#.to_owned(), false, "a repeated member is none too much"),
    ];
    for (payload, right, why) in table {
        assert_eq!(svix_shows_as_expired(payload.as_bytes()), right, "{why}");
    }
}

#[test]
fn deep_and_wide_payloads_take_no_more_than_their_length() {
    let wide: String = (0..10_000)
        .rev()
        .map(|number| format!(r#""{number}":{number},"#))
        .collect();
    let mut ours = format!(r#"{{{wide}"":0}}"#);
    for _ in 0..120 {
        ours = format!(r#"{{"z":0,"a":{ours}}}"#);
    }
    let held = serde_json::from_str::<Value>(&ours).unwrap().to_string();
    assert!(same(&held, &ours));
    let form = rewrite(ours.as_bytes(), Numbers::AsWritten).unwrap();
    assert!(form.len() < 2 * ours.len(), "{} for {}", form.len(), ours.len());
}

/// A JSON text with repeated members, numbers of any size and notation, and escapes.
fn any_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "null|true|false",
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?",
        any::<u64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        "\"([a-z é]|\\\\[\"\\\\/bfnrt]|\\\\u00[0-7][0-9a-f]|\\\\ud83d\\\\ude0[0-9]){0,4}\"",
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        let name = "\"(a|b|\\\\u0061|é)\"";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|all| format!("[ {}]", all.join(" ,\n"))),
            prop::collection::vec((name, inner), 0..5).prop_map(|all| {
                let all: Vec<_> = all
                    .iter()
                    .map(|(name, value)| format!("{name} :{value}"))
                    .collect();
                format!("{{{}\t}}", all.join(", "))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_read_and_written_anew_is_the_same(text in any_text()) {
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert!(same(&value.to_string(), &text), "{} {}", value, text);
        prop_assert!(same(&serde_json::to_string_pretty(&value).unwrap(), &text));
    }

    #[test]
    fn another_value_is_another_payload(one in any_text(), other in any_text()) {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        if same(&one, &other) || same(&other, &one) {
            // Zero is written in two ways, and whole numbers as doubles.
            let (one, other) = (in_doubles(read(&one)), in_doubles(read(&other)));
            prop_assert_eq!(one, other);
        }
        if read(&one) == read(&other) {
            prop_assert!(same(&read(&one).to_string(), &other));
        }
    }

    #[test]
    fn a_changed_digit_is_seen(number in any::<u64>(), other in any::<u64>()) {
        let payload = |number: u64| format!(r#"{{"n":{number}}}"#);
        prop_assert_eq!(same(&payload(number), &payload(other)), number == other);
        prop_assert_eq!(same(&payload(number), &payload(number ^ 1)), false);
    }

    #[test]
    fn what_our_parser_refuses_is_shown_as_expired(mut bytes in any_text().prop_map(String::into_bytes),
        place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let refused = serde_json::from_slice::<Value>(&bytes)
            .is_err_and(|error| !error.to_string().contains("number out of range"));
        prop_assert_eq!(svix_shows_as_expired(&bytes), refused);
    }

    #[test]
    fn no_bytes_are_too_strange_to_compare(one in any::<Vec<u8>>(), other in any::<Vec<u8>>()) {
        prop_assert_eq!(same_after_reserialising(&one, &other), one == other || {
            let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
            read(&one).is_some() && read(&one).map(in_doubles) == read(&other).map(in_doubles)
        });
        is_expired_marker(&one);
    }
}

fn in_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => (number.as_f64().unwrap() + 0.0).into(),
        Value::Array(all) => all.into_iter().map(in_doubles).collect(),
        Value::Object(all) => all
            .into_iter()
            .map(|(name, value)| (name, in_doubles(value)))
            .collect(),
        other => other,
    }
}
