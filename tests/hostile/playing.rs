//! Plays rows against the service and tells what was not as it must be.

use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use svix_hooks::secrets::MasterKey;

use crate::row::{Cost, End, Next, Row};
use crate::stand_in::StandIn;
use crate::support::{Client, TestProcess, World};

/// How long something that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(25);

/// By how much the memory of the service may grow over a table, in KiB.
const GROWTH: u64 = 64 * 1024;

/// Makes the service impatient, and all requests go out on one thread.
const SETTINGS: &[(&str, &str)] = &[
    ("ACCOUNTS__ALLOWED_NETWORKS", "127.0.0.0/8"),
    ("DELIVERY__ACTORS", "1"),
    ("DELIVERY__BATCH", "256"),
    ("SVIX__REQUEST_TIMEOUT_MS", "1500"),
    ("SVIX__CIRCUIT_THRESHOLD", "1000000"),
    ("SVIX__MAX_RETRY_AFTER_MS", "1000"),
    ("SVIX__RESEND_BACKOFF_MS", "5"),
    // What follows an event goes out before its retry.
    ("RETRY__INITIAL_BACKOFF_MS", "400"),
    ("RETRY__MULTIPLIER", "1"),
];

/// Plays a table: so many rows at once, each with an account of its own at a stand-in of its own.
pub(crate) async fn play(rows: Vec<Row>, at_once: usize) {
    let key = MasterKey::generate().expect("there is randomness");
    let key = key.text();
    let mut settings = SETTINGS.to_vec();
    settings.push(("SECRETS__KEYS", key.expose_secret()));
    let world = World::new();
    let process = world.start(&settings).await;
    let before = memory(&process, "VmRSS");
    let chosen = crate::support::variable("TEST_ROWS").unwrap_or_default();
    let chosen = rows.into_iter().filter(|row| row.name.contains(&chosen));
    let (count, mut complaints) = (rows_of(&chosen), Vec::new());
    let mut played =
        futures_util::stream::iter(chosen.map(|row| one(&process.client, row))).buffer_unordered(at_once);
    while let Some(of_one) = played.next().await {
        complaints.extend(of_one);
    }
    let growth = memory(&process, "VmHWM").saturating_sub(before);
    if growth > GROWTH {
        complaints.push(format!("the service's memory grew by {growth} KiB at its peak"));
    }
    assert!(complaints.is_empty(), "{} of {count} rows:\n{}", complaints.len(), complaints.join("\n"));
}

fn rows_of(rows: &impl Iterator<Item = Row>) -> usize {
    rows.size_hint().1.unwrap_or_default()
}

/// Plays one row. Returns what was not as it must be.
async fn one(client: &Client, row: Row) -> Option<String> {
    let row = Rc::new(row);
    let stand_in = StandIn::start(row.clone()).await;
    let mut play = Play {
        client,
        row: &row,
        stand_in: &stand_in,
        complaints: Vec::new(),
    };
    play.all().await;
    (!play.complaints.is_empty()).then(|| {
        let complaints = play.complaints.join("\n    ");
        format!(
            "{} ({}):\n    {complaints}\n    asked: {}",
            row.name,
            row.why,
            shortened(&stand_in.requests().join(", "))
        )
    })
}

/// A row that is being played.
struct Play<'a> {
    client: &'a Client,
    row: &'a Row,
    stand_in: &'a StandIn,
    complaints: Vec<String>,
}

/// An event that was posted.
struct Posted {
    event: String,
    id: String,
}

impl Play<'_> {
    async fn all(&mut self) {
        self.set().await;
        // There is an idle connection, and the account has worked, when the event comes.
        let first = self.post("first").await;
        self.delivered(&first, Cost::OneRequest).await;
        let event = format!("{}-event", self.row.name);
        self.stand_in.plays_on(&event);
        let posted = self.post("event").await;
        self.first_answer(&posted).await;
        for number in 0..self.row.following {
            let next = self.post(&format!("next{number}")).await;
            self.delivered(&next, self.row.next_one).await;
        }
        match self.row.end {
            End::Delivered => self.delivered(&posted, self.row.own).await,
            End::Dead(reason) => self.dead(&posted, reason).await,
        }
        let last = self.post("last").await;
        self.delivered(&last, self.row.next_one).await;
    }

    /// Gives the row an account and a customer.
    async fn set(&mut self) {
        let name = &self.row.name;
        let account = json!({"serverUrl": self.stand_in.url(), "token": format!("testsk_{name}.eu")});
        self.put(&format!("/accounts/{name}"), &account).await;
        let customer = json!({"account": name, "application": format!("app_{name}")});
        self.put(&format!("/customers/{name}"), &customer).await;
    }

    async fn put(&mut self, path: &str, document: &Value) {
        let answer = self.client.send_json("PUT", path, document).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text);
    }

    async fn post(&mut self, what: &str) -> Posted {
        let name = &self.row.name;
        let event = format!("{name}-{what}");
        let body = json!({"id": event, "type": "a.b", "customer": name, "data": {"of": event}});
        let answer = self.client.post(&body).await;
        assert_eq!(answer.status, 202, "{event}: {}", answer.text);
        Posted {
            event,
            id: answer.id().to_owned(),
        }
    }

    /// Looks an event up; nothing where that does not work.
    async fn story(&self, posted: &Posted) -> Value {
        let answer = self
            .client
            .try_get(&format!("/notifications/{}", posted.id))
            .await;
        answer.map(|answer| answer.body).unwrap_or_default()
    }

    /// Waits until the service knows how the first request ended; where the row says so, until its script is over.
    async fn first_answer(&mut self, posted: &Posted) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let answered = self.story(posted).await["attemptsMade"] != 0;
            if answered && (self.row.next == Next::Answered || self.stand_in.is_over()) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        self.complaints.push("the script was never played".to_owned());
    }

    /// Waits until an event is in a final state, and returns its story.
    async fn settled(&self, posted: &Posted) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let story = self.story(posted).await;
            if story["state"] != "queued" || Instant::now() > deadline {
                return story;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until an event is delivered: it is one message, its own, and was dispatched.
    async fn delivered(&mut self, posted: &Posted, cost: Cost) {
        let story = self.settled(posted).await;
        let held = self.stand_in.held(&posted.event);
        let mut faults = Vec::new();
        if story["state"] != "delivered" {
            faults.push("it is not delivered".to_owned());
        }
        match held.as_slice() {
            [message] => {
                if story["state"] == "delivered" && story["svixMessageId"] != message.id.as_str() {
                    faults.push(format!("its message is {}", message.id));
                }
                if story["state"] == "delivered" && !message.reached() {
                    faults.push("it was dispatched to nobody".to_owned());
                }
            }
            held => faults.push(format!("there are {} messages of it", held.len())),
        }
        let (made, spent) = (&story["attemptsMade"], &story["attemptsSpent"]);
        match cost {
            Cost::OneRequest if *made != 1 => faults.push("it was to need one request".to_owned()),
            Cost::NoAttempt if *spent != 0 => faults.push(format!("it spent {spent} attempts")),
            _ => {}
        }
        self.complain(posted, &story, &faults);
    }

    async fn dead(&mut self, posted: &Posted, reason: &str) {
        let story = self.settled(posted).await;
        let mut faults = Vec::new();
        if story["state"] != "dead" || story["reason"] != reason {
            faults.push(format!("it is not dead as {reason}"));
        }
        let held = self.stand_in.held(&posted.event).len();
        if held > 1 {
            faults.push(format!("there are {held} messages of it"));
        }
        self.complain(posted, &story, &faults);
    }

    fn complain(&mut self, posted: &Posted, story: &Value, faults: &[String]) {
        if faults.is_empty() {
            return;
        }
        let attempts = story["attempts"].as_array().into_iter().flatten();
        let attempts = attempts.map(|attempt| {
            let text = |name: &str| attempt[name].as_str().unwrap_or_default();
            format!("{} {} {} {}", text("step"), text("outcome"), attempt["status"], text("detail"))
        });
        let (state, reason) = (&story["state"], &story["reason"]);
        let attempts: Vec<_> = attempts.map(|attempt| shortened(&attempt)).collect();
        self.complaints.push(format!(
            "{}: {}; it is {state} {reason}, message {}, after {attempts:?}",
            posted.event,
            faults.join(", "),
            shortened(&story["svixMessageId"].to_string())
        ));
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(1000).collect()
}

/// Reads a size from the process's status, in KiB.
fn memory(process: &TestProcess, name: &str) -> u64 {
    let path = format!("/proc/{}/status", process.child.id());
    let status = std::fs::read_to_string(path).expect("it runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let size = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    size.expect("the system says so")
}
