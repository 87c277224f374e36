//! A Prometheus server of a test's own, with the rules in a hurry, and questions to its HTTP API.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::hurry::rules_in_a_hurry;
use crate::rules::DIRECTORY;
use crate::support::eventually;

/// A running server; dropping it ends it.
pub(crate) struct Prometheus {
    child: Child,
    dir: TempDir,
    url: String,
    http: awc::Client,
    started: SystemTime,
}

impl Prometheus {
    /// Starts a server that scrapes one target once a second, with a key, by the configuration that the docs show.
    pub(crate) async fn start(target: &str, key: &str) -> Self {
        let dir = TempDir::new().expect("a directory");
        let read =
            |name: &str| std::fs::read_to_string(Path::new(DIRECTORY).join(name)).expect("it is there");
        let write =
            |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("it is written");
        let shown = read("prometheus.yml");
        let config = shown.replace("15s", "1s").replace("127.0.0.1:8080", target);
        assert!(config.contains("scrape_interval: 1s") && config.contains(target), "{config}");
        write("prometheus.yml", &config);
        write("alerts.yml", &rules_in_a_hurry(&read("alerts.yml")));
        write("svix-hooks.key", key);
        let (child, address) = run(dir.path());
        let mut server = Self {
            child,
            dir,
            url: format!("http://{address}"),
            http: awc::Client::builder().timeout(Duration::from_secs(10)).finish(),
            started: SystemTime::now(),
        };
        eventually("prometheus is ready", async || {
            let ended = server.child.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "it ended with {ended:?}: {}", server.log());
            let url = format!("{}/-/ready", server.url);
            server
                .http
                .get(url)
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        server
    }

    /// Asks what an expression is now.
    pub(crate) async fn now(&self, expression: &str) -> Vec<Value> {
        let answer = self.ask("query", &[("query", expression)]).await;
        series(&answer["result"])
    }

    /// Asks what an expression has been, second by second, since the server started.
    pub(crate) async fn until_now(&self, expression: &str) -> Vec<Value> {
        let (start, end) = (seconds(self.started), seconds(SystemTime::now()));
        let asked = [
            ("query", expression),
            ("start", &start),
            ("end", &end),
            ("step", "1"),
        ];
        let answer = self.ask("query_range", &asked).await;
        series(&answer["result"])
    }

    /// Asks for the labels of all series that match.
    pub(crate) async fn series(&self, matching: &str) -> Vec<Value> {
        series(&self.ask("series", &[("match[]", matching)]).await)
    }

    /// Asks which values a label has.
    pub(crate) async fn values(&self, label: &str, matching: &str) -> Vec<Value> {
        series(
            &self
                .ask(&format!("label/{label}/values"), &[("match[]", matching)])
                .await,
        )
    }

    /// Returns the alerts that are firing, each with its severity and account, but for those about the disk.
    pub(crate) async fn firing(&self) -> BTreeSet<String> {
        let answer = self.ask("alerts", &[]).await;
        let alerts = series(&answer["alerts"]);
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        named(firing.map(|alert| &alert["labels"]))
    }

    /// Returns all alerts that have been firing since the server started, but for those about the disk.
    pub(crate) async fn fired(&self) -> BTreeSet<String> {
        let alerts = self.until_now(r#"ALERTS{alertstate="firing"}"#).await;
        named(alerts.iter().map(|alert| &alert["metric"]))
    }

    /// Returns the expressions of all rules, none of which has failed.
    pub(crate) async fn rules(&self) -> Vec<String> {
        let answer = self.ask("rules", &[]).await;
        let groups = series(&answer["groups"]);
        let rules = groups.iter().flat_map(|group| series(&group["rules"]));
        let expressions = rules.map(|rule| {
            assert_eq!(rule["health"], "ok", "{rule}");
            rule["query"].as_str().expect("an expression").to_owned()
        });
        expressions.collect()
    }

    async fn ask(&self, what: &str, query: &[(&str, &str)]) -> Value {
        let request = self.http.get(format!("{}/api/v1/{what}", self.url)).query(&query);
        let sent = request.expect("it can be asked").send().await;
        let body = sent.expect("prometheus answers").body().limit(16 << 20).await;
        let mut answer: Value = serde_json::from_slice(&body.expect("a whole answer")).expect("JSON");
        assert_eq!(answer["status"], "success", "{what} {query:?}: {answer}");
        answer["data"].take()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Finds an address that nobody listens on.
pub(crate) fn free_address() -> String {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    free.expect("a port is free").to_string()
}

/// Starts the server on a free port. It ends with whoever started it, however that ends.
fn run(dir: &Path) -> (Child, String) {
    let address = free_address();
    let log = std::fs::File::create(dir.join("log")).expect("a file");
    let child = Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "prometheus",
            "--config.file=prometheus.yml",
        ])
        .args([
            "--storage.tsdb.path=data",
            "--query.lookback-delta=5s",
            "--log.level=warn",
        ])
        .arg(format!("--web.listen-address={address}"))
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    (child.expect("setpriv runs"), address)
}

fn series(list: &Value) -> Vec<Value> {
    list.as_array().expect("a list").clone()
}

fn seconds(time: SystemTime) -> String {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("it is later than 1970");
    since.as_secs_f64().to_string()
}

/// Names alerts. How full the disk of this machine is, and what else fills it, is no matter of the service.
fn named<'a>(alerts: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    let about_disk = ["SvixHooksStoreAlmostFull", "SvixHooksStoreFilling"];
    let others = alerts.filter(|labels| {
        let name = labels["alertname"].as_str().unwrap_or_default();
        !about_disk.contains(&name)
    });
    others.map(called).collect()
}

/// Names an alert in one text: `page SvixHooksDown`, and whom it is about.
fn called(labels: &Value) -> String {
    let said = ["severity", "alertname", "account"].map(|name| labels[name].as_str().unwrap_or_default());
    said.join(" ").trim_end().to_owned()
}
