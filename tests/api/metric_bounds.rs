//! How many series there may be, what may be in a label, and what the docs say of the metrics.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use svix_hooks::config;
use svix_hooks::domain::{AccountName, AnswerKind, Customer, Reason, State, Timestamp};
use svix_hooks::telemetry::{
    AcceptResult, AccountReading, AccountState, BacklogReading, METRICS, Metrics, PipelineReading, Readings,
    Waiting,
};

use crate::support::{Scrape, variable};

const MOMENT: Duration = Duration::from_millis(20);

/// Where the table of the docs begins and ends.
const BEGIN: &str = "<!-- the table begins -->\n";
const END: &str = "<!-- the table ends -->\n";

fn metrics(accounts: usize, customers: usize) -> Metrics {
    let bounds = config::Metrics { accounts, customers };
    Metrics::new(&bounds, "sqlite", ["invalid_json"], Timestamp::default()).expect("the names are good")
}

/// Counts something of everything for an account.
fn use_account(metrics: &Metrics, name: &AccountName) {
    metrics.attempted(name, AnswerKind::Accepted, MOMENT);
    metrics.paced(name, MOMENT);
    metrics.delivered_after(name, MOMENT);
}

fn waiting(count: u64) -> Waiting {
    Waiting {
        count,
        oldest: MOMENT,
    }
}

/// Reads so many accounts and customers, of which each has more queued than the one before.
fn readings(accounts: &[AccountName], customers: &[Customer]) -> Readings {
    let state = |number: usize| AccountState::ALL[number % AccountState::ALL.len()];
    let of_account = |(number, name): (usize, &AccountName)| AccountReading {
        name: name.clone(),
        in_flight: 1,
        state: state(number),
    };
    Readings {
        pipeline: Some(PipelineReading {
            accounts: accounts.iter().enumerate().map(of_account).collect(),
            ..PipelineReading::default()
        }),
        backlog: Some(BacklogReading {
            accounts: accounts.iter().map(|name| (name.clone(), waiting(1))).collect(),
            overdue: accounts
                .iter()
                .cloned()
                .zip((1..).map(Duration::from_secs))
                .collect(),
            customers: customers.iter().cloned().zip((1..).map(waiting)).collect(),
            other_customers: waiting(7),
            ..BacklogReading::default()
        }),
        ..Readings::default()
    }
}

#[test]
fn ten_thousand_customers_and_three_hundred_accounts_are_no_more_series_than_the_bound() {
    let names: Vec<_> = (0..300)
        .map(|number| AccountName::new(&format!("account-{number:03}")))
        .collect();
    let customers: Vec<_> = (0..10_000)
        .map(|number| Customer::parse(&format!("customer-{number:05}")).expect("a name"))
        .collect();
    let scrape = |accounts: usize, customers_named: usize| {
        let metrics = metrics(50, 20);
        names
            .iter()
            .take(accounts)
            .for_each(|name| use_account(&metrics, name));
        let readings = readings(&names[..accounts], &customers[..customers_named]);
        Scrape::parse(&metrics.encode(&readings).expect("it is written"))
    };
    let (at_the_bound, far_beyond) = (scrape(51, 21), scrape(300, 10_000));
    assert_eq!(far_beyond.len(), at_the_bound.len());
    assert!(far_beyond.len() < 4000, "{}", far_beyond.len());
    assert_eq!(far_beyond.values("svix_hooks_attempts_total", "account").len(), 51);
    let number = |name: &str, labels: &[(&str, &str)]| far_beyond.number(name, labels);
    let (other, first) = (("account", "other"), ("account", "account-000"));
    assert_eq!(number("svix_hooks_attempts_total", &[other, ("outcome", "accepted")]), Some(250.0));
    assert_eq!(number("svix_hooks_attempts_total", &[first, ("outcome", "accepted")]), Some(1.0));
    assert_eq!(number("svix_hooks_in_flight", &[other]), Some(250.0));
    assert_eq!(number("svix_hooks_queued", &[other]), Some(250.0));
    assert_eq!(number("svix_hooks_overdue_seconds", &[first]), Some(1.0));
    assert_eq!(number("svix_hooks_overdue_seconds", &[other]), Some(300.0), "the longest of the others");
    assert_eq!(far_beyond.values("svix_hooks_overdue_seconds", "account").len(), 51);
    assert_eq!(number("svix_hooks_account_state", &[other, ("state", "open")]), Some(50.0));
    let all: u64 = (1..=10_000).sum();
    let named: u64 = (9_981..=10_000).sum();
    let queued = |customer| number("svix_hooks_customer_queued", &[("customer", customer)]);
    assert_eq!(queued("customer-09999"), Some(10_000.0), "the most");
    assert_eq!(queued("customer-09979"), None, "not among the first twenty");
    assert_eq!(queued("other"), Some((all - named + 7) as f64));
}

#[test]
fn whatever_a_name_holds_it_comes_back_as_it_was() {
    let hostile = [
        "quo\"te",
        "back\\slash",
        "\\\"} 1\\n# TYPE x counter",
        "two\nlines",
        "{}=,",
        "ünïcödé 日本 🦀",
        "\u{202e}right to left",
        " ",
        "other",
    ];
    let long = "é".repeat(64);
    let names: Vec<&str> = hostile.iter().copied().chain([long.as_str()]).collect();
    let metrics = metrics(50, 50);
    let accounts: Vec<_> = names.iter().map(|name| AccountName::new(name)).collect();
    accounts.iter().for_each(|name| use_account(&metrics, name));
    // A customer's name has no line break.
    let customers = names.iter().filter_map(|name| Customer::parse(name).ok());
    let customers: Vec<_> = customers.collect();
    assert_eq!(customers.len(), names.len() - 1);
    let text = metrics
        .encode(&readings(&accounts, &customers))
        .expect("it is written");
    let scrape = Scrape::parse(&text);
    let found = scrape.values("svix_hooks_attempts_total", "account");
    assert_eq!(found, names.iter().copied().collect());
    let found = scrape.values("svix_hooks_customer_queued", "customer");
    assert_eq!(found, customers.iter().map(Customer::as_str).collect());
    let other = scrape.number("svix_hooks_customer_queued", &[("customer", "other")]);
    assert_eq!(other, Some(15.0), "the 8 of that name, and the 7 of all the others");
    checked_by_promtool(&text);
}

#[test]
fn two_that_read_at_once_and_many_that_count_get_in_nobodys_way() {
    const EACH: u64 = 20_000;
    let metrics = metrics(5, 5);
    let name = AccountName::new("default");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    metrics.accepted(AcceptResult::New, MOMENT);
                    metrics.attempted(&name, AnswerKind::Limited, MOMENT);
                    metrics.settled(State::Dead, Some(Reason::Exhausted));
                }
            });
        }
        for accounts in [1, 3] {
            let metrics = &metrics;
            scope.spawn(move || {
                let names: Vec<_> = (0..accounts)
                    .map(|number| AccountName::new(&number.to_string()))
                    .collect();
                for _ in 0..50 {
                    let text = metrics.encode(&readings(&names, &[])).expect("it is written");
                    let found = Scrape::parse(&text);
                    assert_eq!(found.values("svix_hooks_in_flight", "account").len(), accounts);
                }
            });
        }
    });
    let scrape = Scrape::parse(&metrics.encode(&Readings::default()).expect("it is written"));
    let all = Some((3 * EACH) as f64);
    assert_eq!(scrape.number("svix_hooks_accepts_total", &[("result", "accepted")]), all);
    assert_eq!(scrape.number("svix_hooks_accept_duration_seconds_count", &[]), all);
    let limited = [("account", "default"), ("outcome", "limited")];
    assert_eq!(scrape.number("svix_hooks_attempts_total", &limited), all);
    let exhausted = [("state", "dead"), ("reason", "exhausted")];
    assert_eq!(scrape.number("svix_hooks_settled_total", &exhausted), all);
}

#[test]
fn a_request_that_panicked_took_nobody_knows_how_long() {
    let (metrics, name) = (metrics(5, 5), AccountName::new("default"));
    metrics.attempted(&name, AnswerKind::Panicked, Duration::ZERO);
    let scrape = Scrape::parse(&metrics.encode(&Readings::default()).expect("it is written"));
    let panicked = [("account", "default"), ("outcome", "panicked")];
    assert_eq!(scrape.number("svix_hooks_attempts_total", &panicked), Some(1.0));
    let of_default = [("account", "default")];
    assert_eq!(scrape.number("svix_hooks_svix_request_duration_seconds_count", &of_default), Some(0.0));
}

#[test]
fn names_keep_to_the_conventions() {
    for described in METRICS {
        let name = described.name;
        assert!(name.starts_with("svix_hooks_") || name.starts_with("process_"), "{name}");
        assert!(described.help.ends_with('.') && !described.help.contains('|'), "{name}");
        let is_histogram = described.kind.as_str() == "histogram";
        assert_eq!(is_histogram, !described.buckets.is_empty(), "{name}");
        assert!(described.buckets.is_sorted(), "{name}");
        let times = METRICS.iter().filter(|other| other.name == name);
        assert_eq!(times.count(), 1, "{name}");
    }
}

#[test]
fn the_table_of_the_docs_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = std::fs::read_to_string(&path).expect("the docs can be read");
    let (before, rest) = text.split_once(BEGIN).expect("the table begins");
    let (written, after) = rest.split_once(END).expect("the table ends");
    let table = table();
    if variable("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).expect("the docs are written");
    } else {
        let command = "UPDATE_DOCS=1 cargo test --test api the_table_of_the_docs";
        assert!(written == table, "docs/metrics.md is not up to date; to write it anew: {command}");
    }
}

fn table() -> String {
    let mut table =
        "| metric | kind | labels | replicas | what it tells |\n|---|---|---|---|---|\n".to_owned();
    for described in METRICS {
        let labels: Vec<_> = described
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        let (kind, across) = (described.kind.as_str(), described.across.as_str());
        let (name, labels, help) = (described.name, labels.join(", "), described.help);
        // Writing to a text cannot fail.
        let _ = writeln!(table, "| `{name}` | {kind} | {labels} | {across} | {help} |");
    }
    table
}

/// Has Prometheus' own tool look at a text.
pub(crate) fn checked_by_promtool(text: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child =
        child.expect("promtool is there: Debian's package prometheus has it, and tests/run installs that");
    let mut input = child.stdin.take().expect("it was piped");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
