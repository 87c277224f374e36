//! The rules in a hurry: each of their minutes becomes a second and each hour a minute, so that a test sees
//! within seconds what takes half an hour.
//!
//! All times are divided alike, so an expression means what it meant: as many scrapes lie in each range as at one
//! scrape a minute. Shares, numbers of things and the length of single requests and commits stay as they are.

use regex::{Captures, Regex};

/// Times as PromQL and the rules write them.
const TIME: &str = r"(\[|offset |for: )(\d+)([a-z]+)";

/// Ages in seconds, which the rules write as products.
const AGE: &str = r"\b(\d+) \* (3600|60)\b";

/// Hurries an expression, or a whole file of rules.
pub(crate) fn in_a_hurry(text: &str) -> String {
    let shorter = Regex::new(TIME)
        .expect("it is one")
        .replace_all(text, |time: &Captures<'_>| {
            let unit = match &time[3] {
                "m" => "s",
                "h" => "m",
                other => panic!("a time is in minutes or hours, not {other}: {}", &time[0]),
            };
            format!("{}{}{unit}", &time[1], &time[2])
        });
    let younger = Regex::new(AGE)
        .expect("it is one")
        .replace_all(&shorter, |age: &Captures<'_>| {
            let unit = if &age[2] == "60" { "1" } else { "60" };
            format!("{} * {unit}", &age[1])
        });
    younger.into_owned()
}

#[test]
fn a_minute_becomes_a_second_and_the_rest_stays() {
    let cases = [
        ("for: 10m", "for: 10s"),
        ("rate(a_total[5m])", "rate(a_total[5s])"),
        ("a - a offset 10m > 0", "a - a offset 10s > 0"),
        ("avg_over_time(a[1h]) > 0.5", "avg_over_time(a[1m]) > 0.5"),
        ("a_seconds > 15 * 60", "a_seconds > 15 * 1"),
        ("predict_linear(a[1h], 4 * 3600) < 0", "predict_linear(a[1m], 4 * 60) < 0"),
        ("increase(a_total[1h]) > 10", "increase(a_total[1m]) > 10"),
        ("histogram_quantile(0.99, a) > 1", "histogram_quantile(0.99, a) > 1"),
    ];
    for (before, after) in cases {
        assert_eq!(in_a_hurry(before), after);
    }
}
