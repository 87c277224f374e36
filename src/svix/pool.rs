//! The idle connections of a thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::origin::Origin;

/// How long one may be idle. Shorter than servers keep them (Node and Apache: 5 s), so that none is closed in use.
const IDLE: Duration = Duration::from_secs(4);

/// Idle connections, those that have been so for the longest time first.
pub(super) struct Pool<C> {
    most: usize,
    idle: VecDeque<Idle<C>>,
}

struct Idle<C> {
    origin: Arc<Origin>,
    since: Instant,
    connection: C,
}

impl<C> Pool<C> {
    /// Makes one that holds at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            idle: VecDeque::new(),
        }
    }

    /// Takes in a connection; the oldest one goes where there is no room.
    pub(super) fn put(&mut self, origin: Arc<Origin>, connection: C, now: Instant) {
        self.idle.push_back(Idle {
            origin,
            since: now,
            connection,
        });
        self.expire(now);
        while self.idle.len() > self.most {
            self.idle.pop_front();
        }
    }

    /// Takes out the connection to a server that was used last.
    pub(super) fn take(&mut self, origin: &Origin, now: Instant) -> Option<C> {
        self.expire(now);
        let place = self
            .idle
            .iter()
            .rposition(|idle| idle.origin.is_same_server(origin))?;
        self.idle.remove(place).map(|idle| idle.connection)
    }

    /// Drops all connections to a server.
    pub(super) fn forget(&mut self, origin: &Origin) {
        self.idle.retain(|idle| !idle.origin.is_same_server(origin));
    }

    fn expire(&mut self, now: Instant) {
        let is_old = |idle: &Idle<C>| now.saturating_duration_since(idle.since) >= IDLE;
        while self.idle.front().is_some_and(is_old) {
            self.idle.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Arc<Origin> {
        Arc::new(Origin::parse(url).unwrap())
    }

    #[test]
    fn the_last_one_of_the_same_server_is_used_again() {
        let (plain, encrypted, now) = (origin("http://a"), origin("https://a"), Instant::now());
        let mut pool = Pool::new(3);
        pool.put(plain.clone(), 1, now);
        pool.put(plain.clone(), 2, now);
        pool.put(encrypted.clone(), 3, now);
        assert_eq!(pool.take(&origin("http://a/below"), now), Some(2));
        assert_eq!(pool.take(&plain, now), Some(1));
        assert_eq!(pool.take(&plain, now), None);
        assert_eq!(pool.take(&encrypted, now), Some(3));
    }

    #[test]
    fn there_are_never_more_than_agreed_and_none_that_is_old() {
        let (a, b, now) = (origin("http://a"), origin("http://b"), Instant::now());
        let mut pool = Pool::new(2);
        pool.put(a.clone(), 1, now);
        pool.put(b.clone(), 2, now);
        pool.put(b.clone(), 3, now);
        assert_eq!(pool.take(&a, now), None, "the oldest has made room");
        let soon = now + IDLE / 2;
        pool.put(a.clone(), 4, soon);
        let late = now + IDLE;
        assert_eq!(pool.take(&b, late), None, "too old");
        assert_eq!(pool.take(&a, late), Some(4));
        pool.put(a.clone(), 5, late);
        pool.put(b.clone(), 6, late);
        pool.forget(&a);
        assert_eq!(pool.take(&a, late), None);
        assert_eq!(pool.take(&b, late), Some(6));
    }
}
