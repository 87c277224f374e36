//! The rules in a hurry: each of their minutes becomes a second and each hour a minute, so that a test sees
//! within seconds what takes half an hour.
//!
//! All times are divided alike, so an expression means what it meant: as many scrapes lie in each range as at one
//! scrape a minute. Shares, numbers of things and the length of single requests and commits stay as they are. So do
//! the service's own beats and the pauses that a busy machine makes: hence how long an alert waits has a least.

use regex::{Captures, Regex};

/// Times as PromQL and the rules write them.
const TIME: &str = r"(\[|offset |for: )(\d+)([a-z]+)";

/// Ages in seconds, which the rules write as products.
const AGE: &str = r"\b(\d+) \* (3600|60)\b";

/// How long something is so in a rule.
const FOR: &str = r"\bfor: (\d+)s\b";

/// The least seconds that something is so, in the hurry. Prometheus and the service share few busy cores here, so that
/// either may have no time for some of them.
const LEAST: u64 = 10;

/// Rules about single commits and answers, which take as long as ever: a minute's worth of slow ones is nothing
/// unusual once it is a second. They wait longer than the rest.
const PATIENT: &[&str] = &["SvixHooksStoreSlow", "SvixHooksPipelineSilent"];

/// The least seconds of those.
const LEAST_PATIENT: u64 = 30;

/// Rules that stand as they are, for nothing that they are about is made faster: the first comparison of the ledger
/// comes some minutes after the start, since a minute is compared once it has long ended.
const UNHURRIED: &[&str] = &["SvixHooksLedgerUnchecked"];

/// What a rule begins with, in a file of them.
const RULE: &str = "- alert: ";

/// Hurries a file of rules.
pub(crate) fn rules_in_a_hurry(text: &str) -> String {
    let mut parts = text.split(RULE);
    let head = parts.next().unwrap_or_default().to_owned();
    parts.fold(head, |before, rule| {
        let name = rule.lines().next().unwrap_or_default();
        let rule = match name {
            _ if UNHURRIED.contains(&name) => rule.to_owned(),
            _ if PATIENT.contains(&name) => waits_at_least(&in_a_hurry(rule), LEAST_PATIENT),
            _ => waits_at_least(&in_a_hurry(rule), LEAST),
        };
        before + RULE + &rule
    })
}

fn waits_at_least(rule: &str, least: u64) -> String {
    let waits = Regex::new(FOR).expect("it is one");
    let longer = waits.replace(rule, |wait: &Captures<'_>| {
        let seconds: u64 = wait[1].parse().expect("a number");
        format!("for: {}s", seconds.max(least))
    });
    longer.into_owned()
}

/// Hurries an expression.
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

#[test]
fn a_rule_waits_long_enough_and_one_that_cannot_be_hurried_is_not() {
    let rule = |name: &str, wait: &str| format!("- alert: {name}\n  expr: a[5m] > 1\n  for: {wait}\n");
    let hurried = |name: &str, wait: &str| {
        let text = rules_in_a_hurry(&format!("groups:\n{}", rule(name, wait)));
        let wait = text.split("for: ").nth(1).map(|wait| wait.trim().to_owned());
        (text.contains("a[5s]"), wait.expect("it waits"))
    };
    let cases = [
        ("SvixHooksDown", "2m", (true, "10s")),
        ("SvixHooksStoreFilling", "30m", (true, "30s")),
        ("SvixHooksStoreSlow", "10m", (true, "30s")),
        ("SvixHooksPipelineSilent", "3m", (true, "30s")),
        ("SvixHooksLedgerUnchecked", "30m", (false, "30m")),
    ];
    for (name, wait, (is_hurried, expected)) in cases {
        assert_eq!(hurried(name, wait), (is_hurried, expected.to_owned()), "{name}");
    }
    let all = include_str!("../../deploy/prometheus/alerts.yml");
    for name in PATIENT.iter().chain(UNHURRIED) {
        assert!(all.contains(&format!("{RULE}{name}\n")), "there is no {name} any more");
    }
}
