//! AuditActor: compares the ledger with the rows that it counts, all the time and a little at a time, and
//! tells the stats actor what it found.
//!
//! One step is one minute and some customers' totals. Notifications are counted in the minute of their
//! acceptance, so a lost row or a wrong count is found wherever the notification has come to since.

mod walk;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Recipient, WrapFuture};
use log::{debug, error, info, trace, warn};

use super::death::DeathWatch;
use super::messages::{LedgerCheck, LedgerChecked};
use crate::domain::{Customer, Timestamp};
use crate::store::{AddedUp, Compared, Difference, Store, StoreError};
use walk::{Known, Look, News, Walk};

/// How long counting the rows of one minute may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many times as long as a step took the check rests before the next: it takes a tenth of a connection at most.
const REST: u32 = 9;

/// Customers whose totals one step adds up.
const CUSTOMERS: u32 = 500;

/// Differences that one log line names.
const NAMED: usize = 3;

/// How often the check looks, and at what.
#[derive(Debug, Clone, Copy)]
pub(super) struct AuditPace {
    /// The least wait between two steps.
    pub(super) every: Duration,
    /// How long ago a minute must have ended.
    pub(super) age: Duration,
}

impl Default for AuditPace {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(2),
            age: Duration::from_secs(120),
        }
    }
}

/// Compares the ledger with the rows.
pub(super) struct AuditActor {
    store: Store,
    stats: Recipient<LedgerChecked>,
    pace: AuditPace,
    walk: Walk,
    known: Known,
    /// The customer whose totals were added up last.
    after: Option<Customer>,
    check: LedgerCheck,
    /// Whether the last step failed.
    failing: bool,
    _watch: DeathWatch,
}

/// What one step saw.
struct Seen {
    compared: Compared,
    added_up: AddedUp,
}

impl AuditActor {
    pub(super) fn new(
        store: Store,
        stats: Recipient<LedgerChecked>,
        pace: AuditPace,
        watch: DeathWatch,
    ) -> Self {
        let ended = store.now().before(pace.age).minute();
        Self {
            store,
            stats,
            pace,
            walk: Walk::new(ended),
            known: Known::default(),
            after: None,
            check: LedgerCheck::default(),
            failing: false,
            _watch: watch,
        }
    }

    fn step(&mut self, ctx: &mut Context<Self>) {
        trace!("a minute is compared");
        let ended = self.store.now().before(self.pace.age).minute();
        let look = self.walk.next(ended, &self.known);
        let begun = Instant::now();
        let looking = look_at(self.store.clone(), look.clone(), self.after.clone());
        ctx.spawn(looking.into_actor(self).map(move |seen, actor, ctx| {
            match seen {
                Ok(seen) => actor.note(&look, seen),
                Err(error) => actor.note_failure(error),
            }
            let rest = begun.elapsed() * REST;
            ctx.run_later(actor.pace.every.max(rest), Self::step);
        }));
    }

    fn note(&mut self, look: &Look, seen: Seen) {
        self.failing = false;
        self.note_minute(look, &seen.compared);
        let AddedUp {
            customers,
            differences,
            next,
        } = seen.added_up;
        let covered = |known: &Difference| known.minute.is_none() && customers.contains(&known.customer);
        let news = self.known.update(covered, &differences);
        self.tell(&news);
        self.after = next;
        let check = self.check.clone();
        self.stats.do_send(LedgerChecked { check });
    }

    fn note_minute(&mut self, look: &Look, compared: &Compared) {
        let pass_ended = self.walk.seen(look, compared);
        self.check.passes += u64::from(pass_ended);
        let (minute, differences) = match (compared, look) {
            (Compared::Minute { minute, differences }, _) => (*minute, differences.as_slice()),
            // Its cells have gone, and with them what was to be compared.
            (Compared::Nothing, Look::Again(minute)) => (*minute, [].as_slice()),
            (Compared::GaveUp { minute }, _) => {
                let minute = Timestamp::of_minute(*minute);
                debug!(minute:%; "a minute has more rows than can be compared with the ledger in passing");
                self.check.passed_over += 1;
                return;
            }
            (Compared::Nothing | Compared::Busy, _) => return,
        };
        let news = self
            .known
            .update(|known| known.minute == Some(minute), differences);
        self.tell(&news);
        self.check.minutes += u64::from(!matches!(look, Look::Again(_)));
        self.check.last_at = Some(self.store.now());
        if matches!(look, Look::Old(_)) {
            self.check.down_to = Some(Timestamp::of_minute(minute));
        }
    }

    /// Puts into the log what has not been told yet.
    fn tell(&mut self, news: &News) {
        if *news == News::default() {
            return;
        }
        self.check.differences = self.known.all();
        if !news.found.is_empty() {
            let named: Vec<String> = news.found.iter().take(NAMED).map(Difference::to_string).collect();
            let (found, named) = (news.found.len(), named.join("; "));
            error!(found, differences:% = named; "the ledger and the rows differ: something was lost or miscounted");
        }
        if news.mended > 0 {
            info!(mended = news.mended; "the ledger and the rows agree again where they differed");
        }
    }

    /// A store that cannot be read differs in nothing.
    fn note_failure(&mut self, error: StoreError) {
        if error.is_unavailable() || matches!(error, StoreError::Closed) || self.failing {
            debug!(error:err; "the ledger could not be compared with the rows");
        } else {
            warn!(error:err; "the ledger could not be compared with the rows; tried again all the time");
        }
        self.failing = true;
    }
}

impl Actor for AuditActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(self.pace.every, Self::step);
    }
}

/// Looks at a minute and at some customers' totals; twice before anything is said to differ.
async fn look_at(store: Store, look: Look, after: Option<Customer>) -> Result<Seen, StoreError> {
    let (minutes, pick) = look.target();
    let mut compared = store.compare(minutes, pick, PATIENCE).await?;
    if let Compared::Minute { minute, differences } = &compared
        && !differences.is_empty()
    {
        let minute = *minute;
        compared = match store.compare(minute..minute + 1, pick, PATIENCE).await? {
            Compared::Nothing => Compared::Minute {
                minute,
                differences: Vec::new(),
            },
            again => again,
        };
    }
    let mut added_up = store.add_up(after.clone(), CUSTOMERS).await?;
    if !added_up.differences.is_empty() {
        added_up = store.add_up(after, CUSTOMERS).await?;
    }
    Ok(Seen { compared, added_up })
}
