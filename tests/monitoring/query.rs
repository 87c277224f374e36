//! What a PromQL expression asks for: its metrics with the labels that it picks them by, and by what it groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

static METRIC: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\b((?:svix_hooks|process)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?"));
static LABEL: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(\w+)\s*(?:=~|!~|!=|=)\s*(?:"([^"]*)"|'([^']*)')"#));
static GROUP: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it is one")
}

/// What an expression asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Each metric, with the labels that stand in its braces, and the values that each is held against.
    pub(crate) metrics: Vec<(String, BTreeMap<String, BTreeSet<String>>)>,
    /// The labels of its `by (…)` and `on (…)`.
    pub(crate) groups: BTreeSet<String>,
}

/// Reads an expression.
pub(crate) fn asked(expression: &str) -> Asked {
    let metrics = METRIC.captures_iter(expression).map(|found| {
        let braces = found.get(2).map_or("", |braces| braces.as_str());
        let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for label in LABEL.captures_iter(braces) {
            let values = label.get(2).or(label.get(3)).map_or("", |values| values.as_str());
            let values = values.split('|').map(str::to_owned);
            labels.entry(label[1].to_owned()).or_default().extend(values);
        }
        (found[1].to_owned(), labels)
    });
    let names = GROUP.captures_iter(expression).flat_map(|found| {
        let names = found[1].split(',').map(|name| name.trim().to_owned());
        names.collect::<Vec<_>>()
    });
    Asked {
        metrics: metrics.collect(),
        groups: names.filter(|name| !name.is_empty()).collect(),
    }
}

#[test]
fn metrics_labels_and_groups_are_read() {
    let found = asked(
        r#"sum by (job, le) (rate(svix_hooks_a_bucket{job="x", account!~"y|z"}[5m])) > 2 and on (job) up == 0"#,
    );
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    let of_a = [("job", names(&["x"])), ("account", names(&["y", "z"]))];
    let of_a = of_a.map(|(label, values)| (label.to_owned(), values));
    let metrics = vec![
        ("svix_hooks_a_bucket".to_owned(), BTreeMap::from(of_a)),
        ("up".to_owned(), BTreeMap::new()),
    ];
    let groups = names(&["job", "le"]);
    assert_eq!(found, Asked { metrics, groups });
}
