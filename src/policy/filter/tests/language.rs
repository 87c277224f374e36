//! What the parts of a filter mean.

use super::super::*;
use super::{ask, expression, told};

#[test]
fn lists_of_types_decide_first() {
    type Patterns = &'static [&'static str];
    let broken = Some("data.x > 1");
    let table: [(Patterns, Patterns, Option<&str>, &str, &str); 9] = [
        (&[], &[], None, "passes: all", "nothing is said"),
        (&["invoice.*"], &[], None, "passes: include \"invoice.*\"", "included"),
        (&["a", "**"], &[], None, "passes: include \"**\"", "the first pattern that matches"),
        (&["order.*"], &[], None, "held back: not included", "another type"),
        (&[], &["order.*"], None, "passes: all", "not excluded"),
        (&["**"], &["*.paid"], None, "held back: exclude \"*.paid\"", "exclude wins"),
        (&["order.*"], &[], Some("true"), "held back: not included", "the expression is not asked"),
        (&["**"], &["**"], broken, "held back: exclude \"**\"", "nor can it fail"),
        (&["**"], &[], Some("false"), "held back: expression", "asked when the lists agree"),
    ];
    for (include, exclude, expression, expected, why) in table {
        let filter = Filter::compile(&FilterSettings {
            include: include.iter().map(ToString::to_string).collect(),
            exclude: exclude.iter().map(ToString::to_string).collect(),
            expression: expression.map(str::to_owned),
        });
        assert_eq!(told(&ask(&filter.unwrap(), "{}")), expected, "{why}");
    }
}

#[test]
fn an_expression_decides() {
    let data = r#"{"amount":250,"fee":-1,"rate":0.5,"big":9007199254740993,"huge":18446744073709551615,
        "whole":100.0,"currency":"EUR","note":"grün 緑","nothing":null,"paid":true,"b":"x",
        "lines":[{"sku":"a-1","n":2},{"sku":"b-2","n":0}],"numbers":[1,2,3],"tree":{"in":{"x":1}},
        "twice":1,"twice":2,"escaped":"a\nb","odd key":7,"e":1e3}"#;
    let table = [
        ("data.amount > 100", true, "numbers"),
        ("data.amount > 100 && event.type.startsWith(\"invoice.\")", true, "both"),
        ("event.data.amount == data.amount", true, "the payload is a part of the event"),
        ("eventType == 'invoice.paid' && customer == 'acme'", true, "what is known without the event"),
        ("data.currency in ['EUR', 'USD']", true, "in a list"),
        ("'amount' in data && !('x' in data)", true, "in a map"),
        ("'a' in event.tags", true, "in a list of the event"),
        ("data.tree['in'].x == 1 && data.tree['in']['x'] == 1", true, "nested, a keyword as a member"),
        ("data['odd key'] == 7", true, "a name that is no identifier"),
        ("data.numbers[0] == 1 && data.numbers[2] == 3", true, "elements"),
        ("data.numbers[data.numbers[0]] == 2", true, "a computed index"),
        ("data.numbers[1.0] == 2", true, "a whole double is an index"),
        ("data.big == 9007199254740993 && data.big != 9007199254740992", true, "exact beyond 2^53"),
        ("data.huge == 18446744073709551615u && data.huge > data.big", true, "unsigned"),
        ("data.whole == 100 && data.whole == 100.0", true, "numbers of all kinds are equal by value"),
        ("data.e == 1000.0 && data.rate < 1", true, "fractions"),
        ("data.fee == -1 && -data.fee == 1", true, "signs"),
        ("data.note == 'grün 緑' && size(data.note) == 6", true, "characters, not bytes"),
        ("event['größe'] == 1", true, "any name"),
        ("data.nothing == null && data.amount != null", true, "null"),
        ("data.escaped == 'a\\nb'", true, "escapes"),
        ("data.twice == 2", true, "the last of two"),
        ("data.paid", true, "a member that is a bool"),
        ("data.amount > 1000", false, "too small"),
        ("has(data.amount) && !has(data.missing)", true, "whether a member is there"),
        ("has(data.missing) && data.missing > 1", false, "guarded"),
        ("data.missing > 1 || true", true, "what is certain anyway"),
        ("has(data.tree['in'].x)", true, "deep down"),
        ("data.lines.exists(l, l.sku == 'b-2')", true, "some"),
        ("data.lines.all(l, l.n > 0)", false, "each"),
        ("data.lines.exists_one(l, l.n == 0)", true, "exactly one"),
        ("data.lines.filter(l, l.n > 0).size() == 1", true, "those that"),
        ("data.lines.map(l, l.n) == [2, 0]", true, "made of each"),
        ("data.lines.map(l, l.n > 0, l.sku) == ['a-1']", true, "made of some"),
        ("data.exists(name, name == 'fee')", true, "over the names of a map"),
        ("data.lines.exists(l, data.numbers.exists(n, n == l.n))", true, "nested"),
        ("data.currency.contains('U') && data.currency.endsWith('R')", true, "texts"),
        ("data.currency + '!' == 'EUR!' && string(data.amount) == '250'", true, "made of texts"),
        ("int('42') == 42 && double('0.5') == data.rate && uint(3) == 3u", true, "from texts"),
        ("data.lines[0].sku.matches('^[a-z]-[0-9]+$')", true, "a pattern"),
        ("matches(data.note, r'\\w+ \\p{Han}')", true, "a pattern of any script"),
        ("data.amount > 100 ? data.currency == 'EUR' : false", true, "one or the other"),
        ("type(data.amount) == int && type(data.rate) == double && type(data.b) == string", true, "types"),
        ("data.amount % 7 == 5 && data.amount / 2 * 2 == 250 && data.amount - 1 == 249", true, "sums"),
        ("{'a': 1}.a == 1 && size({}) == 0 && [1] + [2] == [1, 2]", true, "literals"),
        ("data == event.data", true, "whole maps"),
        ("'b' > 'a' && true != false // a remark", true, "order, and remarks"),
    ];
    for (text, passes, why) in table {
        let filter = expression(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        let expected = format!("{} expression", if passes { "passes:" } else { "held back:" });
        assert_eq!(told(&ask(&filter, data)), expected, "{text}: {why}");
    }
}

#[test]
fn an_expression_that_fails_lets_the_event_pass_and_says_why() {
    let table = [
        ("data.x > 1", "no member \"x\"", "missing"),
        ("data.a.b.c == 1", "no member \"b\"", "missing on the way"),
        ("data.text > 1", "> does not take (string, int)", "another type"),
        ("data.text + 1 == 2", "add does not take string and int", "another type"),
        ("data.text.x == 1", "", "a member of a text"),
        ("data.text", "the result is of type string, not bool", "no bool"),
        ("data.n / 0 == 1", "division by zero", "a division"),
        ("data.list[5] == 1", "no element 5", "past the end"),
        ("data.list['a'] == 1", "", "no index"),
        ("data.list[data.half] == 1", "", "half an index"),
        ("9223372036854775807 + data.n > 0", "overflow in add", "too large"),
        ("int(data.text) == 1", "int: ", "no number"),
        ("data.n.startsWith('a')", "startsWith does not take (int, string)", "no text"),
        ("data.n.matches('a')", "matches does not take (int)", "no text"),
        ("data.n.all(x, true)", "", "not a list"),
        ("data.list.all(x, x > 'a')", "> does not take (int, string)", "in a loop"),
        ("data.n ? true : false", "", "no condition"),
    ];
    for (text, reason, why) in table {
        let filter = expression(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        let verdict = ask(&filter, r#"{"n":1,"text":"a","list":[1],"half":0.5,"a":{}}"#);
        assert!(verdict.passes, "{text}: {why}");
        let told = verdict.clause.to_string();
        let found = told
            .strip_prefix("expression failed: ")
            .is_some_and(|told| told.starts_with(reason));
        assert!(found, "{text}: {told}: {why}");
        assert!(!told.contains("could not be evaluated"), "{text}: {told}");
    }
}

#[test]
fn an_event_that_is_no_json_passes() {
    let filter = expression("data.x == 1").unwrap();
    for data in ["", "{", "[]", "{\"x\":1} x", "{\"x\":1e999}", "\u{0}"] {
        let verdict = ask(&filter, data);
        assert!(
            verdict.passes && matches!(verdict.clause, Clause::Failed(FilterFailure::Unreadable(_))),
            "{data}"
        );
    }
}

#[test]
fn what_is_not_read_does_not_matter() {
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    let data = format!(r#"{{"x":1,"y":{{"z":2,"big":1e999}},"far":-1e999,"deep":{deep}}}"#);
    for text in [
        "data.x == 1 && data.y.z == 2 && has(data.x)",
        "event.data.x == 1 && event.data['y'].z == 2 && !has(data.y.none)",
        "event.tags.exists(data, data == 'a')",
    ] {
        let filter = expression(text).unwrap();
        assert_eq!(told(&ask(&filter, &data)), "passes: expression", "{text}");
    }
}

#[test]
fn the_payload_may_be_called_payload() {
    for text in ["data.x == 1", "data.x == 1 && event.id == 'e'"] {
        let filter = expression(text).unwrap();
        for event in [
            r#"{"id":"e","payload":{"x":1}}"#,
            r#"{"id":"e","data":null,"payload":{"x":1}}"#,
        ] {
            let verdict = filter.decide(&FilterInput {
                event_type: "t",
                customer: "c",
                event: event.as_bytes(),
                data: br#"{"x":1}"#,
            });
            assert_eq!(told(&verdict), "passes: expression", "{text} {event}");
        }
    }
}
