//! The alert rules as they stand: Prometheus takes them, their own tests pass, and each has its page in the runbook.

use std::collections::BTreeSet;
use std::process::Command;

/// Where the rules are.
pub(crate) const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus");

const RULES: &str = include_str!("../../deploy/prometheus/alerts.yml");
const RUNBOOK: &str = include_str!("../../docs/runbook.md");

/// What each section of the runbook says.
const PARTS: &[&str] = &[
    "**Means.**",
    "**For whom, since when.**",
    "**Do.**",
    "**Ignore it**",
];

/// An alert as its rule says it.
#[derive(Debug, Default)]
struct Alert {
    name: String,
    severity: String,
    runbook: String,
    texts: usize,
}

/// Reads what matters here of the rules, line by line.
fn alerts() -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    for line in RULES.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- alert: ") {
            let name = name.to_owned();
            alerts.push(Alert {
                name,
                ..Alert::default()
            });
        }
        let Some(alert) = alerts.last_mut() else { continue };
        match line.split_once(": ") {
            Some(("severity", severity)) => severity.clone_into(&mut alert.severity),
            Some(("runbook_url", page)) => page.clone_into(&mut alert.runbook),
            Some(("summary" | "description", _)) => alert.texts += 1,
            _ => {}
        }
    }
    assert!(alerts.len() > 20, "the rules are read: {alerts:?}");
    alerts
}

/// Runs promtool where the rules are.
fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool")
        .args(arguments)
        .current_dir(DIRECTORY)
        .output()
        .expect("promtool is there: Debian's package prometheus has it, and tests/run installs that");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "promtool {arguments:?}\n{}{}",
        said(&output.stdout),
        said(&output.stderr)
    );
}

/// The files of the rules' own tests.
fn test_files() -> Vec<String> {
    let files = std::fs::read_dir(format!("{DIRECTORY}/tests")).expect("the tests are there");
    let names = files.map(|file| file.expect("it is read").file_name().into_string());
    names
        .map(|name| format!("tests/{}", name.expect("a name of letters")))
        .collect()
}

#[test]
fn prometheus_takes_the_rules() {
    promtool(&["check", "rules", "alerts.yml"]);
}

#[test]
fn each_alert_fires_when_it_should_and_only_then() {
    let files = test_files();
    let mut arguments = vec!["test", "rules"];
    arguments.extend(files.iter().map(String::as_str));
    promtool(&arguments);
}

#[test]
fn each_alert_is_seen_firing_in_a_test() {
    let texts = test_files()
        .iter()
        .map(|file| std::fs::read_to_string(format!("{DIRECTORY}/{file}")).expect("it is read"))
        .collect::<String>();
    for Alert { name, severity, .. } in alerts() {
        let samples = texts.lines().filter(|line| line.contains("labels: '{alertname="));
        let expected = [
            format!(r#"alertname="{name}""#),
            format!(r#"severity="{severity}""#),
        ];
        let mut seen = samples.filter(|line| expected.iter().all(|label| line.contains(label)));
        assert!(seen.next().is_some(), "no test sees {name} firing as a {severity}");
    }
}

#[test]
fn each_alert_says_whom_it_calls_and_leads_into_the_runbook() {
    let mut names = BTreeSet::new();
    for alert in alerts() {
        let Alert {
            name,
            severity,
            runbook,
            texts,
        } = &alert;
        assert!(names.insert(name.clone()), "{name} is there twice");
        assert!(["page", "ticket"].contains(&severity.as_str()), "{alert:?}");
        assert_eq!(*texts, 2, "a summary and a description: {alert:?}");
        assert_eq!(*runbook, format!("docs/runbook.md#{}", name.to_lowercase()), "{name}");
        let section = RUNBOOK
            .split("\n## ")
            .find(|section| section.lines().next() == Some(name));
        let section = section.unwrap_or_else(|| panic!("the runbook has no section {name}"));
        for part in PARTS {
            assert!(section.contains(part), "the section {name} lacks {part}");
        }
        let (urgent, patient) = (section.contains("\nPage."), section.contains("\nTicket."));
        assert_eq!((urgent, patient), (severity == "page", severity == "ticket"), "{name}");
    }
    let sections = RUNBOOK
        .split("\n## ")
        .filter_map(|section| section.lines().next());
    let sections: BTreeSet<_> = sections.filter(|name| name.starts_with("SvixHooks")).collect();
    let names: BTreeSet<_> = names.iter().map(String::as_str).collect();
    assert_eq!(sections, names, "no section is about an alert that is not there");
}
