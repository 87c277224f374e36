//! Which metrics there are, with which labels, by what Prometheus has scraped.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::query::asked;

/// Labels of which all values are served from the start.
const CLOSED: &[&str] = &["result", "outcome", "state", "reason"];

/// The metrics that were scraped, each with its labels and their values.
#[derive(Debug, Default)]
pub(crate) struct Served(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Served {
    /// Reads them from the labels of series.
    pub(crate) fn new(series: &[Value]) -> Self {
        let mut served = Self::default();
        for labels in series.iter().filter_map(Value::as_object) {
            let name = labels["__name__"].as_str().expect("it has a name").to_owned();
            let of_it = served.0.entry(name).or_default();
            for (label, value) in labels {
                let value = value.as_str().expect("a text").to_owned();
                of_it.entry(label.clone()).or_default().insert(value);
            }
        }
        served
    }

    /// Says what an expression asks for that is not there.
    pub(crate) fn missing(&self, expression: &str) -> Option<String> {
        let asked = asked(expression);
        let mut known = BTreeSet::new();
        for (metric, labels) in &asked.metrics {
            let Some(has) = self.0.get(metric) else {
                return Some(format!("there is no {metric}"));
            };
            for (label, values) in labels {
                let Some(served) = has.get(label) else {
                    return Some(format!("{metric} has no label {label}"));
                };
                let unknown = values.iter().find(|value| !served.contains(*value));
                if let Some(value) = unknown.filter(|_| CLOSED.contains(&label.as_str())) {
                    return Some(format!("{metric} has no {label} {value}"));
                }
            }
            known.extend(has.keys());
        }
        let group = asked.groups.iter().find(|label| !known.contains(label));
        group.map(|label| format!("nothing of it has a label {label}"))
    }
}

#[test]
fn what_is_not_served_is_named() {
    let served = Served::new(&[
        serde_json::json!({"__name__": "up", "job": "x", "instance": "y"}),
        serde_json::json!({"__name__": "svix_hooks_a", "job": "x", "account": "y", "state": "open"}),
        serde_json::json!({"__name__": "svix_hooks_a", "job": "x", "account": "y", "state": "shut"}),
    ]);
    let cases = [
        ("sum by (account) (svix_hooks_a{job=\"x\"}) and on (job) up", None),
        ("svix_hooks_b + svix_hooks_a", Some("there is no svix_hooks_b")),
        ("svix_hooks_a{customer=\"x\"}", Some("svix_hooks_a has no label customer")),
        ("svix_hooks_a{account=\"z\", state=~\"open|shut\"}", None),
        ("svix_hooks_a{state=~\"open|shot\"}", Some("svix_hooks_a has no state shot")),
        ("svix_hooks_a{state!='opened'}", Some("svix_hooks_a has no state opened")),
        ("sum by (customer) (svix_hooks_a)", Some("nothing of it has a label customer")),
    ];
    for (expression, missing) in cases {
        assert_eq!(served.missing(expression).as_deref(), missing, "{expression}");
    }
}
