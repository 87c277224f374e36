//! Pools that panic, lose what they are given, or are replaced, and pools that do their work.

use std::sync::{Arc, Mutex};

use actix::{Actor, Addr, Context, Handler, Recipient, SyncArbiter, SyncContext};

use super::world::{MakePool, Stored, World, answer, settings};
use crate::actors::messages::{Batch, Deliver, Settings, WorkerCounted};
use crate::actors::supervisor::SupervisorActor;
use crate::domain::{AnswerKind, NotificationId, State};
use crate::policy::Networks;
use crate::store::examples::eventually;

/// A pool that does with each batch as it is told.
struct FakePool(Box<dyn FnMut(Batch)>);

impl Actor for FakePool {
    type Context = Context<Self>;
}

impl Handler<Deliver> for FakePool {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut Context<Self>) {
        let handover = deliver.begin();
        while let Some(batch) = handover.take() {
            (self.0)(batch);
        }
    }
}

/// Starts a pool that claims to have its threads and does `work` with each batch.
pub(super) fn start_pool(
    number: u64,
    settings: &Settings,
    supervisor: &Addr<SupervisorActor>,
    work: impl FnMut(Batch) + 'static,
) -> Recipient<Deliver> {
    for _ in 0..settings.actors {
        supervisor.do_send(WorkerCounted {
            pool: number,
            begun: true,
        });
    }
    FakePool(Box::new(work)).start().recipient()
}

/// Starts a pool that delivers everything at once.
pub(super) fn start_working_pool(
    number: u64,
    settings: &Settings,
    supervisor: &Addr<SupervisorActor>,
) -> Recipient<Deliver> {
    let to = supervisor.clone();
    start_pool(number, settings, supervisor, move |Batch { jobs, ticket, .. }| {
        jobs.iter().for_each(|job| answer(&to, job));
        drop(ticket);
    })
}

/// Batches that a pool was given and has not answered, with the pool's number.
#[derive(Clone, Default)]
pub(super) struct Held(Arc<Mutex<Vec<(u64, Batch)>>>);

impl Held {
    /// Makes pools that hold on to their batches until they are released.
    pub(super) fn make_pool(&self) -> MakePool {
        let held = self.clone();
        Box::new(move |number, settings, supervisor| {
            let held = held.clone();
            start_pool(number, settings, supervisor, move |batch| {
                held.0.lock().unwrap().push((number, batch));
            })
        })
    }

    /// Counts batches and the jobs in them.
    pub(super) fn count(&self) -> (usize, usize) {
        let held = self.0.lock().unwrap();
        (held.len(), held.iter().map(|(_, batch)| batch.jobs.len()).sum())
    }

    /// Returns which pools hold how many jobs.
    fn pools(&self) -> Vec<(u64, usize)> {
        let held = self.0.lock().unwrap();
        held.iter()
            .map(|(pool, batch)| (*pool, batch.jobs.len()))
            .collect()
    }

    /// Answers the oldest batch. Returns whether there was one.
    pub(super) fn release_one(&self, world: &World) -> bool {
        let mut held = self.0.lock().unwrap();
        if held.is_empty() {
            return false;
        }
        let (_, Batch { jobs, ticket, .. }) = held.remove(0);
        drop(held);
        jobs.iter().for_each(|job| answer(&world.supervisor, job));
        drop(ticket);
        true
    }

    /// Lets go of the oldest batch without a word.
    pub(super) fn lose_one(&self) {
        drop(self.0.lock().unwrap().remove(0));
    }

    pub(super) async fn eventually_holds(&self, jobs: usize) {
        eventually("the pool holds the jobs", async || self.count().1 == jobs).await;
    }
}

/// A thread that panics whatever it is given, and notes what that was.
struct PanickingThread {
    pool: u64,
    workers: Recipient<WorkerCounted>,
    taken: Arc<Mutex<Vec<NotificationId>>>,
}

impl Actor for PanickingThread {
    type Context = SyncContext<Self>;

    fn started(&mut self, _: &mut SyncContext<Self>) {
        self.workers.do_send(WorkerCounted {
            pool: self.pool,
            begun: true,
        });
    }
}

impl Handler<Deliver> for PanickingThread {
    type Result = ();

    fn handle(&mut self, deliver: Deliver, _: &mut SyncContext<Self>) {
        let batch = deliver.begin().take();
        let ids = batch
            .iter()
            .flat_map(|batch| &batch.jobs)
            .map(|job| job.notification.id);
        self.taken.lock().unwrap().extend(ids);
        panic!("as the test wants it");
    }
}

impl Drop for PanickingThread {
    fn drop(&mut self) {
        self.workers.do_send(WorkerCounted {
            pool: self.pool,
            begun: false,
        });
    }
}

#[actix::test]
async fn a_thread_that_panics_loses_nothing_and_a_new_pool_takes_over() {
    let taken: Arc<Mutex<Vec<NotificationId>>> = Arc::default();
    let noted = taken.clone();
    let make_pool: MakePool = Box::new(move |number, settings, supervisor| {
        if number > 0 {
            return start_working_pool(number, settings, supervisor);
        }
        let (workers, taken) = (supervisor.clone().recipient(), noted.clone());
        let thread = move || PanickingThread {
            pool: number,
            workers: workers.clone(),
            taken: taken.clone(),
        };
        SyncArbiter::start(1, thread).recipient()
    });
    let stored = Stored::empty().await.with("acme", 20).await;
    let world = stored.start(settings(1, 8, 64), 1000, make_pool);
    world.eventually_delivered(20).await;
    world.eventually_idle().await;

    let taken = taken.lock().unwrap().clone();
    assert!(!taken.is_empty());
    for record in world.records(State::Delivered).await {
        let attempts = world.store.attempts(&record).await.unwrap();
        let panicked = attempts
            .iter()
            .filter(|attempt| attempt.answer == AnswerKind::Panicked)
            .count();
        if taken.contains(&record.id) {
            assert_eq!(attempts[0].answer, AnswerKind::Panicked);
            assert!(record.progress.ambiguous, "nobody knows what became of it");
            assert_eq!(attempts.last().unwrap().step, "fetch_attempts", "so its dispatch was seen");
        }
        assert_eq!(record.progress.spent as usize, panicked);
    }
    let totals = world.totals().await;
    assert_eq!((totals.retries, totals.difference()), (totals.failed_attempts, 0));
    assert!(totals.retries >= taken.len() as i64);
}

#[actix::test]
async fn batches_that_a_pool_loses_are_sent_again() {
    let make_pool: MakePool = Box::new(|number, settings, supervisor| {
        let (to, mut given) = (supervisor.clone(), 0);
        start_pool(number, settings, supervisor, move |Batch { jobs, ticket, .. }| {
            given += 1;
            match given {
                1..=3 => {}
                // Only some are answered.
                4..=6 => jobs.iter().step_by(2).for_each(|job| answer(&to, job)),
                _ => jobs.iter().for_each(|job| answer(&to, job)),
            }
            drop(ticket);
        })
    });
    let stored = Stored::empty().await.with("acme", 60).await;
    let world = stored.start(settings(2, 8, 64), 1000, make_pool);
    world.eventually_delivered(60).await;
    world.eventually_idle().await;
    let totals = world.totals().await;
    assert!(totals.retries > 0);
    assert_eq!((totals.retries, totals.difference()), (totals.failed_attempts, 0));
}

#[actix::test]
async fn an_answer_that_comes_twice_or_late_counts_once() {
    let make_pool: MakePool = Box::new(|number, settings, supervisor| {
        let to = supervisor.clone();
        start_pool(number, settings, supervisor, move |Batch { jobs, ticket, .. }| {
            jobs.iter().chain(&jobs).for_each(|job| answer(&to, job));
            drop(ticket);
            jobs.iter().for_each(|job| answer(&to, job));
        })
    });
    let stored = Stored::empty().await.with("acme", 40).await;
    let world = stored.start(settings(2, 8, 64), 1000, make_pool);
    world.eventually_delivered(40).await;
    world.eventually_idle().await;
    let totals = world.totals().await;
    assert_eq!((totals.retries, totals.failed_attempts), (0, 0));
}

#[actix::test]
async fn networks_that_change_bring_a_new_pool() {
    let held = Held::default();
    let stored = Stored::empty().await.with("acme", 8).await;
    let world = stored.start(settings(1, 4, 9), 1000, held.make_pool());
    held.eventually_holds(4).await;
    let mut narrowed = settings(1, 4, 9);
    narrowed.client.networks = Networks::new(vec!["10.0.0.0/8".parse().unwrap()]);
    world.reconfigure(narrowed);
    held.eventually_holds(8).await;
    assert_eq!(held.pools().iter().map(|(pool, _)| *pool).collect::<Vec<_>>(), [0, 1]);
    eventually("all is sent", async || {
        while held.release_one(&world) {}
        world.totals().await.delivered == 8
    })
    .await;
    world.eventually_idle().await;
}

#[actix::test]
async fn a_new_count_of_threads_brings_a_new_pool_and_the_old_one_finishes() {
    let held = Held::default();
    let stored = Stored::empty().await.with("acme", 12).await;
    let world = stored.start(settings(1, 4, 9), 1000, held.make_pool());
    held.eventually_holds(4).await;
    world.reconfigure(settings(3, 4, 9));
    held.eventually_holds(8).await;
    let pools = held.pools();
    assert_eq!(pools[0].0, 0);
    assert!(pools[1..].iter().all(|(pool, _)| *pool == 1), "{pools:?}");
    world
        .eventually_counted("three threads work", |counts| {
            (counts.workers_configured, counts.workers_alive, counts.in_flight) == (3, 3, 8)
        })
        .await;

    held.release_one(&world);
    eventually("the old pool's batch is recorded", async || world.totals().await.delivered == 4).await;
    eventually("all is sent", async || {
        while held.release_one(&world) {}
        world.totals().await.delivered == 12
    })
    .await;
    assert!(held.pools().is_empty());
    assert_eq!(world.totals().await.retries, 0, "nothing was lost on the way");
    world.eventually_idle().await;
}
