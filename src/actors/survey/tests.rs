//! The survey with a real store behind it, in small parts.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::{Actor, Addr, Context, Handler};
use tempfile::TempDir;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::{FEWEST, REST, SurveyActor, SurveyListeners, SurveyPace};
use crate::actors::death::DeathWatches;
use crate::actors::messages::{DiskMeasured, Surveyed};
use crate::store::examples::{accept, accept_leased, customer, delivered, eventually, new, options};
use crate::store::{BacklogSurvey, Disk, Store, StoreError, SurveyBounds, Surveyor};

const BOUNDS: SurveyBounds = SurveyBounds {
    accounts: 10,
    customers: 2,
};

/// What was heard last.
type Heard = Arc<Mutex<(Option<Arc<BacklogSurvey>>, Option<Disk>)>>;

/// Hears what was found.
struct Stats(Heard);

impl Actor for Stats {
    type Context = Context<Self>;
}

impl Handler<Surveyed> for Stats {
    type Result = ();

    fn handle(&mut self, Surveyed { survey }: Surveyed, _: &mut Context<Self>) {
        self.0.lock().unwrap().0 = Some(survey);
    }
}

impl Handler<DiskMeasured> for Stats {
    type Result = ();

    fn handle(&mut self, DiskMeasured { disk }: DiskMeasured, _: &mut Context<Self>) {
        self.0.lock().unwrap().1 = Some(disk);
    }
}

/// A store and its survey, in parts of two rows.
struct World {
    store: Store,
    directory: TempDir,
    heard: Heard,
    _actor: Addr<SurveyActor>,
    deaths: UnboundedReceiver<&'static str>,
}

async fn open() -> (Store, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/store.db", directory.path().display());
    (Store::open(options(url)).await.unwrap(), directory)
}

/// Makes a survey whose end nobody waits for.
fn surveying(store: &Store, heard: &Heard, pace: SurveyPace) -> SurveyActor {
    watched(store, heard, pace, mpsc::unbounded_channel().0)
}

fn watched(
    store: &Store,
    heard: &Heard,
    pace: SurveyPace,
    deaths: UnboundedSender<&'static str>,
) -> SurveyActor {
    let stats = Stats(heard.clone()).start();
    let listeners = SurveyListeners {
        backlog: stats.clone().recipient(),
        disk: stats.recipient(),
    };
    let watch = DeathWatches::new(deaths).watch("survey");
    SurveyActor::new(store.clone(), listeners, BOUNDS, pace, watch)
}

impl World {
    async fn start() -> Self {
        let (store, directory) = open().await;
        let heard = Heard::default();
        let pace = SurveyPace {
            every: Duration::from_millis(1),
            disk_every: Duration::from_millis(1),
            most: 2,
            ..SurveyPace::default()
        };
        let (death, deaths) = mpsc::unbounded_channel();
        Self {
            _actor: watched(&store, &heard, pace, death).start(),
            store,
            directory,
            heard,
            deaths,
        }
    }

    fn survey(&self) -> Option<Arc<BacklogSurvey>> {
        self.heard.lock().unwrap().0.clone()
    }

    async fn eventually_queued(&self, queued: u64) -> Arc<BacklogSurvey> {
        eventually("so much is found to be queued", async || {
            self.survey().is_some_and(|survey| survey.all.queued == queued)
        })
        .await;
        self.survey().unwrap()
    }
}

#[actix::test]
async fn what_waits_is_counted_over_and_over() {
    let mut world = World::start().await;
    let empty = world.eventually_queued(0).await;
    assert_eq!((empty.customers.len(), &empty.overdue), (0, &None));
    assert!(empty.ended_at >= empty.as_of);
    for number in 0..7 {
        let name = ["acme", "globex", "acme"][number % 3];
        accept(&world.store, new(name, &format!("evt_{number}"))).await;
    }
    let (notification, lease) = accept_leased(&world.store, new("initech", "evt_leased")).await;
    let survey = world.eventually_queued(8).await;
    let counts: Vec<_> = survey
        .customers
        .iter()
        .map(|(name, waiting)| (name.as_str(), waiting.queued))
        .collect();
    assert_eq!(counts, [("acme", 5), ("globex", 2)]);
    assert_eq!(survey.other_customers.queued, 1, "leased or not");
    world.store.settle(delivered(&notification), lease).await.unwrap();
    let later = world.eventually_queued(7).await;
    assert!(later.as_of >= survey.as_of && later.other_customers.queued == 0, "{later:?}");
    assert_eq!(later.overdue.as_ref().map(|overdue| &overdue.customer), Some(&customer("acme")));
    assert!(world.deaths.try_recv().is_err());
}

#[actix::test]
async fn the_room_on_disk_is_measured() {
    let world = World::start().await;
    eventually("the disk is measured", async || world.heard.lock().unwrap().1.is_some()).await;
    let disk = world.heard.lock().unwrap().1.unwrap();
    let space = disk.space.unwrap();
    assert!(disk.bytes > 4096 && space.total > disk.bytes && space.free <= space.total, "{disk:?}");
    accept(&world.store, new("acme", "evt_1")).await;
    eventually("the log counts", async || world.heard.lock().unwrap().1.unwrap().bytes > disk.bytes).await;
}

#[actix::test]
async fn a_store_that_cannot_be_read_leaves_the_last_survey_to_age() {
    let mut world = World::start().await;
    accept(&world.store, new("acme", "evt_1")).await;
    let survey = world.eventually_queued(1).await;
    world.store.close(true).await.unwrap();
    std::fs::remove_file(world.directory.path().join("store.db")).unwrap();
    let last = world.survey().unwrap();
    assert_eq!((last.all, last.customers.len()), (survey.all, 1));
    assert!(world.store.survey(None, 10).await.is_err() && world.store.disk().await.is_err());
    assert!(world.deaths.try_recv().is_err(), "the actor goes on trying");
}

#[actix::test]
async fn after_a_failure_the_actor_rests_no_longer_than_ever_and_asks_for_less() {
    let (store, _directory) = open().await;
    let pace = SurveyPace::default();
    let mut actor = surveying(&store, &Heard::default(), pace);
    let surveyor = || Surveyor::new(store.now(), BOUNDS);
    actor.rows = 1000;
    for took in [Duration::ZERO, Duration::from_secs(30)] {
        let rows = actor.rows;
        let rest = actor.counted(surveyor(), Err(StoreError::Overloaded), took);
        assert_eq!((rest, actor.rows), (pace.every, rows / 2), "after {took:?}");
        assert_eq!(actor.measured(Err(StoreError::Overloaded), took), pace.disk_every, "after {took:?}");
    }
    let part = store.survey(None, 10).await;
    assert_eq!(actor.counted(surveyor(), part, Duration::from_secs(30)), Duration::from_secs(30) * REST);
    assert_eq!(actor.rows, 125);
    let disk = store.disk().await;
    assert_eq!(actor.measured(disk, Duration::from_secs(30)), Duration::from_secs(30) * REST);
}

#[test]
fn a_part_that_takes_long_is_followed_by_smaller_ones_and_a_long_rest() {
    let pace = SurveyPace::default();
    let (quick, slow) = (Some(pace.patience / 5), Some(pace.patience * 2));
    assert_eq!(pace.rows_after(pace.most, quick), pace.most, "never more than that");
    assert_eq!(pace.rows_after(pace.most, Some(pace.patience)), pace.most, "no need to change");
    assert_eq!(pace.rows_after(pace.most, slow), pace.most / 2);
    assert_eq!(pace.rows_after(pace.most / 4, quick), pace.most / 2);
    assert_eq!(pace.rows_after(FEWEST, slow), FEWEST, "never fewer than that");
    assert_eq!(pace.rows_after(FEWEST, None), FEWEST, "never fewer than that");
    assert_eq!(SurveyPace::rest(slow, Duration::ZERO), pace.patience * 2 * REST);
    assert_eq!(SurveyPace::rest(Some(Duration::from_millis(1)), pace.every), pace.every);
    assert_eq!(SurveyPace::rest(Some(Duration::MAX), pace.every), Duration::MAX, "whatever the clock does");
}
