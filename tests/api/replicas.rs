//! Several processes on one PostgreSQL database, as one service.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use svix_hooks::sandbox::Faults;

use crate::support::{Client, TestProcess, World, event, eventually, eventually_within};

/// How long leases last here, in milliseconds.
const LEASE_MS: &str = "1500";

const SETTINGS: [(&str, &str); 2] = [("STORE__LEASE_MS", LEASE_MS), ("RETRY__MAX_ATTEMPTS", "60")];

/// How much the arrival of a request at the stand-in may lag behind its departure, as requests.
const JITTER: f64 = 0.5;

/// Those who post to the replicas, and what was acknowledged to them.
#[derive(Default)]
struct Posters {
    /// Where each replica is, while it may be posted to.
    clients: RefCell<Vec<Option<Client>>>,
    acknowledged: RefCell<Vec<String>>,
    refused: Cell<usize>,
    over: Cell<bool>,
}

impl Posters {
    fn to(replicas: &[TestProcess]) -> Self {
        let clients = replicas.iter().map(|replica| Some(replica.client.clone()));
        Self {
            clients: RefCell::new(clients.collect()),
            ..Self::default()
        }
    }

    fn count(&self) -> usize {
        self.acknowledged.borrow().len()
    }

    /// Posts one event after the other to a replica, whenever it may be posted to.
    async fn post_to(&self, replica: usize, poster: usize) {
        for number in 0.. {
            if self.over.get() {
                return;
            }
            let client = self.clients.borrow()[replica].clone();
            let Some(client) = client else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let id = format!("evt-{replica}-{poster}-{number}");
            match client.try_post(event(&id).to_string(), &[]).await {
                Some(answer) if answer.status == 202 => self.acknowledged.borrow_mut().push(id),
                _ if self.clients.borrow()[replica].is_some() => self.refused.set(self.refused.get() + 1),
                _ => {}
            }
        }
    }

    /// Lets four posters for each replica go on for as long as `work` takes.
    async fn meanwhile(&self, work: impl Future<Output = ()>) {
        let replicas = self.clients.borrow().len();
        let posters =
            (0..replicas).flat_map(|replica| (0..4).map(move |poster| self.post_to(replica, poster)));
        let work = async {
            work.await;
            self.over.set(true);
        };
        join(join_all(posters), work).await;
    }

    async fn until_more(&self, more: usize) {
        let enough = self.count() + more;
        eventually_within(Duration::from_secs(60), "more is acknowledged", async || self.count() >= enough)
            .await;
    }
}

async fn start(world: &World, count: usize) -> Vec<TestProcess> {
    let mut replicas = Vec::new();
    for _ in 0..count {
        replicas.push(world.start(&SETTINGS).await);
    }
    replicas
}

/// Waits until nothing is queued, then checks that each acknowledged event is one message and counted once.
async fn assert_all_delivered_once(world: &World, client: &Client, acknowledged: &[String]) {
    let idle = async || client.stat("queued").await == 0 && client.stat("inFlight").await == 0;
    eventually_within(Duration::from_secs(120), "nothing is queued", idle).await;
    let messages = world.sandbox.messages().into_iter();
    let messages: Vec<String> = messages.filter_map(|message| message.event_id).collect();
    let delivered: HashSet<&String> = messages.iter().collect();
    assert_eq!(delivered.len(), messages.len(), "no event is two messages");
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !delivered.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), acknowledged.len());
    assert_eq!(world.sandbox.undispatched(), Vec::<String>::new());
    let stats = client.get("/stats").await.body;
    assert_eq!(stats["accepted"], stats["delivered"], "{stats}");
    let counted = world
        .store
        .number("SELECT count(*) FROM notifications WHERE state = 'delivered'")
        .await;
    assert_eq!(stats["delivered"], counted, "the ledger agrees with the rows");
}

#[actix_web::test]
async fn three_that_are_killed_and_frozen_while_the_database_restarts_lose_nothing() {
    let world = World::on_server_of_its_own();
    world.sandbox.set_faults(Faults {
        delay_ms: 3,
        drop_ratio: 0.02,
        ..Faults::default()
    });
    let mut replicas = start(&world, 3).await;
    let posters = Posters::to(&replicas);
    let chaos = async {
        for round in 0..6 {
            let victim = round % 3;
            posters.until_more(200).await;
            posters.clients.borrow_mut()[victim] = None;
            replicas[victim].kill();
            replicas[victim] = world.start(&SETTINGS).await;
            posters.clients.borrow_mut()[victim] = Some(replicas[victim].client.clone());
            match round {
                1 | 4 => {
                    let frozen = &replicas[(victim + 1) % 3];
                    frozen.signal("STOP");
                    let begun = Instant::now();
                    // Well past its lease.
                    let over = async || begun.elapsed() > Duration::from_millis(3500);
                    eventually("its lease has run out", over).await;
                    frozen.signal("CONT");
                }
                2 => world.restart_database(),
                _ => {}
            }
        }
        posters.until_more(200).await;
    };
    posters.meanwhile(chaos).await;
    let acknowledged = posters.acknowledged.take();
    assert!(acknowledged.len() > 1400, "{}", acknowledged.len());
    assert_all_delivered_once(&world, &replicas[0].client, &acknowledged).await;
}

#[actix_web::test]
async fn three_share_one_rate_and_use_it_well() {
    let world = World::on_postgres();
    let rate = [("SVIX__REQUESTS_PER_SECOND", "50"), ("SVIX__BURST", "10")];
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(world.start(&rate).await);
    }
    let posts = (0..600).map(|number| {
        let client = &replicas[number % 3].client;
        async move { assert_eq!(client.post(&event(&format!("evt_{number}"))).await.status, 202) }
    });
    join_all(posts).await;
    let client = &replicas[0].client;
    let (from, begun) = (client.stat("delivered").await, Instant::now());
    eventually_within(Duration::from_secs(60), "most are delivered", async || {
        client.stat("delivered").await >= 500
    })
    .await;
    let used = (client.stat("delivered").await - from) as f64 / begun.elapsed().as_secs_f64();
    eventually("all are delivered", async || client.stat("delivered").await == 600).await;
    let over = world.sandbox.max_over_rate(10.0, 50.0);
    assert!(over <= JITTER, "{over} requests too many");
    assert!(used >= 45.0, "only {used} of 50 requests a second went out");
    assert_eq!(world.sandbox.message_count(), 600);
}

#[actix_web::test]
async fn a_database_that_takes_no_writes_for_a_while_is_ridden_out() {
    let world = World::on_postgres();
    let replicas = start(&world, 2).await;
    let posters = Posters::to(&replicas);
    let failing = async {
        posters.until_more(200).await;
        world.store.set_read_only(true);
        for replica in &replicas {
            let mut refused = None;
            eventually("accepts are refused", async || {
                refused = replica.client.try_post(event("refused").to_string(), &[]).await;
                refused.as_ref().is_some_and(|answer| answer.status == 503)
            })
            .await;
            let refused = refused.expect("it was");
            assert_eq!((refused.code(), refused.header("retry-after")), ("storage_unavailable", Some("1")));
            assert_eq!(replica.client.get("/health/ready").await.status, 503);
        }
        world.store.set_read_only(false);
        posters.until_more(200).await;
    };
    posters.meanwhile(failing).await;
    let mut acknowledged = posters.acknowledged.take();
    // Where one was not refused yet, it was stored.
    let refused = world
        .store
        .number("SELECT count(*) FROM notifications WHERE event_key = 'refused'");
    acknowledged.extend((refused.await == 1).then(|| "refused".to_owned()));
    assert_all_delivered_once(&world, &replicas[0].client, &acknowledged).await;
}

#[actix_web::test]
async fn a_rolling_restart_refuses_nothing_at_the_others() {
    let world = World::on_postgres();
    let mut replicas = start(&world, 3).await;
    let posters = Posters::to(&replicas);
    let rolling = async {
        for (number, replica) in replicas.iter_mut().enumerate() {
            posters.until_more(200).await;
            // As a load balancer does.
            posters.clients.borrow_mut()[number] = None;
            replica.signal("TERM");
            assert!(replica.ended().await.success());
            *replica = world.start(&SETTINGS).await;
            posters.clients.borrow_mut()[number] = Some(replica.client.clone());
        }
        posters.until_more(200).await;
    };
    posters.meanwhile(rolling).await;
    assert_eq!(posters.refused.get(), 0, "nothing is refused by those that run");
    let acknowledged = posters.acknowledged.take();
    assert_all_delivered_once(&world, &replicas[0].client, &acknowledged).await;
}

#[actix_web::test]
async fn clocks_that_are_off_by_two_minutes_break_nothing() {
    let world = World::on_postgres();
    world.sandbox.set_faults(Faults {
        status_ratio: 0.2,
        ..Faults::answering(503)
    });
    let mut replicas = vec![world.start(&SETTINGS).await];
    for shift in ["+120s", "-120s"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_svix-hooks"));
        command
            .env("LD_PRELOAD", libfaketime())
            .env("FAKETIME", shift)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        replicas.push(world.spawn(command, &SETTINGS).await);
    }
    let posters = Posters::to(&replicas);
    posters.meanwhile(posters.until_more(1000)).await;
    replicas[1].kill();
    let acknowledged = posters.acknowledged.take();
    assert_all_delivered_once(&world, &replicas[2].client, &acknowledged).await;
    let ages = world
        .store
        .number("SELECT max(abs(accepted_at - settled_at)) FROM notifications")
        .await;
    assert!(ages < 60_000, "times are the database's, but {ages} ms lie between two of them");
}

/// Dead letters of one customer that are in the store as if they had died there.
const DEAD_LETTERS: i64 = 20_000;

const FILL: &str = "WITH numbers AS MATERIALIZED (SELECT n, now_ms() AS at FROM generate_series(1, 20000) AS n), \
     stored AS ( \
       INSERT INTO notifications (customer, id, event_key, event_id, account, application, create_application, \
         event_type, payload_start, payload_end, digest, accepted_at, state, due_at, attempts, spent, reason, \
         status, settled_at) \
       SELECT 'acme', decode(md5(n::TEXT), 'hex'), 'evt_' || n, 'evt_' || n, 'default', 'sandbox', FALSE, 'a.b', 0, 2, \
         sha256('{}'), at, 'dead', at, 1, 1, 'exhausted', 503, at FROM numbers RETURNING customer, seq, settled_at), \
     kept AS (INSERT INTO events (customer, seq, body) SELECT customer, seq, '{}' FROM stored), \
     undelivered AS ( \
       INSERT INTO undelivered (customer, seq, event_type, state, reason, status, outcome, settled_at, words) \
       SELECT customer, seq, 'a.b', 'dead', 'exhausted', 503, 'unavailable', settled_at, 'exhausted' FROM stored), \
     groups AS ( \
       INSERT INTO dead_groups SELECT 'acme', 0, 'a.b', 'exhausted', 503, 'unavailable', 20000, max(at), max(at) \
       FROM numbers), \
     minutes AS ( \
       INSERT INTO ledger_minutes (customer, minute, slot, accepted, dead) \
       SELECT 'acme', max(at) / 60000, 0, 20000, 20000 FROM numbers) \
     INSERT INTO ledger (customer, slot, accepted, dead) VALUES ('acme', 0, 20000, 20000)";

#[actix_web::test]
async fn a_redrive_goes_on_at_its_rate_on_another_replica_when_its_own_is_killed() {
    const RATE: f64 = 800.0;
    let world = World::on_postgres();
    let settings = [
        ("STORE__LEASE_MS", LEASE_MS),
        ("SVIX__REQUESTS_PER_SECOND", "20000"),
        ("SVIX__BURST", "2000"),
    ];
    let mut first = world.start(&settings).await;
    world.store.tamper(FILL).await;
    let request = json!({"filter": {"status": 503}, "ratePerSecond": RATE});
    let begun = first.client.send_json("POST", "/redrives", &request).await;
    assert_eq!((begun.status, begun.body["total"].as_i64()), (202, Some(DEAD_LETTERS)), "{}", begun.body);
    let place = begun.header("location").expect("it is somewhere").to_owned();
    let quarter = u64::try_from(DEAD_LETTERS).unwrap() / 4;
    let within = Duration::from_secs(60);
    eventually_within(within, "a quarter is sent", async || world.sandbox.message_count() >= quarter).await;
    let other = world.start(&settings).await;
    first.kill();
    let mut done = Value::Null;
    eventually_within(within, "the redrive is complete", async || {
        done = other.client.get(&place).await.body;
        done["state"] == "completed"
    })
    .await;
    assert_eq!((&done["done"], &done["delivered"]), (&json!(DEAD_LETTERS), &json!(DEAD_LETTERS)), "{done}");
    let messages = world.sandbox.messages().into_iter();
    let ids: HashSet<String> = messages.filter_map(|message| message.event_id).collect();
    assert_eq!((ids.len() as i64, world.sandbox.message_count() as i64), (DEAD_LETTERS, DEAD_LETTERS));
    // By the database's clock: how fast they arrive depends on how busy the machine is.
    let took = world
        .store
        .number("SELECT max(redriven.at) - min(redrives.created_at) FROM redriven, redrives")
        .await;
    let rate = DEAD_LETTERS as f64 * 1000.0 / took as f64;
    assert!((rate / RATE - 1.0).abs() <= 0.05, "it went at {rate:.1} a second, not at {RATE}");
    let stats = other.client.get("/stats").await.body;
    assert_eq!((&stats["dead"], &stats["delivered"]), (&json!(0), &json!(DEAD_LETTERS)), "{stats}");
}

fn libfaketime() -> String {
    let found = Command::new("sh")
        .args(["-c", "ls /usr/lib/*/faketime/libfaketime.so.1"])
        .output();
    let found = String::from_utf8(found.expect("it runs").stdout).expect("a path");
    let path = found
        .lines()
        .next()
        .expect("libfaketime is installed; tests/run installs it");
    path.to_owned()
}
