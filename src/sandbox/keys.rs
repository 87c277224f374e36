//! Idempotency keys: which are held by a request that is not finished, and what the finished ones are
//! answered again.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use tokio::sync::Notify;

/// A digest of what a key holds for: the `Authorization` value, the key itself, and the URI with its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(u64, u64);

impl Key {
    /// Digests the three.
    pub(super) fn of(authorization: &str, key: &str, uri: &str) -> Self {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, authorization, key, uri).hash(&mut hasher);
            hasher.finish()
        };
        Self(half(0), half(1))
    }
}

/// Of what the answer is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The message with this number was created.
    Created(u64),
    /// A resend was taken.
    Resent,
}

/// What is known of a key.
#[derive(Clone, Debug)]
pub(super) enum Standing {
    /// A request holds it; the bell rings when that one is finished.
    Held(Arc<Notify>),
    /// A request is finished, and this is what came of it.
    Done { kept: Kept, at: u64 },
}

/// All keys that are held or remembered; the oldest are forgotten beyond a bound.
#[derive(Debug)]
pub(super) struct Keys {
    standing: HashMap<Key, Standing>,
    done: VecDeque<Key>,
    limit: usize,
    /// How long they are remembered, in milliseconds.
    ttl: u64,
}

impl Keys {
    /// Makes room for so many, each for so many milliseconds.
    pub(super) fn new(limit: usize, ttl: u64) -> Self {
        Self {
            standing: HashMap::new(),
            done: VecDeque::new(),
            limit,
            ttl,
        }
    }

    /// Looks a key up.
    pub(super) fn get(&self, key: Key, now: u64) -> Option<&Standing> {
        self.standing.get(&key).filter(|standing| match standing {
            Standing::Held(_) => true,
            Standing::Done { at, .. } => now.saturating_sub(*at) < self.ttl,
        })
    }

    /// Holds a key until [`Keys::finish`].
    pub(super) fn hold(&mut self, key: Key, bell: Arc<Notify>) {
        self.standing.insert(key, Standing::Held(bell));
    }

    /// Remembers what came of a request, or frees its key where there is nothing to remember.
    pub(super) fn finish(&mut self, key: Key, kept: Option<Kept>, now: u64) {
        let Some(kept) = kept else {
            self.standing.remove(&key);
            return;
        };
        if !matches!(self.standing.insert(key, Standing::Done { kept, at: now }), Some(Standing::Done { .. }))
        {
            self.done.push_back(key);
        }
        while self.done.len() > self.limit {
            if let Some(oldest) = self.done.pop_front()
                && matches!(self.standing.get(&oldest), Some(Standing::Done { .. }))
            {
                self.standing.remove(&oldest);
            }
        }
    }

    /// Forgets all that is finished.
    pub(super) fn forget(&mut self) {
        self.done.clear();
        self.standing
            .retain(|_, standing| matches!(standing, Standing::Held(_)));
    }
}

#[cfg(test)]
mod tests {
    use super::{Kept, Key, Keys, Standing};

    fn kept(keys: &Keys, key: Key, now: u64) -> Option<Kept> {
        match keys.get(key, now) {
            Some(Standing::Done { kept, .. }) => Some(*kept),
            _ => None,
        }
    }

    #[test]
    fn a_key_holds_for_its_token_and_its_uri_only() {
        let key = Key::of("Bearer a", "k", "/x?with_content=false");
        assert_eq!(key, Key::of("Bearer a", "k", "/x?with_content=false"));
        assert_ne!(key, Key::of("Bearer b", "k", "/x?with_content=false"));
        assert_ne!(key, Key::of("Bearer a", "k", "/x"));
        assert_ne!(key, Key::of("Bearer a", "l", "/x?with_content=false"));
    }

    #[test]
    fn keys_are_forgotten_when_they_are_old_or_too_many() {
        let mut keys = Keys::new(2, 100);
        let three = ["a", "b", "c"].map(|key| Key::of("t", key, "/"));
        for (number, key) in three.into_iter().enumerate() {
            keys.finish(key, Some(Kept::Created(number as u64)), 10);
        }
        assert_eq!(kept(&keys, three[0], 10), None, "the oldest of three");
        assert_eq!(kept(&keys, three[1], 109), Some(Kept::Created(1)));
        assert_eq!(kept(&keys, three[1], 110), None, "its time is over");
        keys.finish(three[2], None, 10);
        assert_eq!(kept(&keys, three[2], 10), None, "it was freed");
    }
}
