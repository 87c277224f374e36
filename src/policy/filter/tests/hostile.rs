//! Texts that were written to do harm.

use proptest::prelude::{any, prop, proptest};

use super::super::*;
use super::{ask, expression};

#[test]
fn hostile_expressions_neither_panic_nor_overflow() {
    let nested = |open: &str, middle: &str, close: &str, times: usize| {
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    for times in [1, 8, 16, 20, 24, 40, 250, 1000, 2000, 100_000] {
        for (open, middle, close) in [
            ("(", "1", ")"),
            ("[", "", "]"),
            ("{1:", "1", "}"),
            ("!", "true", ""),
            ("-", "1", ""),
            ("- ", "1", ""),
            ("!-", "1", ""),
            ("true?", "1", ":1"),
            ("true?true:", "true", ""),
            ("size(", "data", ")"),
            ("data.all(x,", "true", ")"),
            ("data[", "0", "]"),
            ("data.", "x", ""),
            ("data", "", ".x()"),
            ("data", "", "[0]"),
            ("1+", "1", ""),
            ("1==", "1", ""),
            ("true&&", "true", ""),
            ("a in ", "a", ""),
            ("\0", "", ""),
            ("'", "", ""),
            ("'''", "", ""),
            ("b'", "x", ""),
            ("r\"", "x", ""),
            ("'\\", "x", ""),
            ("'\\u", "'", ""),
            ("'\\U0011ffff'", "", ""),
            ("'\\400'", "", ""),
            ("{", "", ""),
            ("(", "", ""),
            ("?", "", ""),
            (":", "", ""),
            (".", "", ""),
            ("..", "", ""),
            ("data.has(", "data", ")"),
            ("has(", "data.x", ")"),
            ("0x", "", ""),
            ("1e", "9", ""),
            ("1u", "", ""),
            ("//", "", ""),
            ("\u{feff}", "", ""),
            ("Foo{x:", "1", "}"),
            ("[?", "1", "]"),
            ("`", "a", "`"),
        ] {
            let text = nested(open, middle, close, times);
            if let Ok(filter) = expression(&text) {
                ask(&filter, r#"{"x":1}"#);
            }
        }
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(96))]

    #[test]
    fn random_bytes_are_refused_or_evaluated(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(filter) = expression(&String::from_utf8_lossy(&bytes)) {
            ask(&filter, "{}");
        }
    }

    #[test]
    fn random_tokens_are_refused_or_evaluated(tokens in prop::collection::vec(prop::sample::select(TOKENS), 1..30)) {
        if let Ok(filter) = expression(&tokens.join(" ")) {
            ask(&filter, r#"{"x":1,"l":[1,"a",null,{"x":[]}]}"#);
        }
    }

    #[test]
    fn no_event_makes_a_filter_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,40}") {
        let filter = expression("data.x > 1 && event.l.exists(i, i.x == data) || event.type.matches('a')").unwrap();
        let input = FilterInput { event_type: &text, customer: &text, event: &bytes, data: &bytes };
        filter.decide(&input);
        ask(&filter, &format!("{{\"x\":{}}}", serde_json::to_string(&text).unwrap()));
    }
}

const TOKENS: &[&str] = &[
    "data",
    "event",
    "x",
    "l",
    ".",
    ".x",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "'a'",
    "1",
    "1u",
    "0.5",
    "null",
    "true",
    "+",
    "-",
    "!",
    "==",
    "<",
    "&&",
    "||",
    "?",
    ":",
    ",",
    "in",
    ".all(x,",
    ".map(x,",
    ".exists(x,",
    "has(",
    "size(",
    "b'a'",
    "data.l",
    "data.x == 1",
    ".matches('a')",
    "string(",
    "type(",
];
