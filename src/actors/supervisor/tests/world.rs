//! A supervisor on a thread of its own with a real store, and fakes for all else around it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::{Actor, Addr, Arbiter, AsyncContext, Context, Handler, Recipient};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use crate::actors::death::DeathWatches;
use crate::actors::messages::{
    AccountSettings, ConfigReloaded, Counts, CountsChanged, Deliver, Job, Notify, OwnAccounts, Redeliver,
    Room, ScheduleRetry, Settings, Settled, WorkerCounted,
};
use crate::actors::supervisor::{SupervisorActor, Surroundings};
use crate::config;
use crate::domain::{AccountName, Answer, ContentMatch, NotificationId, State, Step, Timestamp};
use crate::policy::{Backoff, GateRules, Networks, Pace, Patience, Rules, Share};
use crate::secrets::KeyRing;
use crate::store::examples::{accept, customer, eventually, new, options};
use crate::store::{NewNotification, Record, Store, Totals};
use crate::svix::{Account, ClientOptions, Exchange, Roots};
use crate::telemetry::Metrics;

/// Makes the pools of a world, which report to its supervisor.
pub(super) type MakePool = Box<dyn Fn(u64, &Settings, &Addr<SupervisorActor>) -> Recipient<Deliver> + Send>;

/// Everything around one supervisor.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) room: Room,
    pub(super) supervisor: Addr<SupervisorActor>,
    pub(super) deaths: UnboundedReceiver<&'static str>,
    pub(super) arbiter: Arbiter,
    counts: Arc<Mutex<Vec<Counts>>>,
    watches: DeathWatches,
    directory: TempDir,
}

/// A store that is filled before the supervisor starts.
pub(super) struct Stored {
    pub(super) store: Store,
    directory: TempDir,
}

impl Stored {
    pub(super) async fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/store.db", directory.path().display());
        Self {
            store: Store::open(options(url)).await.unwrap(),
            directory,
        }
    }

    /// Stores so many notifications of one customer.
    pub(super) async fn with(self, name: &str, count: usize) -> Self {
        accept_many(&self.store, name, count).await;
        self
    }

    pub(super) fn start(self, settings: Settings, max_ready: usize, make_pool: MakePool) -> World {
        let Self { store, directory } = self;
        let room = Room::new(max_ready, usize::MAX);
        let (death, deaths) = mpsc::unbounded_channel();
        let watches = DeathWatches::new(death);
        let counts = Arc::new(Mutex::new(Vec::new()));
        let stats = Stats(counts.clone()).start().recipient();
        let arbiter = Arbiter::new();
        let inside = (store.clone(), room.clone(), watches.watch("supervisor"));
        let supervisor = SupervisorActor::start_in_arbiter(&arbiter.handle(), move |ctx| {
            let myself: Addr<SupervisorActor> = ctx.address();
            let retries = Retries(inside.0.clone(), myself.clone().recipient()).start();
            let around = Surroundings {
                store: inside.0,
                room: inside.1,
                make_pool: Box::new(move |number, settings| make_pool(number, settings, &myself)),
                retries: retries.recipient(),
                stats,
                metrics: metrics(),
                _watch: inside.2,
            };
            SupervisorActor::new(around, Arc::new(settings))
        });
        World {
            store,
            room,
            supervisor,
            deaths,
            arbiter,
            counts,
            watches,
            directory,
        }
    }
}

/// Makes metrics that nobody reads.
fn metrics() -> Arc<Metrics> {
    let bounds = config::Metrics {
        accounts: 50,
        customers: 20,
    };
    Arc::new(Metrics::new(&bounds, "sqlite", [], Timestamp::default()).unwrap())
}

pub(super) async fn accept_many(store: &Store, name: &str, count: usize) -> Vec<NotificationId> {
    let accepts =
        (0..count).map(|_| accept(store, new(name, &NotificationId::generate(store.now()).to_string())));
    let accepted = futures_util::future::join_all(accepts).await;
    accepted.into_iter().map(|notification| notification.id).collect()
}

/// Accepts so many for an account and a customer, one after the other.
pub(super) async fn accept_for(
    store: &Store,
    account: &str,
    name: &str,
    count: usize,
) -> Vec<NotificationId> {
    let mut accepted = Vec::new();
    for _ in 0..count {
        let new = NewNotification {
            account: AccountName::new(account),
            ..new(name, &NotificationId::generate(store.now()).to_string())
        };
        accepted.push(accept(store, new).await.id);
    }
    accepted
}

impl World {
    pub(super) async fn totals(&self) -> Totals {
        self.store.totals().await.unwrap()
    }

    pub(super) async fn eventually_delivered(&self, count: i64) {
        eventually("everything is delivered", async || self.totals().await.delivered == count).await;
        let totals = self.totals().await;
        assert_eq!((totals.queued, totals.dead, totals.expired), (0, 0, 0));
    }

    /// Waits until nothing is under way and no place is taken.
    pub(super) async fn eventually_idle(&self) {
        self.eventually_counted("nothing is under way", |counts| counts.in_flight == 0 && counts.ready == 0)
            .await;
        eventually("no place is taken", async || self.room.places(&customer("acme")).1 == 0).await;
    }

    /// Waits until counts that are taken from now on are so.
    pub(super) async fn eventually_counted(&self, what: &str, holds: impl Fn(&Counts) -> bool) {
        self.counts.lock().unwrap().clear();
        eventually(what, async || self.counts.lock().unwrap().iter().any(&holds)).await;
    }

    /// Waits until the supervisor has looked around at least twice.
    pub(super) async fn two_ticks(&self) {
        self.counts.lock().unwrap().clear();
        eventually("the supervisor ticks", async || self.counts.lock().unwrap().len() >= 2).await;
    }

    /// Waits until the supervisor has taken note of all that was sent to it before.
    pub(super) async fn settle_mailbox(&self) {
        let nothing = WorkerCounted {
            pool: u64::MAX,
            begun: true,
        };
        self.supervisor.send(nothing).await.unwrap();
    }

    pub(super) fn announce(&self, name: &str) {
        self.supervisor.do_send(Notify::InStore {
            customer: customer(name),
        });
    }

    pub(super) fn reconfigure(&self, settings: Settings) {
        self.supervisor.do_send(ConfigReloaded {
            settings: Arc::new(settings),
        });
    }

    /// From now on, the end is expected.
    pub(super) fn stand_down(&self) {
        self.watches.stand_down();
    }

    /// Moves the database file away, so that nothing can be written.
    pub(super) fn break_store(&self) {
        let path = self.directory.path();
        std::fs::rename(path.join("store.db"), path.join("away.db")).unwrap();
    }

    pub(super) fn mend_store(&self) {
        let path = self.directory.path();
        std::fs::rename(path.join("away.db"), path.join("store.db")).unwrap();
    }

    pub(super) async fn records(&self, state: State) -> Vec<Record> {
        let filter = crate::store::Filter {
            state: Some(state),
            limit: 10_000,
            ..Default::default()
        };
        self.store.list(filter).await.unwrap().records
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.watches.stand_down();
        self.arbiter.stop();
    }
}

pub(super) fn settings(actors: usize, batch: usize, max_in_flight: usize) -> Settings {
    let token = SecretString::from("testsk_1");
    let base_url = "http://localhost".to_owned();
    let account = Account::new(AccountName::new("default"), base_url, token, Duration::from_secs(5));
    let wait = Duration::from_millis(1);
    Settings {
        replica: "here".into(),
        own: OwnAccounts {
            ring: Arc::new(KeyRing::new(Vec::new()).unwrap()),
            request_timeout: Duration::from_secs(5),
            requests_per_second: 100_000.0,
            burst: 10_000,
            gate: GateRules {
                circuit_threshold: 1000,
                probe_interval: wait,
                max_probe_interval: wait,
                max_retry_after: wait,
            },
        },
        accounts: vec![AccountSettings {
            account: Arc::new(account.unwrap()),
            earlier: Vec::new(),
            pace: Pace::new(100_000.0, 10_000),
            share: Share::new(100_000.0, 10_000),
            gate: GateRules {
                circuit_threshold: 1000,
                probe_interval: wait,
                max_probe_interval: wait,
                max_retry_after: wait,
            },
            default_application: None,
        }],
        rules: Rules {
            max_attempts: 10,
            max_age: None,
            backoff: Backoff {
                initial: wait,
                multiplier: 1.0,
                max: wait,
                jitter: 0.0,
            },
            max_retry_after: wait,
            verify: true,
            settle: Duration::ZERO,
            max_resends: 1,
            resend_backoff: Duration::from_secs(5),
            confirm_after: Duration::from_secs(21_600),
        },
        actors,
        batch,
        max_in_flight,
        // Nothing is slow unless a test wants it so.
        patience: Patience {
            batch: Duration::from_secs(3600),
            request: Duration::from_secs(3600),
        },
        client: ClientOptions {
            connect_timeout: Duration::from_secs(5),
            networks: Networks::default(),
            roots: Roots::default(),
        },
    }
}

/// Adds accounts that are set as the first one is.
pub(super) fn with_accounts(mut settings: Settings, names: &[&str]) -> Settings {
    for name in names {
        let (token, base_url) = (SecretString::from("testsk_1"), "http://localhost".to_owned());
        let account = Account::new(AccountName::new(name), base_url, token, Duration::from_secs(5));
        settings.accounts.push(AccountSettings {
            account: Arc::new(account.unwrap()),
            ..settings.accounts[0].clone()
        });
    }
    settings
}

/// Answers a request as Svix does when all is well.
pub(super) fn answer(supervisor: &Addr<SupervisorActor>, job: &Job) {
    let answer = match job.step {
        Step::Send => Answer::Accepted {
            message_id: Some("msg_1".to_owned()),
            age: None,
        },
        Step::FetchMessage => Answer::Message {
            message_id: None,
            content: ContentMatch::Same,
            age: None,
        },
        _ => Answer::Attempts {
            dispatched: true,
            reached: Vec::new(),
            next: None,
        },
    };
    answer_with(supervisor, job, answer, Duration::ZERO);
}

/// Reports what a request came to, and how long it took.
pub(super) fn answer_with(supervisor: &Addr<SupervisorActor>, job: &Job, answer: Answer, duration: Duration) {
    supervisor.do_send(Settled {
        flight: job.flight,
        started_at: Timestamp::from_millis(1),
        exchange: Exchange {
            answer,
            status: Some(200),
            detail: String::new(),
            duration,
        },
    });
}

/// Collects what the supervisor tells of itself.
struct Stats(Arc<Mutex<Vec<Counts>>>);

impl Actor for Stats {
    type Context = Context<Self>;
}

impl Handler<CountsChanged> for Stats {
    type Result = ();

    fn handle(&mut self, CountsChanged { counts }: CountsChanged, _: &mut Context<Self>) {
        self.0.lock().unwrap().push(counts);
    }
}

/// Tells the supervisor when a retry is due.
struct Retries(Store, Recipient<Redeliver>);

impl Actor for Retries {
    type Context = Context<Self>;
}

impl Handler<ScheduleRetry> for Retries {
    type Result = ();

    fn handle(&mut self, ScheduleRetry { customer, due_at }: ScheduleRetry, ctx: &mut Context<Self>) {
        let wait = due_at.since(self.0.now()) + Duration::from_millis(1);
        ctx.run_later(wait, |retries, _| retries.1.do_send(Redeliver { customer }));
    }
}
