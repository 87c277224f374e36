//! How much each customer has queued, where that is bounded for it.
//!
//! The ledger is asked once a second at most; what is accepted here in between is counted along. So over several
//! replicas a bound may be passed by what the others accept in a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::problem::{Code, Problem, shown};
use crate::domain::Customer;
use crate::store::Store;

/// How long a count is good.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// Customers that are remembered; beyond that all are counted anew that nothing is under way for.
const REMEMBERED: usize = 10_000;

/// The longest wait that is promised to help, in seconds; and the one where nothing moves.
const LONGEST_S: f64 = 3600.0;
const STANDSTILL_S: f64 = 60.0;

/// What is known of the customers' backlogs.
#[derive(Debug, Default)]
pub struct Backlogs(Mutex<HashMap<Customer, Arc<Backlog>>>);

/// One customer's.
#[derive(Debug, Default)]
struct Backlog {
    /// Held by whoever asks the ledger.
    asking: tokio::sync::Mutex<()>,
    count: Mutex<Count>,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// How many were queued, and when that was asked.
    ledger: Option<(i64, Instant)>,
    /// How many were stored here since.
    stored: i64,
    /// How many have a slot and are not stored yet.
    open: i64,
    /// How many leave in a second.
    leaving: f64,
}

/// The right to store one more; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Slot(Arc<Backlog>);

impl Backlogs {
    /// Makes room for one more of a customer's, or says when there may be some.
    pub(super) async fn admit(&self, store: &Store, customer: &Customer, most: u64) -> Result<Slot, Problem> {
        let backlog = self.of(customer);
        let ask = async || Ok::<_, Problem>(store.totals_of(customer.clone()).await?.queued);
        backlog.look(ask).await?;
        backlog.take(most).map_err(|wait| {
            let detail = format!(
                "customer {} has {most} notifications queued already, as many as are set for it",
                shown(customer.as_str())
            );
            Problem::new(Code::BacklogFull, detail).retry_after(wait)
        })
    }

    fn of(&self, customer: &Customer) -> Arc<Backlog> {
        let mut known = lock(&self.0);
        if let Some(backlog) = known.get(customer) {
            return backlog.clone();
        }
        if known.len() >= REMEMBERED {
            known.retain(|_, backlog| Arc::strong_count(backlog) > 1);
        }
        known.entry(customer.clone()).or_default().clone()
    }
}

impl Backlog {
    /// Makes sure that the ledger was asked not long ago. Of several that come at once one asks; the others wait
    /// for the first answer there is, or go by the one before.
    async fn look<E>(&self, ask: impl AsyncFnOnce() -> Result<i64, E>) -> Result<(), E> {
        let count = *lock(&self.count);
        if count.is_good() {
            return Ok(());
        }
        let _asking = if count.ledger.is_none() {
            self.asking.lock().await
        } else {
            let Ok(asking) = self.asking.try_lock() else {
                return Ok(());
            };
            asking
        };
        let (before, at) = (*lock(&self.count), Instant::now());
        // The first answer there is will do, however long it took.
        if before.is_good() || (count.ledger.is_none() && before.ledger.is_some()) {
            return Ok(());
        }
        let queued = ask().await?;
        lock(&self.count).take_in(queued, at, before.stored);
        Ok(())
    }

    /// Takes a slot, or says after how many seconds there may be one.
    fn take(self: Arc<Self>, most: u64) -> Result<Slot, u32> {
        {
            let mut count = lock(&self.count);
            let free = i64::try_from(most).unwrap_or(i64::MAX) - count.all();
            if free <= 0 {
                return Err(count.wait(1 - free));
            }
            count.open += 1;
        }
        Ok(Slot(self))
    }
}

impl Slot {
    /// Notes that what it was for is stored and queued.
    pub(super) fn stored(self) {
        lock(&self.0.count).stored += 1;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.0.count).open -= 1;
    }
}

impl Count {
    fn is_good(&self) -> bool {
        self.ledger.is_some_and(|(_, at)| at.elapsed() < GOOD_FOR)
    }

    fn all(&self) -> i64 {
        self.ledger.map_or(0, |(queued, _)| queued) + self.stored + self.open
    }

    /// Takes in what the ledger says, which was asked `at` that time, when so many had been `stored` here. What was
    /// stored while it was asked may be among it or not, and counts beside it until the next time.
    fn take_in(&mut self, queued: i64, at: Instant, stored: i64) {
        self.leaving = self.ledger.map_or(0.0, |(before, since)| {
            let left = before + stored - queued;
            let seconds = at.saturating_duration_since(since).max(GOOD_FOR).as_secs_f64();
            left.max(0) as f64 / seconds
        });
        self.stored -= stored;
        self.ledger = Some((queued, at));
    }

    /// Returns after how many seconds so many may have left, as fast as they leave now.
    fn wait(&self, many: i64) -> u32 {
        let seconds = if self.leaving > 0.0 {
            many as f64 / self.leaving
        } else {
            STANDSTILL_S
        };
        seconds.ceil().clamp(1.0, LONGEST_S) as u32
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use futures_util::future::join_all;

    use super::*;

    const LONG_AGO: Duration = Duration::from_secs(2);

    fn counted(queued: i64, age: Duration) -> Arc<Backlog> {
        let backlog = Arc::new(Backlog::default());
        let at = Instant::now().checked_sub(age).unwrap();
        lock(&backlog.count).take_in(queued, at, 0);
        backlog
    }

    fn slots(backlog: &Arc<Backlog>, most: u64) -> Vec<Slot> {
        std::iter::from_fn(|| backlog.clone().take(most).ok()).collect()
    }

    #[test]
    fn the_wait_is_as_long_as_it_takes_at_the_pace_seen() {
        let start = Instant::now();
        let mut first = Count::default();
        first.take_in(100, start, 0);
        assert_eq!(first.wait(1), 60, "nothing has been seen to move");
        first.stored = 10;
        let table = [
            (70, 2, 1, 1, "20 a second, one is to leave"),
            (70, 2, 50, 3, "20 a second, 50 are to leave"),
            (110, 2, 5, 60, "nothing left"),
            (200, 2, 5, 60, "others accepted"),
            (109, 10, 1_000_000, 3600, "an hour at most"),
        ];
        for (queued, seconds, many, wait, why) in table {
            let mut next = first;
            next.take_in(queued, start + Duration::from_secs(seconds), 10);
            assert_eq!(next.wait(many), wait, "{why}");
        }
    }

    #[tokio::test]
    async fn posts_at_once_wait_for_the_first_count_which_is_made_once() {
        let (backlog, asked) = (Arc::new(Backlog::default()), Cell::new(0));
        let posts = (0..10).map(async |_| {
            let ask = async || {
                asked.set(asked.get() + 1);
                tokio::task::yield_now().await;
                Ok::<_, Infallible>(7)
            };
            backlog.look(ask).await.unwrap();
            backlog.clone().take(10).ok()
        });
        let slots: Vec<Slot> = join_all(posts).await.into_iter().flatten().collect();
        assert_eq!((slots.len(), asked.get()), (3, 1));
    }

    #[tokio::test]
    async fn a_count_that_failed_or_was_given_up_is_made_by_the_next() {
        let backlog = Arc::new(Backlog::default());
        assert_eq!(backlog.look(async || Err("down")).await, Err("down"));
        let given_up = backlog.look(async || std::future::pending::<Result<i64, Infallible>>().await);
        assert_eq!(futures_util::FutureExt::now_or_never(given_up), None);
        backlog.look(async || Ok::<_, Infallible>(8)).await.unwrap();
        assert_eq!(slots(&backlog, 10).len(), 2);
    }

    #[tokio::test]
    async fn a_new_count_forgets_nothing_that_it_may_have_missed_and_holds_up_nobody() {
        let backlog = counted(4, LONG_AGO);
        let [before, meanwhile, open] = [(); 3].map(|()| backlog.clone().take(10).unwrap());
        before.stored();
        let ask = async || {
            meanwhile.stored();
            let no_other = async || -> Result<i64, Infallible> { panic!("one asks") };
            backlog.look(no_other).await.unwrap();
            Ok::<_, Infallible>(5)
        };
        backlog.look(ask).await.unwrap();
        assert_eq!(slots(&backlog, 10).len(), 3, "5, one stored meanwhile and one to be stored");
        drop(open);
        assert_eq!(slots(&backlog, 10).len(), 4);
    }

    #[tokio::test]
    async fn the_pace_is_measured_from_the_count_before() {
        let backlog = counted(10, LONG_AGO);
        backlog.look(async || Ok::<_, Infallible>(0)).await.unwrap();
        assert_eq!(lock(&backlog.count).wait(9), 2, "ten have left in two seconds");
    }

    #[test]
    fn a_slot_that_was_of_no_use_is_given_back() {
        let backlog = counted(1, Duration::ZERO);
        let taken = slots(&backlog, 3);
        assert_eq!((taken.len(), backlog.clone().take(3).err()), (2, Some(60)));
        drop(taken);
        let taken = slots(&backlog, 3);
        assert_eq!(taken.len(), 2);
        taken.into_iter().for_each(Slot::stored);
        assert!(slots(&backlog, 3).is_empty());
    }

    #[test]
    fn whose_slots_are_taken_is_remembered_in_any_crowd() {
        let backlogs = Backlogs::default();
        let customer = |number: usize| Customer::parse(&number.to_string()).unwrap();
        let slot = backlogs.of(&customer(0)).take(1).unwrap();
        (1..=REMEMBERED).for_each(|number| drop(backlogs.of(&customer(number))));
        assert!(lock(&backlogs.0).len() <= REMEMBERED);
        assert!(backlogs.of(&customer(0)).take(1).is_err());
        drop(slot);
        assert!(backlogs.of(&customer(0)).take(1).is_ok());
    }
}
