//! What is written of records, whatever is in them.

use std::io;

use log::Level;
use log::kv::ToValue;

use super::*;
use crate::domain::RequestId;
use crate::telemetry::about;
use crate::telemetry::fields::HEAD;

fn with_record<T>(message: &str, fields: &[(&str, Value<'_>)], check: impl Fn(&Record<'_>) -> T) -> T {
    let fields: &dyn log::kv::Source = &fields;
    let mut builder = Record::builder();
    builder.level(Level::Warn).target("svix_hooks").key_values(fields);
    check(&builder.args(format_args!("{message}")).build())
}

fn parsed(message: &str, fields: &[(&str, Value<'_>)]) -> Json {
    serde_json::from_str(&with_record(message, fields, json_line)).unwrap()
}

#[test]
fn hostile_text_stays_within_its_line_and_its_bounds() {
    let forged = "x\n2026-01-01T00:00:00Z ERROR forged \u{1b}[31m\u{9b}\u{2028}\u{202e}";
    let texts = [
        forged.to_owned(),
        "y".repeat(1_000_000),
        "\u{0}".repeat(100_000),
        "\"\\".repeat(100_000),
        "\u{10ffff}é漢".repeat(100_000),
    ];
    for text in &texts {
        let mut all: Vec<_> = FIELDS.iter().map(|field| (field.name, text.to_value())).collect();
        all.extend([("unknown", text.to_value()), (text, 1_i64.to_value())]);
        for fields in [&all[..], &all[..3], &[]] {
            let line = with_record(text, fields, text_line);
            assert!(
                line.len() <= LINE_MAX && !line.contains(['\n', '\u{1b}', '\u{9b}', '\u{202e}']),
                "{line}"
            );
            let line = with_record(text, fields, json_line);
            assert!(line.len() <= LINE_MAX && !line.contains('\n'), "{}: {line}", line.len());
            let parsed: Json = serde_json::from_str(&line).unwrap();
            assert_eq!(parsed["level"], "warn");
        }
    }
}

#[test]
fn what_a_line_is_about_stands_in_it_however_long_the_rest_is() {
    let huge = "\u{1}".repeat(10_000);
    let fields = [
        "error",
        "other",
        "of",
        "panic",
        "filter",
        "notification",
        "customer",
        "account",
    ];
    let fields = fields.map(|name| (name, huge.to_value()));
    let line = parsed(&huge, &fields);
    for name in ["notification", "customer", "account"] {
        assert!(line[name].is_string(), "{name}");
    }
}

#[test]
fn fields_are_kept_by_name_in_a_fixed_order() {
    let fields = [
        ("reason", "two words".to_value()),
        ("customer", "acme".to_value()),
    ];
    let line = with_record("tried again", &fields, text_line);
    assert!(line.ends_with(r#"WARN  tried again customer=acme reason="two words""#), "{line}");
    let line = with_record("tried again", &fields, json_line);
    let end = r#""target":"svix_hooks","message":"tried again","customer":"acme","reason":"two words"}"#;
    assert!(line.ends_with(end), "{line}");
}

#[test]
fn values_keep_their_kind() {
    let table = [
        ("row", (-7_i64).to_value(), Json::from(-7)),
        ("row", u64::MAX.to_value(), Json::from(u64::MAX)),
        ("rate", 2.5_f64.to_value(), Json::from(2.5)),
        ("attempt", "3".to_value(), Json::from(3)),
        ("key", 3_i64.to_value(), Json::from("3")),
        ("by", None::<&str>.to_value(), Json::Null),
        ("attempt", "many".to_value(), Json::Null),
        ("rate", f64::NAN.to_value(), Json::Null),
    ];
    for (name, value, expected) in table {
        let line = parsed("x", &[(name, value.clone())]);
        assert_eq!(line[name], expected, "{name} = {value:?}");
    }
    assert_eq!(parsed("x", &[("attempt", "many".to_value())])["other"], "attempt=many");
}

#[test]
fn no_field_stands_for_another_or_for_the_head_of_the_line() {
    let mut fields: Vec<_> = HEAD.iter().map(|name| (*name, "forged".to_value())).collect();
    fields.extend([("customer", "acme".to_value()), ("customer", "other".to_value())]);
    fields.push(("of a library", 1_i64.to_value()));
    let line = with_record("x", &fields, json_line);
    assert_eq!(line.matches("\"customer\":").count(), 1, "{line}");
    let line: Json = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["level"], &line["message"]), (&Json::from("warn"), &Json::from("x")));
    assert_eq!((&line["target"], &line["customer"]), (&Json::from("svix_hooks"), &Json::from("acme")));
    let other = line["other"].as_str().unwrap();
    assert!(other.contains("level=forged") && other.ends_with("of a library=1"), "{other}");
}

#[derive(Debug, thiserror::Error)]
#[error("it could not be written")]
struct Outer(#[source] io::Error);

#[test]
fn an_error_is_told_with_its_causes() {
    let error = Outer(io::Error::other("the disk is full"));
    let line = parsed("x", &[("error", Value::from_dyn_error(&error))]);
    assert_eq!(line["error"], "it could not be written: the disk is full");
}

#[tokio::test]
async fn a_line_says_what_the_work_under_way_is_about() {
    let request: RequestId = "r-1".parse().unwrap();
    about(Subject::of_request(request), async {
        assert_eq!(parsed("x", &[])["request"], "r-1");
        assert_eq!(
            parsed("x", &[("request", "r-2".to_value())])["request"],
            "r-2",
            "its own word goes first"
        );
        let other = parsed("x", &[("notification", "n-1".to_value())]);
        assert_eq!(other["request"], "r-1", "a request may be about any notification");
    })
    .await;
    assert!(parsed("x", &[])["request"].is_null());
}

#[tokio::test]
async fn a_line_about_another_notification_takes_nothing_of_the_one_under_way() {
    let subject = Subject {
        request: Some("r-1".parse().unwrap()),
        customer: Some(crate::domain::Customer::parse("acme").unwrap()),
        attempt: Some(2),
        ..Subject::default()
    };
    about(subject, async {
        let same = parsed("x", &[("customer", "acme".to_value())]);
        assert_eq!((&same["request"], &same["attempt"]), (&Json::from("r-1"), &Json::from(2)));
        let other = parsed("x", &[("customer", "globex".to_value())]);
        assert!(other["request"].is_null() && other["attempt"].is_null(), "{other}");
    })
    .await;
}
