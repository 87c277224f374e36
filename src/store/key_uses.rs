//! When keys were last used: noted in memory by requests, which never wait for it, and written by the writer.
//!
//! It says which keys nobody uses any more, and no more than that. So it may come late, and where there are more
//! keys than are remembered, some uses are left out.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::{Database, Encode, Executor, IntoArguments, QueryBuilder, Type};

use super::fields::Fields;
use super::{StoreError, rows};
use crate::domain::Timestamp;

/// How often a key's use is written.
const EVERY: Duration = Duration::from_secs(60);

/// Keys that are remembered.
const REMEMBERED: usize = 10_000;

/// Uses that are written together.
const TOGETHER: usize = 500;

/// Where a key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// In the configuration, of which the store knows nothing.
    File,
    /// In the store, until it is revoked.
    Store,
}

impl KeySource {
    const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Store => "store",
        }
    }
}

/// A use of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyUse {
    name: String,
    source: KeySource,
    at: Timestamp,
}

/// A key by its name, and when it was last used.
pub(super) type LastUse = (String, Timestamp);

/// The uses that this process knows of; copies share them.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyUses(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    /// When each was last noted.
    last: HashMap<String, Timestamp>,
    /// What is still to be written, in the order of the names, so that two replicas write in the same order.
    waiting: BTreeMap<String, (KeySource, Timestamp)>,
}

impl KeyUses {
    /// Notes that a key was used, unless that was noted a moment ago.
    pub(super) fn note(&self, name: &str, source: KeySource, now: Timestamp) {
        let mut noted = self.lock();
        let old = |last: &Timestamp| now.since(*last) >= EVERY;
        match noted.last.get_mut(name) {
            Some(last) if old(last) => *last = now,
            Some(_) => return,
            None => {
                if noted.last.len() >= REMEMBERED {
                    noted.last.retain(|_, last| !old(last));
                }
                if noted.last.len() >= REMEMBERED {
                    return;
                }
                noted.last.insert(name.to_owned(), now);
            }
        }
        noted.wait(name.to_owned(), source, now);
    }

    /// Takes some of what is to be written.
    pub(super) fn take(&self) -> Vec<KeyUse> {
        let mut noted = self.lock();
        let taken = std::iter::from_fn(|| noted.waiting.pop_first());
        let taken = taken.map(|(name, (source, at))| KeyUse { name, source, at });
        taken.take(TOGETHER).collect()
    }

    /// Gives back what could not be written.
    pub(super) fn put_back(&self, uses: Vec<KeyUse>) {
        let mut noted = self.lock();
        for KeyUse { name, source, at } in uses {
            noted.wait(name, source, at);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn wait(&mut self, name: String, source: KeySource, at: Timestamp) {
        if self.waiting.len() < REMEMBERED || self.waiting.contains_key(&name) {
            let latest = self.waiting.entry(name).or_insert((source, at));
            if at > latest.1 {
                *latest = (source, at);
            }
        }
    }
}

/// The rows of one kind of database.
pub(super) struct KeyUseRows<DB>(PhantomData<fn() -> DB>);

impl<DB> KeyUseRows<DB>
where
    DB: Database<Row: Fields, Arguments: IntoArguments<DB>>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    /// Writes uses; of several of one key the latest stays, whichever replica comes last. Those of keys that are
    /// revoked by now are left out, within a transaction beside which no other revokes any.
    pub(super) async fn note(connection: &mut DB::Connection, uses: &[KeyUse]) -> Result<(), StoreError> {
        // Of what has no name of its own, either database calls the columns by their numbers.
        let mut query = QueryBuilder::<DB>::new(
            "INSERT INTO key_uses (name, used_at) SELECT given.column1, given.column2 FROM (",
        );
        query.push_values(uses, |mut row, KeyUse { name, source, at }| {
            row.push_bind(name.clone()).push_bind(at.as_millis());
            row.push_bind(source.as_str().to_owned());
        });
        query.push(
            ") AS given WHERE given.column3 = 'file' OR EXISTS ( \
               SELECT 1 FROM settings AS s \
               WHERE s.kind = 'key' AND s.name = given.column1 AND s.document IS NOT NULL) \
             ORDER BY given.column1 \
             ON CONFLICT (name) DO UPDATE SET used_at = excluded.used_at \
             WHERE key_uses.used_at < excluded.used_at",
        );
        query.build().execute(connection).await?;
        Ok(())
    }

    /// Finds when these keys were last used, those that were.
    pub(super) async fn find(
        connection: &mut DB::Connection,
        names: Vec<String>,
    ) -> Result<Vec<LastUse>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = QueryBuilder::<DB>::new("SELECT name, used_at FROM key_uses WHERE name IN (");
        let mut list = query.separated(", ");
        for name in names {
            list.push_bind(name);
        }
        query.push(")");
        let found = query.build().fetch_all(connection).await?;
        let read = |row: &DB::Row| {
            let at = Timestamp::from_millis(rows::int(row, "used_at")?);
            Ok((rows::text(row, "name")?.to_owned(), at))
        };
        found
            .iter()
            .map(read)
            .collect::<Result<_, sqlx::Error>>()
            .map_err(StoreError::from)
    }

    /// Forgets that a key was used.
    pub(super) async fn forget(connection: &mut DB::Connection, name: String) -> Result<(), StoreError> {
        sqlx::query::<DB>("DELETE FROM key_uses WHERE name = $1")
            .bind(name)
            .execute(connection)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: KeySource = KeySource::Store;

    fn used(name: &str, second: i64) -> KeyUse {
        KeyUse {
            name: name.to_owned(),
            source: STORE,
            at: at(second),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    #[test]
    fn a_use_is_noted_once_a_minute() {
        let uses = KeyUses::default();
        for second in [0, 1, 59, 60, 61] {
            uses.note("a", STORE, at(second));
        }
        assert_eq!(uses.take(), [used("a", 60)], "the latest is to be written");
        uses.note("a", STORE, at(62));
        assert_eq!(uses.take(), [], "that was a moment ago");
        uses.put_back(vec![used("a", 60)]);
        uses.note("a", STORE, at(120));
        uses.put_back(vec![used("a", 60)]);
        assert_eq!(uses.take(), [used("a", 120)], "what is put back does not undo what is newer");
    }

    #[test]
    fn only_so_many_are_remembered_and_written_together() {
        let uses = KeyUses::default();
        for number in 0..=REMEMBERED {
            uses.note(&format!("{number:06}"), STORE, at(0));
        }
        let mut all = Vec::new();
        loop {
            let some = uses.take();
            if some.is_empty() {
                break;
            }
            assert!(some.len() <= TOGETHER);
            all.extend(some);
        }
        assert_eq!(all.len(), REMEMBERED);
        assert!(all.is_sorted_by(|one, next| one.name < next.name), "in the order of the names");
        uses.note("another", STORE, at(60));
        assert_eq!(uses.take().len(), 1, "old ones make room");
    }
}
