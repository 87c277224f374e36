//! The dashboard as it stands, and what it asks of Prometheus.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::query::asked;

/// A query of the dashboard.
#[derive(Debug)]
pub(crate) struct Query {
    /// The panel that it is of.
    pub(crate) panel: String,
    /// What it asks, with Grafana's variables in it.
    pub(crate) expression: String,
    /// How its series are called, with labels in double braces.
    pub(crate) legend: String,
    /// Whether it is about now and not about a time.
    pub(crate) instant: bool,
}

impl Query {
    /// Puts values in the place of Grafana's variables.
    pub(crate) fn with_variables(&self, interval: &str) -> String {
        filled_in(&self.expression, interval)
    }

    /// The labels that its legend names.
    pub(crate) fn legend_labels(&self) -> Vec<&str> {
        let parts = self.legend.split("{{").skip(1);
        parts.filter_map(|part| Some(part.split_once("}}")?.0)).collect()
    }
}

fn filled_in(text: &str, interval: &str) -> String {
    text.replace("$__rate_interval", interval)
        .replace("$job", "svix-hooks")
        .replace("$instance", ".*")
        .replace("$account", ".*")
}

fn dashboard() -> Value {
    let text = include_str!("../../deploy/grafana/svix-hooks.json");
    serde_json::from_str(text).expect("it is JSON")
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().expect("it has panels")
}

/// The queries of all panels.
pub(crate) fn queries() -> Vec<Query> {
    let dashboard = dashboard();
    let of_panel = |panel: &Value| {
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let queries = targets.into_iter().map(|target| Query {
            panel: text(&panel["title"]),
            expression: text(&target["expr"]),
            legend: text(&target["legendFormat"]),
            instant: target["instant"] == true,
        });
        queries.collect::<Vec<_>>()
    };
    panels(&dashboard).iter().flat_map(of_panel).collect()
}

/// The queries of the marks that all panels show.
pub(crate) fn marks() -> Vec<Query> {
    let dashboard = dashboard();
    let annotations = dashboard["annotations"]["list"].as_array().expect("a list");
    let own = annotations
        .iter()
        .filter(|annotation| annotation["expr"].is_string());
    let queries = own.map(|annotation| Query {
        panel: text(&annotation["name"]),
        expression: text(&annotation["expr"]),
        legend: text(&annotation["titleFormat"]),
        instant: false,
    });
    queries.collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What its variables list: a label, and of which series.
pub(crate) fn variables() -> Vec<(String, String)> {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().expect("a list");
    let queries = variables.iter().filter(|variable| variable["type"] == "query");
    let listed = queries.map(|variable| {
        let asked = variable["definition"].as_str().expect("a query");
        assert_eq!(asked, variable["query"]["query"], "it stands there twice");
        let inner = asked
            .strip_prefix("label_values(")
            .and_then(|rest| rest.strip_suffix(')'));
        let (series, label) = inner
            .and_then(|inner| inner.rsplit_once(", "))
            .expect("label_values(…)");
        (label.to_owned(), filled_in(series, ""))
    });
    listed.collect()
}

#[test]
fn each_panel_has_a_place_a_name_and_a_word_on_what_it_shows() {
    let dashboard = dashboard();
    let (mut numbers, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().expect("a title");
        assert!(numbers.insert(panel["id"].as_u64()), "the id of {title} is there twice");
        let place = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        assert!(place("x") + place("w") <= 24, "{title} leaves the page");
        for cell in (place("x")..place("x") + place("w"))
            .flat_map(|x| (place("y")..place("y") + place("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert(cell), "{title} lies over another panel");
        }
        if panel["type"] != "row" {
            let words = panel["description"].as_str().unwrap_or_default();
            assert!(!words.is_empty(), "{title} does not say what it shows");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}

#[test]
fn each_query_is_about_the_chosen_job_and_instances() {
    let queries = queries();
    assert!(queries.len() > 50, "{}", queries.len());
    for Query {
        panel, expression, ..
    } in queries
    {
        for (metric, labels) in asked(&expression).metrics {
            let chosen = ["job", "instance"]
                .iter()
                .all(|label| labels.contains_key(*label));
            assert!(chosen || metric == "ALERTS", "{panel}: {metric} in {expression}");
        }
    }
}
