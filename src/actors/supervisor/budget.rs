//! What is held here of a budget that replicas share, an account's or a customer's, and what they were told of an
//! account's gate.

use std::time::{Duration, Instant};

use crate::domain::{Shut, Timestamp};
use crate::policy::{GateState, Share};
use crate::store::{SharedGate, Slice};

/// How long to wait after a slice could not be had because the store did not answer well.
const AFTER_FAILURE: Duration = Duration::from_millis(250);

/// Permits of a slice, and when the next may be asked for.
#[derive(Debug)]
pub(super) struct Budget {
    share: Share,
    permits: u32,
    good_until: Instant,
    asking: bool,
    /// How many were asked for last.
    wanted: u32,
    next_ask: Instant,
    /// The gate as all replicas know it, as far as is known here.
    told: GateState,
    version: i64,
    telling: bool,
}

impl Budget {
    pub(super) fn new(share: Share) -> Self {
        let now = Instant::now();
        Self {
            share,
            permits: 0,
            good_until: now,
            asking: false,
            wanted: 0,
            next_ask: now,
            told: GateState::Open,
            version: 0,
            telling: false,
        }
    }

    pub(super) fn share(&self) -> Share {
        self.share
    }

    /// Takes over another rate. Permits of the old one end.
    pub(super) fn reconfigure(&mut self, share: Share) {
        self.share = share;
        self.permits = 0;
    }

    pub(super) fn has_permit(&self) -> bool {
        self.permits > 0 && Instant::now() < self.good_until
    }

    /// Returns how many requests may go out by it now.
    pub(super) fn permits(&self) -> usize {
        if self.has_permit() {
            self.permits as usize
        } else {
            0
        }
    }

    /// Tells whether it is like a new one: it has nothing, and a slice may be asked for.
    pub(super) fn is_idle(&self) -> bool {
        !self.has_permit() && self.wait() == Some(Duration::ZERO)
    }

    pub(super) fn use_permit(&mut self) {
        self.permits = self.permits.saturating_sub(1);
    }

    /// Returns when it is worth trying again; nothing while a slice is on its way.
    pub(super) fn wait(&self) -> Option<Duration> {
        (!self.asking).then(|| self.next_ask.saturating_duration_since(Instant::now()))
    }

    /// Returns for how many permits to ask now, where `ready` could use one, and notes that this is done.
    pub(super) fn begin_asking(&mut self, ready: usize) -> Option<u32> {
        if ready == 0 || self.asking || self.has_permit() || Instant::now() < self.next_ask {
            return None;
        }
        self.asking = true;
        self.wanted =
            u32::try_from(ready).map_or(self.share.capacity, |ready| ready.min(self.share.capacity));
        Some(self.wanted)
    }

    /// Takes in a slice that was asked for at `asked`.
    pub(super) fn receive(&mut self, slice: Option<Slice>, asked: Instant) {
        self.asking = false;
        match slice {
            Some(slice) => {
                self.permits = slice.granted;
                self.good_until = asked + self.share.validity;
                // A budget that gave all that was wanted has more; one that did not is to gain some first, and says how
                // long that takes at least.
                let pause = if slice.granted < self.wanted {
                    self.share.pause()
                } else {
                    Duration::ZERO
                };
                self.next_ask = (asked + pause).max(Instant::now() + slice.next_in);
            }
            None => self.next_ask = Instant::now() + AFTER_FAILURE,
        }
    }

    /// Tells whether to tell the others how the gate stands, and notes that this is done.
    pub(super) fn begin_telling(&mut self, state: GateState, now: Timestamp) -> bool {
        // That a limit is over everybody sees for himself.
        if let (GateState::Open, GateState::Limited { until }) = (state, self.told)
            && until <= now
        {
            self.told = GateState::Open;
        }
        let tell = !self.telling && state != self.told;
        self.telling |= tell;
        tell
    }

    /// Notes that the others know, or could not be told.
    pub(super) fn end_telling(&mut self, told: Option<(GateState, i64)>) {
        self.telling = false;
        if let Some((state, version)) = told {
            (self.told, self.version) = (state, version);
        }
    }

    /// Returns what others say of the gate, where that is news and there is none from here.
    pub(super) fn news(&mut self, slice: Slice, own: GateState, now: Timestamp) -> Option<GateState> {
        let gate = slice.gate;
        if self.telling || own != self.told || gate.version < self.version {
            return None;
        }
        // A permit behind a shut gate is for a probe from here, whenever the others may send the next.
        let next_probe = if slice.granted > 0 { now } else { gate.until };
        let state = match gate.shut {
            None => GateState::Open,
            Some(Shut::Limited) if gate.until <= now => GateState::Open,
            Some(Shut::Limited) => GateState::Limited { until: gate.until },
            Some(Shut::Circuit) => GateState::Circuit {
                since: gate.since,
                next_probe,
            },
            Some(Shut::Refused) => GateState::Refused {
                since: gate.since,
                next_probe,
            },
        };
        (self.told, self.version) = (state, gate.version);
        (state != own).then_some(state)
    }
}

/// Says how a gate stands as the store keeps it.
pub(super) fn shared(state: GateState) -> SharedGate {
    let (shut, since, until) = match state {
        GateState::Open => (None, Timestamp::default(), Timestamp::default()),
        GateState::Limited { until } => (Some(Shut::Limited), Timestamp::default(), until),
        GateState::Circuit { since, next_probe } => (Some(Shut::Circuit), since, next_probe),
        GateState::Refused { since, next_probe } => (Some(Shut::Refused), since, next_probe),
    };
    SharedGate {
        shut,
        since,
        until,
        version: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget::new(Share::new(50.0, 10))
    }

    fn slice(granted: u32, gate: SharedGate) -> Slice {
        Slice {
            granted,
            next_in: Duration::ZERO,
            gate,
        }
    }

    #[test]
    fn permits_are_good_for_a_while_from_when_they_were_asked_for() {
        let mut budget = budget();
        assert!(!budget.has_permit());
        assert_eq!(budget.begin_asking(100), Some(4), "more than the budget holds can never be had");
        assert_eq!(budget.begin_asking(100), None, "one at a time");
        let asked = Instant::now();
        budget.receive(Some(slice(2, shared(GateState::Open))), asked);
        assert!(budget.has_permit() && budget.begin_asking(1).is_none());
        budget.use_permit();
        budget.use_permit();
        assert!(!budget.has_permit());
        let late = asked.checked_sub(Duration::from_secs(1)).unwrap();
        budget.receive(Some(slice(2, shared(GateState::Open))), late);
        assert!(!budget.has_permit(), "it was too long on its way");
    }

    #[test]
    fn a_budget_that_gave_less_than_was_wanted_gets_time_to_gain_some() {
        let mut budget = budget();
        let now = Instant::now();
        assert_eq!(budget.begin_asking(2), Some(2));
        budget.receive(Some(slice(2, shared(GateState::Open))), now);
        (0..2).for_each(|_| budget.use_permit());
        assert_eq!(budget.wait(), Some(Duration::ZERO));
        assert_eq!(budget.begin_asking(2), Some(2));
        // So far ahead that the pause cannot be over by now.
        budget.receive(Some(slice(1, shared(GateState::Open))), now + Duration::from_secs(3600));
        budget.use_permit();
        assert!(budget.wait() > Some(Duration::from_secs(60)) && budget.begin_asking(2).is_none());
    }

    #[test]
    fn what_others_say_counts_unless_there_is_news_from_here() {
        let mut budget = budget();
        let now = Timestamp::from_millis(1000);
        let shut = GateState::Circuit {
            since: now,
            next_probe: now.after(Duration::from_secs(1)),
        };
        let heard = |state, version| {
            let gate = SharedGate {
                version,
                ..shared(state)
            };
            slice(0, gate)
        };
        assert_eq!(budget.news(heard(shut, 1), GateState::Open, now), Some(shut));
        assert_eq!(budget.news(heard(shut, 1), shut, now), None, "that is known");
        assert!(budget.begin_telling(GateState::Open, now), "a probe worked");
        assert_eq!(budget.news(heard(shut, 1), GateState::Open, now), None, "they have not heard of it");
        budget.end_telling(Some((GateState::Open, 2)));
        assert_eq!(budget.news(heard(shut, 1), GateState::Open, now), None, "that is old");
        assert_eq!(budget.news(heard(shut, 3), GateState::Open, now), Some(shut));
    }

    #[test]
    fn whoever_gets_the_permit_for_a_probe_need_not_wait_for_the_next() {
        let mut budget = budget();
        let now = Timestamp::from_millis(1000);
        let circuit = |next_probe| GateState::Circuit {
            since: now,
            next_probe,
        };
        let shut = shared(circuit(now.after(Duration::from_secs(10))));
        assert_eq!(budget.news(slice(1, shut), GateState::Open, now), Some(circuit(now)));
        assert_eq!(budget.news(slice(1, shut), circuit(now), now), None, "it is this one's turn still");
        let later = circuit(now.after(Duration::from_secs(10)));
        assert_eq!(budget.news(slice(0, shut), circuit(now), now), Some(later), "another's turn");
    }

    #[test]
    fn the_end_of_a_limit_is_nothing_to_tell() {
        let mut budget = budget();
        let now = Timestamp::from_millis(1000);
        let limited = GateState::Limited {
            until: now.after(Duration::from_secs(1)),
        };
        assert!(budget.begin_telling(limited, now));
        budget.end_telling(Some((limited, 1)));
        assert!(!budget.begin_telling(GateState::Open, now.after(Duration::from_secs(2))));
        let old = SharedGate {
            version: 1,
            ..shared(limited)
        };
        assert_eq!(budget.news(slice(0, old), GateState::Open, now.after(Duration::from_secs(2))), None);
    }
}
