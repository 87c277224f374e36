//! A customer whose own account hangs on every request holds nobody up but itself: beside others, on several
//! replicas, and after a kill.

use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;
use svix_hooks::sandbox::{Faults, Sandbox, SandboxOptions};
use svix_hooks::secrets::MasterKey;

use crate::support::customers::{post, set};
use crate::support::{Client, TestProcess, World, eventually};

/// Requests that may be under way together; and how many of them one account may have that has not answered
/// yet, and one that has.
const IN_FLIGHT: &str = "64";
const UNTRIED: u64 = 3;
const TRIED: u64 = 56;

/// What is queued for the account that hangs: more than there is room for in memory.
const BACKLOG: usize = 1500;

/// The service's processes beside an account that hangs.
struct Stage {
    world: World,
    hanging: Sandbox,
    settings: Vec<(&'static str, String)>,
    processes: Vec<TestProcess>,
}

impl Stage {
    /// Starts so many processes, and sets up a customer with an account of its own.
    async fn new(world: World, processes: usize) -> Self {
        let settings = [
            ("ACCOUNTS__ALLOWED_NETWORKS", "127.0.0.0/8"),
            ("DELIVERY__MAX_IN_FLIGHT", IN_FLIGHT),
            ("DELIVERY__MAX_READY", "1000"),
            // Nothing is answered or given up while a test looks.
            ("SVIX__REQUEST_TIMEOUT_MS", "600000"),
        ];
        let mut settings = settings.map(|(key, value)| (key, value.to_owned())).to_vec();
        let key = MasterKey::generate().unwrap().text().expose_secret().to_owned();
        settings.push(("SECRETS__KEYS", key));
        let mut stage = Self {
            world,
            hanging: Sandbox::start(SandboxOptions::default()).unwrap(),
            settings,
            processes: Vec::new(),
        };
        stage.start().await;
        let client = stage.client(0);
        stage.hanging.accept_any_token(true);
        let account = json!({"serverUrl": stage.hanging.url(), "token": "testsk_1", "requestsPerSecond": 100_000, "burst": 100_000});
        let written = client.send_json("PUT", "/accounts/hanging", &account).await;
        assert_eq!(written.status, 201, "{}", written.body);
        set(client, "a", json!({"account": "hanging"})).await;
        // Those that start later know it from the start.
        while stage.processes.len() < processes {
            stage.start().await;
        }
        stage
    }

    async fn start(&mut self) {
        let settings: Vec<_> = self
            .settings
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        self.processes.push(self.world.start(&settings).await);
    }

    fn client(&self, process: usize) -> &Client {
        &self.processes[process].client
    }

    fn hang(&self) {
        self.hanging.set_faults(Faults {
            hang_before: true,
            ..Faults::default()
        });
    }

    /// Lets the account hang, with a backlog; returns how many requests it had seen before.
    async fn hang_with_backlog(&self) -> u64 {
        self.hang();
        let before = self.hanging.request_count();
        self.queue_backlog().await;
        eventually("its requests hang", async || self.hanging.request_count() > before).await;
        before
    }

    /// Queues the backlog for the account that hangs, in all processes.
    async fn queue_backlog(&self) {
        let numbers: Vec<usize> = (0..BACKLOG).collect();
        for chunk in numbers.chunks(100) {
            let posts = chunk.iter().map(async |number| {
                post(self.client(number % self.processes.len()), "a", &format!("a{number}")).await;
            });
            join_all(posts).await;
        }
    }

    /// Checks that ten other customers get theirs delivered, while the hanging account has none of its answers.
    async fn assert_others_are_delivered(&self, round: &str) {
        let before = self.world.sandbox.message_count();
        let posts = (0..50).map(|number| {
            let client = self.client(number % self.processes.len());
            async move { post(client, &format!("other-{}", number / 5), &format!("{round}-{number}")).await }
        });
        join_all(posts).await;
        let delivered = async || self.world.sandbox.message_count() == before + 50;
        eventually("the others' are delivered", delivered).await;
        let queued = async || self.client(0).stat("queued").await == BACKLOG as i64;
        eventually("all that is queued is of the one that hangs", queued).await;
        assert_eq!(self.client(0).stat("retries").await, 0, "nothing has come back of it");
    }
}

#[actix_web::test]
async fn a_hanging_account_with_a_backlog_delays_nobody_also_after_a_kill() {
    let mut stage = Stage::new(World::new(), 1).await;
    let before = stage.hang_with_backlog().await;
    stage.assert_others_are_delivered("first").await;
    let hung = stage.hanging.request_count() - before;
    assert!(hung <= UNTRIED, "{hung} requests hang");

    stage.processes.pop().unwrap().kill();
    stage.start().await;
    eventually("they hang again", async || stage.hanging.request_count() > before + hung).await;
    stage.assert_others_are_delivered("second").await;
    let again = stage.hanging.request_count() - before - hung;
    assert!(again <= UNTRIED, "{again} requests hang");
}

#[actix_web::test]
async fn an_account_that_falls_silent_with_all_it_may_have_under_way_delays_nobody() {
    let stage = Stage::new(World::new(), 1).await;
    post(stage.client(0), "a", "answered").await;
    eventually("it answers", async || stage.client(0).stat("delivered").await == 1).await;
    let before = stage.hang_with_backlog().await;
    stage.assert_others_are_delivered("first").await;
    let hung = stage.hanging.request_count() - before;
    assert!(hung <= TRIED, "{hung} requests hang");
}

#[actix_web::test]
async fn a_hanging_account_delays_nobody_at_several_replicas_also_after_a_kill() {
    let mut stage = Stage::new(World::on_postgres(), 2).await;
    let before = stage.hang_with_backlog().await;
    stage.assert_others_are_delivered("first").await;
    stage.processes.remove(0).kill();
    stage.assert_others_are_delivered("second").await;
    stage.start().await;
    stage.assert_others_are_delivered("third").await;
    let hung = stage.hanging.request_count() - before;
    assert!(hung <= 3 * UNTRIED, "{hung} requests of three processes hang");
}
