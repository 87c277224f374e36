//! A real Prometheus scrapes a running service while Svix is down, refuses the token, and while the service is killed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use svix_hooks::sandbox::Faults;
use tokio::task::JoinHandle;

use crate::dashboard::{Query, marks, queries, variables};
use crate::served::Served;
use crate::server::{Prometheus, free_address};
use crate::support::{Client, World, admin, eventually, eventually_within, stored_key};

/// How long one state of things may take to show in Prometheus.
const LIMIT: Duration = Duration::from_secs(120);

const UNREACHABLE: &str = "page SvixHooksSvixUnreachable default";
const REFUSED: &str = "page SvixHooksCredentialsRefused default";
const DOWN: &str = "page SvixHooksDown";

/// Posts events, fifty a second, until it is dropped.
struct Traffic(JoinHandle<()>);

impl Traffic {
    fn start(client: Client) -> Self {
        Self(actix_web::rt::spawn(async move {
            let mut beat = tokio::time::interval(Duration::from_millis(20));
            for number in 0_u64.. {
                beat.tick().await;
                // One that is not taken shows in the numbers.
                let event = posted(number);
                let _ = client.try_post(event.to_string(), &[]).await;
            }
        }))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn posted(number: u64) -> Value {
    json!({"id": format!("evt_{number}"), "type": "user.created", "customer": "acme", "data": {"number": number}})
}

/// Waits until these alerts are firing and no others.
async fn firing(prometheus: &Prometheus, expected: &[&str], when: &str) {
    let expected: BTreeSet<String> = expected.iter().map(|alert| (*alert).to_owned()).collect();
    let mut seen = BTreeSet::new();
    eventually_within(LIMIT, &format!("{expected:?} {when}"), async || {
        let firing = prometheus.firing().await;
        if firing != seen {
            seen.clone_from(&firing);
            assert!(
                firing
                    .iter()
                    .all(|alert| [UNREACHABLE, REFUSED, DOWN].contains(&alert.as_str())),
                "{when}: {firing:?}"
            );
        }
        firing == expected
    })
    .await;
}

/// Says which labels of its legend a query's answer lacks, or that there is no number in it.
async fn unanswered(prometheus: &Prometheus, query: &Query) -> Option<String> {
    let expression = query.with_variables("4s");
    let series = match query.instant {
        true => prometheus.now(&expression).await,
        false => prometheus.until_now(&expression).await,
    };
    let numbers = series.iter().flat_map(|series| {
        let points = series["values"].as_array().cloned();
        points.unwrap_or_else(|| vec![series["value"].clone()])
    });
    let is_finite = |point: Value| {
        let number = point[1].as_str().and_then(|number| number.parse::<f64>().ok());
        number.is_some_and(f64::is_finite)
    };
    if !numbers.into_iter().any(is_finite) {
        return Some(format!("{}: no data for {expression}", query.panel));
    }
    let labels = query.legend_labels();
    let lacks = labels
        .iter()
        .find(|label| series.iter().all(|series| series["metric"][**label].is_null()));
    lacks.map(|label| format!("{}: no label {label} in {expression}", query.panel))
}

/// Waits until each of these queries is answered with data.
async fn answered(prometheus: &Prometheus, queries: Vec<Query>) {
    let started = Instant::now();
    let mut open = queries;
    eventually_within(LIMIT, "the dashboard has data", async || {
        let mut complaints = Vec::new();
        let mut still = Vec::new();
        for query in std::mem::take(&mut open) {
            if let Some(complaint) = unanswered(prometheus, &query).await {
                complaints.push(complaint);
                still.push(query);
            }
        }
        assert!(complaints.is_empty() || started.elapsed() < LIMIT, "{complaints:#?}");
        open = still;
        open.is_empty()
    })
    .await;
}

/// Waits until the whole dashboard shows something, and there is something to choose from.
async fn the_dashboard_is_full(prometheus: &Prometheus) {
    answered(prometheus, queries()).await;
    for (label, series) in variables() {
        let values = prometheus.values(&label, &series).await;
        assert!(!values.is_empty(), "the variable {label} has nothing to choose from");
    }
}

/// Checks that the rules and the dashboard ask for nothing that is not served.
async fn nothing_else_is_asked_for(prometheus: &Prometheus) {
    let served = Served::new(&prometheus.series(r#"{__name__=~".+"}"#).await);
    let rules = prometheus.rules().await;
    assert!(rules.len() > 20, "{rules:?}");
    let queries = queries().into_iter().chain(marks());
    let queries = queries.map(|query| query.with_variables("4s"));
    let missing: Vec<_> = rules
        .into_iter()
        .chain(queries)
        .filter_map(|expression| Some(format!("{}: {expression}", served.missing(&expression)?)))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Lets one notification die, and sends it again.
async fn a_dead_letter_is_sent_again(world: &World, operator: &Client) {
    world.sandbox.set_faults(Faults {
        fault_limit: Some(1),
        only_messages: true,
        ..Faults::answering(400)
    });
    eventually("one is dead", async || operator.stat("dead").await == 1).await;
    let redrive = operator
        .send_json("POST", "/redrives", &json!({"filter": {}}))
        .await;
    assert_eq!(redrive.status, 202, "{}", redrive.body);
    eventually("it is delivered", async || operator.stat("dead").await == 0).await;
}

#[actix_web::test]
async fn an_outage_shows_in_the_dashboard_and_fires_the_right_alerts_only() {
    let world = World::on_file();
    let address = free_address();
    let settings = [("RETRY__MAX_ATTEMPTS", "1000"), ("SERVER__LISTEN", &address)];
    let mut process = world.start(&settings).await;
    let operator = admin(&process.client).await;
    let key = stored_key(&operator, "prometheus", &["read"], None).await;
    let prometheus = Prometheus::start(&address, &key).await;
    let traffic = Traffic::start(operator.clone());
    eventually("enough is delivered", async || operator.stat("delivered").await >= 200).await;
    a_dead_letter_is_sent_again(&world, &operator).await;
    // Nothing is delivered in the outage, so this can be seen before only.
    let lag = queries().into_iter().filter(|query| query.panel == "Lag");
    answered(&prometheus, lag.collect()).await;
    firing(&prometheus, &[], "while all is well").await;

    world.sandbox.set_faults(Faults::answering(503));
    firing(&prometheus, &[UNREACHABLE], "while Svix is down").await;
    the_dashboard_is_full(&prometheus).await;
    nothing_else_is_asked_for(&prometheus).await;
    eventually("it has waited longer than any page takes", async || {
        let old = prometheus.now("max(svix_hooks_queued_oldest_seconds) > 25").await;
        !old.is_empty()
    })
    .await;
    firing(&prometheus, &[UNREACHABLE], "while Svix is still down").await;
    world.sandbox.clear_faults();
    firing(&prometheus, &[], "once Svix works again").await;
    eventually("the backlog is gone", async || operator.stat("queued").await < 50).await;

    world.sandbox.set_faults(Faults {
        refuse_tokens: true,
        ..Faults::default()
    });
    firing(&prometheus, &[REFUSED], "while the token is refused").await;
    world.sandbox.clear_faults();
    firing(&prometheus, &[], "once the token is taken again").await;

    drop(traffic);
    process.kill();
    firing(&prometheus, &[DOWN], "when the service is killed").await;
    let _restarted = world.start(&settings).await;
    firing(&prometheus, &[], "once it is there again").await;
    answered(&prometheus, marks()).await;
    let all = BTreeSet::from([UNREACHABLE, REFUSED, DOWN].map(str::to_owned));
    assert_eq!(prometheus.fired().await, all, "over the whole time");
}
