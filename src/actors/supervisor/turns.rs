//! Which account's turn it is. Accounts go round, one request a turn, and the round goes on where the
//! last batch ended. One that has nothing to send or has to wait is not asked again before it may help.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Instant;

use crate::domain::AccountName;

/// The accounts that have something to send. Each step costs the same however many there are.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Where each of them is; one that is asked right now, or has nothing to send, is nowhere.
    places: HashMap<AccountName, Place>,
    round: VecDeque<AccountName>,
    times: BTreeSet<(Instant, AccountName)>,
    /// Those that are untried or slow, in the order in which they came, while such have no room.
    crowd: BTreeMap<u64, AccountName>,
    last_number: u64,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Round,
    /// Until then, or until something happens.
    Waiting(Option<Instant>),
    Crowd(u64),
}

impl Turns {
    /// Takes the account whose turn it is.
    pub(super) fn next(&mut self, now: Instant) -> Option<AccountName> {
        while let Some((at, _)) = self.times.first()
            && *at <= now
        {
            let (_, account) = self.times.pop_first()?;
            self.join(account);
        }
        let account = self.round.pop_front()?;
        self.places.remove(&account);
        Some(account)
    }

    /// Takes the account that has been in the crowd for longest.
    pub(super) fn invite(&mut self) -> Option<AccountName> {
        let (_, account) = self.crowd.pop_first()?;
        self.places.remove(&account);
        Some(account)
    }

    /// Puts an account at the end of the round.
    pub(super) fn join(&mut self, account: AccountName) {
        self.round.push_back(account.clone());
        self.places.insert(account, Place::Round);
    }

    /// Leaves an account alone until then, or until it is woken.
    pub(super) fn wait(&mut self, account: AccountName, until: Option<Instant>) {
        self.times.extend(until.map(|until| (until, account.clone())));
        self.places.insert(account, Place::Waiting(until));
    }

    /// Puts an account at the end of the crowd.
    pub(super) fn join_crowd(&mut self, account: AccountName) {
        self.last_number += 1;
        self.crowd.insert(self.last_number, account.clone());
        self.places.insert(account, Place::Crowd(self.last_number));
    }

    /// Tells whether accounts wait for room among those that are untried or slow.
    pub(super) fn is_crowded(&self) -> bool {
        !self.crowd.is_empty()
    }

    /// Notes that an account may be able to send. One in the crowd keeps its place there.
    pub(super) fn wake(&mut self, account: &AccountName) {
        match self.places.get(account) {
            None => self.join(account.clone()),
            Some(Place::Waiting(until)) => {
                if let Some(until) = *until {
                    self.times.remove(&(until, account.clone()));
                }
                self.join(account.clone());
            }
            Some(Place::Round | Place::Crowd(_)) => {}
        }
    }

    /// Notes that an account may be able to send and answers in time, so that it belongs in no crowd.
    pub(super) fn trust(&mut self, account: &AccountName) {
        match self.places.get(account) {
            Some(Place::Crowd(number)) => {
                self.crowd.remove(number);
                self.join(account.clone());
            }
            _ => self.wake(account),
        }
    }

    /// Returns when the first of those that wait is to be asked again.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.times.first().map(|(at, _)| *at)
    }

    /// Tells whether any account has something to send.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn account(name: &str) -> AccountName {
        AccountName::new(name)
    }

    fn names(turns: &mut Turns, now: Instant, most: usize) -> Vec<String> {
        let next = |_| {
            let account = turns.next(now)?;
            turns.join(account.clone());
            Some(account.as_str().to_owned())
        };
        (0..most).map_while(next).collect()
    }

    #[test]
    fn the_round_goes_on_where_it_was() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        ["c", "a", "b"].iter().for_each(|name| turns.wake(&account(name)));
        turns.wake(&account("a"));
        assert_eq!(names(&mut turns, now, 2), ["c", "a"]);
        turns.wake(&account("d"));
        assert_eq!(names(&mut turns, now, 5), ["b", "c", "a", "d", "b"]);
    }

    #[test]
    fn who_waits_is_asked_again_when_it_is_time_or_something_happens() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        let later = now + Duration::from_secs(60);
        turns.wait(account("timed"), Some(later));
        turns.wait(account("woken"), Some(later));
        turns.wait(account("told"), None);
        assert_eq!((turns.next(now), turns.wake_at()), (None, Some(later)));
        turns.wake(&account("told"));
        turns.wake(&account("woken"));
        assert_eq!(names(&mut turns, now, 3), ["told", "woken", "told"]);
        assert_eq!(names(&mut turns, later, 3), ["woken", "told", "timed"]);
        assert_eq!(turns.wake_at(), None);
    }

    #[test]
    fn the_crowd_is_invited_in_order_unless_one_is_trusted() {
        let (mut turns, now) = (Turns::default(), Instant::now());
        ["a", "b", "c"]
            .iter()
            .for_each(|name| turns.join_crowd(account(name)));
        turns.wake(&account("b"));
        assert_eq!((turns.next(now), turns.is_crowded()), (None, true));
        turns.trust(&account("b"));
        assert_eq!(turns.next(now), Some(account("b")));
        assert_eq!((turns.invite(), turns.invite()), (Some(account("a")), Some(account("c"))));
        assert!(turns.invite().is_none() && turns.is_empty());
    }
}
