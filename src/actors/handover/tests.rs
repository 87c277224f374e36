//! A pool of real threads that take batches, and none that is left behind.

use std::time::Instant;

use actix::{Actor, Context, Handler, Recipient, SyncArbiter, SyncContext};
use actix_rt::Runtime;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;

use super::*;
use crate::actors::messages::BatchEnded;
use crate::domain::{AccountName, Step};
use crate::store::examples::{self, eventually};
use crate::svix::Account;

/// How a thread makes the requests of a flight.
type Request = Arc<dyn Fn(u64) -> futures_util::future::LocalBoxFuture<'static, ()> + Send + Sync>;

struct Thread(Request);

impl Actor for Thread {
    type Context = SyncContext<Self>;
}

impl Handler<Deliver> for Thread {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut SyncContext<Self>) {
        let runtime = Runtime::new().unwrap();
        let handover = deliver.begin();
        runtime.block_on(handover.work(|job| (self.0)(job.flight)));
    }
}

/// Passes on which batches have ended.
struct Ended(UnboundedSender<u64>);

impl Actor for Ended {
    type Context = Context<Self>;
}

impl Handler<BatchEnded> for Ended {
    type Result = ();

    fn handle(&mut self, BatchEnded { batch }: BatchEnded, _: &mut Context<Self>) {
        let _ = self.0.send(batch);
    }
}

struct Pool {
    to: Recipient<Deliver>,
    threads: usize,
    handover: Handover,
    tickets: Recipient<BatchEnded>,
    ended: UnboundedReceiver<u64>,
    job: Job,
}

impl Pool {
    async fn start(threads: usize, request: Request) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/store.db", directory.path().display());
        let store = crate::store::Store::open(examples::options(url)).await.unwrap();
        let notification = examples::accept(&store, examples::new("acme", "evt_1")).await;
        let base_url = "http://localhost".to_owned();
        let account =
            Account::new(AccountName::new("default"), base_url, "testsk_1".into(), Duration::from_secs(5));
        let (ends, ended) = mpsc::unbounded_channel();
        Self {
            to: SyncArbiter::start(threads, move || Thread(request.clone())).recipient(),
            threads,
            handover: Handover::default(),
            tickets: Ended(ends).start().recipient(),
            ended,
            job: Job {
                flight: 0,
                account: Arc::new(account.unwrap()),
                notification: Arc::new(notification),
                step: Step::Send,
                attempt: 1,
                timeout: Duration::from_secs(1),
            },
        }
    }

    /// Hands over a batch under the number of its first request.
    fn put(&self, flights: &[u64], quick_for: Duration) {
        let jobs = flights.iter().map(|flight| Job {
            flight: *flight,
            ..self.job.clone()
        });
        let batch = Batch {
            jobs: jobs.collect(),
            slow_at: Instant::now() + quick_for,
            ticket: BatchTicket {
                batch: flights[0],
                to: self.tickets.clone(),
            },
        };
        if let Some(deliver) = self.handover.put(batch, self.threads) {
            self.to.do_send(deliver);
        }
    }

    async fn next_ended(&mut self) -> u64 {
        let ended = tokio::time::timeout(Duration::from_secs(20), self.ended.recv()).await;
        ended.expect("a batch was left behind").unwrap()
    }
}

/// Requests with even numbers wait for the switch.
fn until(switch: &watch::Sender<bool>) -> Request {
    let switch = switch.subscribe();
    Arc::new(move |flight| {
        let mut switch = switch.clone();
        Box::pin(async move {
            if flight % 2 == 0 {
                let _ = switch.wait_for(|on| *on).await;
            }
        })
    })
}

#[actix::test]
async fn one_thread_takes_others_beside_a_slow_batch() {
    let (switch, _) = watch::channel(false);
    let mut pool = Pool::start(1, until(&switch)).await;
    pool.put(&[2, 1], Duration::ZERO);
    pool.put(&[4, 3], Duration::ZERO);
    pool.put(&[5], Duration::from_secs(3600));
    assert_eq!(pool.next_ended().await, 5, "the others wait");
    pool.put(&[7], Duration::from_secs(3600));
    assert_eq!(pool.next_ended().await, 7, "a quick one that has ended keeps nobody off");
    switch.send_replace(true);
    let mut rest = [pool.next_ended().await, pool.next_ended().await];
    rest.sort_unstable();
    assert_eq!(rest, [2, 4]);
}

#[actix::test]
async fn a_quick_batch_has_its_thread_to_itself() {
    let (switch, _) = watch::channel(false);
    let mut pool = Pool::start(2, until(&switch)).await;
    // Both threads are taken; the third batch waits until one of them has ended.
    pool.put(&[2], Duration::from_secs(3600));
    pool.put(&[4], Duration::from_secs(3600));
    eventually("both are under way", async || pool.handover.lock().batches.is_empty()).await;
    pool.put(&[1], Duration::from_secs(3600));
    assert_eq!(pool.handover.lock().batches.len(), 1);
    switch.send_replace(true);
    let mut ended = [
        pool.next_ended().await,
        pool.next_ended().await,
        pool.next_ended().await,
    ];
    ended.sort_unstable();
    assert_eq!(ended, [1, 2, 4]);
    eventually("no message is on its way", async || pool.handover.lock().wakes == 0).await;
}

/// Each batch is handed over at the moment at which the one before it has ended, when the thread
/// that made it is about to rest.
#[actix::test]
async fn a_batch_that_comes_when_all_threads_are_about_to_rest_is_not_left_behind() {
    for (threads, chains) in [(1, 1), (2, 1), (2, 2), (3, 3)] {
        let instantly: Request = Arc::new(|_| Box::pin(async {}));
        let mut pool = Pool::start(threads, instantly).await;
        for chain in 0..chains {
            pool.put(&[chain], Duration::ZERO);
        }
        for next in 0..2000 {
            pool.next_ended().await;
            pool.put(&[next], Duration::ZERO);
        }
        for _ in 0..chains {
            pool.next_ended().await;
        }
    }
}

#[test]
fn no_more_wake_than_there_are_threads_and_one_that_is_lost_makes_room() {
    let system = actix::System::new();
    let pool = system.block_on(Pool::start(2, Arc::new(|_| Box::pin(async {}))));
    let batch = || Batch {
        jobs: Vec::new(),
        slow_at: Instant::now(),
        ticket: BatchTicket {
            batch: 1,
            to: pool.tickets.clone(),
        },
    };
    let handover = Handover::default();
    let first = handover.put(batch(), 2);
    let second = handover.put(batch(), 2);
    assert!(first.is_some() && second.is_some() && handover.put(batch(), 2).is_none());
    drop(first);
    assert!(handover.put(batch(), 2).is_some());
    assert_eq!(std::iter::from_fn(|| handover.take()).count(), 4);
}
