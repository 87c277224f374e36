//! What is refused when a filter is written, and where the fault is said to be.

use super::super::*;
use super::expression;

#[test]
fn an_expression_is_refused_with_the_place_of_each_fault() {
    let table = [
        ("evnt.type == 'a'", 0, "no variable \"evnt\""),
        ("true && 'é' == dat.x", 16, "no variable \"dat\""),
        ("true &&\n  foo(1)", 13, "no function \"foo\""),
        ("type == 'a'", 0, "no variable \"type\"; it is eventType"),
        ("data.x.foo()", 10, "no function \"foo\""),
        ("size(data, data) == 1", 4, "\"size\" takes 1 arguments, not 2"),
        ("startsWith(data.x, 'a')", 10, "\"startsWith\" is written value.startsWith(text)"),
        ("data.x.int() == 1", 10, "\"int\" is written int(value)"),
        ("data.x.all(a)", 10, "\"all\" is written list.all(x, condition)"),
        ("data.x.exists(a, a == 1) && a == 1", 28, "no variable \"a\""),
        ("timestamp(data.x) > 1", 9, "no function \"timestamp\""),
        ("data.x.matches(data.y)", 14, "the pattern of \"matches\" must be a text in quotes"),
        ("data.x.matches('(')", 14, "the pattern is no regular expression: unclosed group"),
        ("data.x.matches('(\\\\w{100}){100}')", 14, "the pattern is too large"),
        ("data.size()", 9, "the expression comes to a number"),
        ("'true'", 0, "the expression comes to a text"),
        ("data", 0, "the expression comes to a map"),
        ("data.map(x, x)", 8, "the expression comes to a list"),
        ("Foo{a: 1} == 1", 3, "a filter cannot make messages"),
        ("data.?x == 1", 4, "unsupported syntax '.?'"),
        ("has(data)", 4, "invalid argument to has() macro"),
        ("data.x ==", 9, ""),
        ("data.x == 1 1", 12, ""),
        ("if == 1", 0, "reserved identifier: if"),
        ("99999999999999999999 == data.x", 0, "invalid int literal"),
        ("@result == true", 0, "'@' has no meaning"),
        (".event == 1", 1, "no variable \".event\""),
    ];
    for (text, offset, message) in table {
        let Err(errors) = expression(text) else {
            panic!("{text} was taken")
        };
        let error = errors.first().expect("there is an error");
        let position = error.position.expect("it has a place");
        assert_eq!(error.pointer, "/expression");
        assert!(error.message.starts_with(message), "{text}: {errors:?}");
        assert_eq!(position, Position::of_offset(text, offset), "{text}: {errors:?}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let errors = Filter::compile(&FilterSettings {
        include: vec!["a".into(), "b..c".into()],
        exclude: vec![String::new()],
        expression: Some("foo(evnt) && data.x.matches('[')".into()),
    })
    .unwrap_err();
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "/include/1: a part between the dots of a pattern is empty",
            "/exclude/0: a pattern is empty",
            "/expression: no function \"foo\" (line 1, column 4)",
            "/expression: no variable \"evnt\"; there are event, data, eventType, customer (line 1, column 5)",
            "/expression: the pattern is no regular expression: unclosed character class (line 1, column 28)",
        ]
    );
    let many = FilterSettings {
        include: vec!["a".into(); 101],
        ..FilterSettings::default()
    };
    assert_eq!(Filter::compile(&many).unwrap_err().len(), 1);
}

#[test]
fn an_expression_is_bounded() {
    let list = |count: usize| format!("data.x in [{}]", vec!["1"; count].join(","));
    assert!(expression(&list(400)).is_ok());
    assert!(expression(&list(497)).unwrap_err()[0].message.contains("nodes"));
    let sum = |count: usize| format!("{} == 1", vec!["data.x"; count].join("+"));
    assert!(expression(&sum(40)).is_ok());
    assert!(
        expression(&sum(60)).unwrap_err()[0]
            .message
            .contains("inside of each other")
    );
    let or = |count: usize| vec!["data.x == 1"; count].join("||");
    assert!(expression(&or(90)).is_ok(), "a long alternative does not nest");
}
