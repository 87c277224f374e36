//! How much work an expression may make.

use super::super::purse::{Purse, STEPS_MAX};
use super::super::*;
use super::{ask, expression};

fn numbers(count: usize) -> String {
    let numbers: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    format!("{{\"l\":[{}],\"s\":\"{}\"}}", numbers.join(","), "x".repeat(1000))
}

#[test]
fn what_would_run_long_is_cut_off_and_passes() {
    let doubled =
        |times: usize| format!("['{}']{}.size() == 0", "x".repeat(60), ".map(s, s + s)".repeat(times));
    let lists = |times: usize| format!("[data.l]{}.size() == 0", ".map(s, s + s)".repeat(times));
    let nested = |times: usize| format!("[data.l]{}.size() == 0", ".map(s, [s, s])".repeat(times));
    let table = [
        ("data.l.all(a, data.l.all(b, data.l.all(c, a + b + c >= 0)))".to_owned(), "loops"),
        (
            "data.l.all(a, data.l.all(b, data.l.all(c, data.l.all(d, a == b || a != b))))".to_owned(),
            "more loops",
        ),
        ("data.l.exists(a, data.l.exists(b, data.l.exists(c, c.x)))".to_owned(), "loops over errors"),
        ("!data.l.exists(a, data.l.map(b, data.l).size() < 0)".to_owned(), "copies"),
        ("data.l.map(a, data.l).map(a, data.l).map(a, a + a).size() < 0".to_owned(), "copies of copies"),
        (doubled(40), "a text that doubles"),
        (lists(40), "a list that doubles"),
        (nested(40), "a tree that doubles"),
        ("data.l.all(a, data == event.data)".to_owned(), "deep equality"),
        ("data.l.all(a, data.l in [data.l, [1]])".to_owned(), "deep search"),
        ("data.l.all(a, !(data.l < 1))".to_owned(), "errors that copy what they are about"),
        ("data.l.exists(a, data.l + 1 == 2)".to_owned(), "errors that copy, absorbed"),
        ("data.l.exists(a, 1 - data.l == 2)".to_owned(), "errors that copy the right side"),
        ("data.l.all(a, size(data.s + data.s + data.s + data.s) > 0)".to_owned(), "long texts"),
        ("data.l.all(a, data.s.matches('(x+x+)+y') || true)".to_owned(), "patterns"),
        ("data.l.all(a, {data.s: data.l}.size() == 1)".to_owned(), "maps"),
    ];
    let data = numbers(600);
    for (text, why) in &table {
        let filter = expression(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        let verdict = ask(&filter, &data);
        assert!(verdict.passes, "{why}");
        assert_eq!(verdict.clause, Clause::Failed(FilterFailure::CutOff), "{text}: {why}");
    }
}

#[test]
fn what_was_cut_off_stays_so_however_the_rest_absorbs_it() {
    let filter = expression("data.l.all(a, data.l.all(b, data.l.all(c, true))) && false").unwrap();
    let verdict = ask(&filter, &numbers(600));
    assert_eq!((verdict.passes, verdict.clause), (true, Clause::Failed(FilterFailure::CutOff)));
}

#[test]
fn ordinary_filters_over_large_events_are_not_cut_off() {
    let items: Vec<String> = (0..1000)
        .map(|n| {
            format!(r#"{{"sku":"sku-{n}","name":"something longer than that","price":{n},"tags":["a","b"]}}"#)
        })
        .collect();
    let data = format!(r#"{{"items":[{}]}}"#, items.join(","));
    for text in [
        "data.items.exists(i, i.sku == 'sku-999')",
        "data.items.filter(i, i.price > 500).size() == 499",
        "data.items.all(i, i.name.startsWith('some') && i.price >= 0)",
        "data.items.map(i, i.price).exists(p, p == 999)",
        "data.items.exists(i, i.tags.exists(t, t == 'b') && i.price == 999)",
        "data.items.exists(i, i.sku.matches('^sku-[0-9]{3}$'))",
        "data.items[999].price == 999",
    ] {
        let filter = expression(text).unwrap();
        let verdict = ask(&filter, &data);
        assert_eq!((verdict.passes, &verdict.clause), (true, &Clause::Expression), "{text}");
    }
}

/// Evaluates with a purse that is large enough, and tells what was taken out of it.
fn price(text: &str, data: &str) -> u64 {
    let compiled = super::super::expression::Expression::compile(text).unwrap();
    let purse = Purse::new(1 << 40);
    let input = FilterInput {
        event_type: "t",
        customer: "c",
        event: data.as_bytes(),
        data: data.as_bytes(),
    };
    compiled.evaluate_within(&input, &purse).unwrap();
    (1 << 40) - purse.left()
}

#[test]
fn the_price_grows_with_the_work() {
    let [small, large] = [numbers(100), numbers(200)];
    for (text, least, most, why) in [
        ("data.l.all(a, a >= 0)", 1.9, 2.1, "a loop is linear"),
        ("data.l.map(a, a + 1).size() > 0", 1.9, 2.1, "a map is linear"),
        ("data.l.all(a, data.l.all(b, a != b || a == b))", 3.5, 4.2, "a loop in a loop is square"),
        ("data.l[5] == 5", 1.0, 1.0, "an element costs the same"),
        ("data.l == data.l", 1.9, 2.1, "equality is linear"),
    ] {
        let [small, large] = [price(text, &small).max(1), price(text, &large).max(1)];
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let ratio = large as f64 / small as f64;
        assert!((least..=most).contains(&ratio), "{why}: {small} {large}");
    }
    let price_of = |pattern: &str| price(&format!("data.s.matches('{pattern}')"), &small);
    let [plain, unlucky] = ["y[0-9]z", "[xz]*x[xz]{300}y"].map(price_of);
    assert!(unlucky > 10 * plain, "a pattern with many states is dearer: {plain} {unlucky}");
    assert_eq!(price("data.l.all(a, a >= 0)", &small), price("data.l.all(a, a >= 0)", &small));
    assert!(price("data.l.all(a, a >= 0)", &small) < STEPS_MAX / 50);
}

#[test]
fn an_event_of_too_many_values_is_not_read() {
    let filter = expression("data.l == 1").unwrap();
    let data = format!("{{\"l\":[{}1]}}", "{},".repeat(100_001));
    assert!(matches!(ask(&filter, &data).clause, Clause::Failed(FilterFailure::Unreadable(_))));
    let deep = format!("{{\"l\":{}{}}}", "[".repeat(2000), "]".repeat(2000));
    assert!(matches!(ask(&filter, &deep).clause, Clause::Failed(FilterFailure::Unreadable(_))));
}

#[test]
fn the_deepest_expression_over_the_deepest_event_has_stack_enough() {
    let deep = format!("{{\"l\":{}{}}}", "[".repeat(120), "]".repeat(120));
    let sum = vec!["data.l"; 44].join("+");
    let loops = format!("{}true{}", "data.l.all(x,".repeat(20), ")".repeat(20));
    for text in [format!("{sum} == data.l"), loops, "data == event.data".to_owned()] {
        let filter = expression(&text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        ask(&filter, &deep);
    }
}

#[test]
fn a_filter_can_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Filter>();
}
