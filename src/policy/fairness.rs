//! How many requests an account, and a customer in it, may have under way next to others.
//!
//! Who waits long for answers is held back, not who sends much: what counts against an account are its
//! requests that are slow, and all that it sends before it is seen to answer in time.

use std::time::Duration;

/// For how long something passes for quick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// A batch; after that its thread takes another beside it.
    pub batch: Duration,
    /// A request; after that it is slow.
    pub request: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            batch: Duration::from_millis(50),
            request: Duration::from_secs(1),
        }
    }
}

/// What somebody has under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests.
    pub out: usize,
    /// Those that count against him: slow ones; of an account also those it sent untried.
    pub counted: usize,
}

/// An account that asks whether it may send one more.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    /// What it has under way.
    pub load: Load,
    /// Whether its last answer came in time.
    pub proven: bool,
    /// Whether there are no other accounts.
    pub alone: bool,
}

/// The bounds that follow from how many requests may be under way together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    max: usize,
}

impl Caps {
    /// Finds the bounds where up to `max` may be under way.
    pub fn new(max: usize) -> Self {
        Self { max }
    }

    /// Returns how much of an account's counted requests is held against others: a quarter of all at
    /// most. So an account that falls silent with more under way does not hold up those that are tried.
    pub fn shared(self, counted: usize) -> usize {
        counted.min((self.max / 4).max(1))
    }

    /// Returns how many counted requests still have room: they get half of all. `all` is what is
    /// under way, with the sum of what each account's are held against others.
    pub fn room(self, all: Load) -> usize {
        self.half().saturating_sub(all.counted)
    }

    /// Tells whether an account may send one more. It may have as many counted requests as have room
    /// beside them; an eighth of that, or one, until it answers in time.
    pub fn admits_account(self, all: Load, account: Asking) -> bool {
        let Asking { load, proven, alone } = account;
        if alone {
            return true;
        }
        let room = self.room(all);
        let fits = match (load.counted, proven) {
            (0, proven) => proven || room > 0,
            (counted, true) => counted < room,
            (counted, false) => counted < room / 8,
        };
        self.leaves_some(all, load) && fits
    }

    /// Tells whether a customer of an account may send one more. It may have as many slow requests as
    /// its account has room for beside them.
    pub fn admits_customer(self, all: Load, account: Asking, customer: Load) -> bool {
        let room = if account.alone {
            self.half()
        } else {
            self.room(all)
        };
        let slow_enough =
            customer.counted > 0 && customer.counted >= room.saturating_sub(account.load.counted);
        self.leaves_some(all, customer) && !slow_enough
    }

    fn half(self) -> usize {
        (self.max / 2).max(1)
    }

    /// The last eighth is for those with little under way: a quarter of what is free each.
    fn leaves_some(self, all: Load, own: Load) -> bool {
        let free = self.max.saturating_sub(all.out);
        free > self.max / 8 || own.out < free.div_ceil(4)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Accounts that send as long as they may and are never answered.
    struct Silent {
        caps: Caps,
        loads: Vec<Load>,
    }

    impl Silent {
        fn new(max: usize, accounts: usize) -> Self {
            Self {
                caps: Caps::new(max),
                loads: vec![Load::default(); accounts],
            }
        }

        fn all(&self) -> Load {
            Load {
                out: self.loads.iter().map(|load| load.out).sum(),
                counted: self.loads.iter().map(|load| self.caps.shared(load.counted)).sum(),
            }
        }

        fn may(&self, account: usize, proven: bool) -> bool {
            let alone = self.loads.len() == 1;
            let load = self.loads[account];
            let all = self.all();
            all.out < self.caps.max && self.caps.admits_account(all, Asking { load, proven, alone })
        }

        /// Sends all that an account may. Returns how many are under way for it then.
        fn send(&mut self, account: usize, proven: bool) -> usize {
            while self.may(account, proven) {
                self.loads[account].out += 1;
                self.loads[account].counted += usize::from(!proven);
            }
            self.loads[account].out
        }

        fn grow_slow(&mut self) {
            self.loads.iter_mut().for_each(|load| load.counted = load.out);
        }
    }

    #[test]
    fn an_account_gets_what_it_has_shown_that_it_can_use() {
        let table = [
            (256, 1, false, 256, "one that is alone has nobody to leave anything to"),
            (256, 2, true, 224, "one that answers gets all but the last eighth"),
            (256, 2, false, 14, "one that has not answered gets a few to be tried with"),
            (8, 2, true, 7, "however few there are"),
            (8, 2, false, 1, "and so does the other"),
            (1, 2, true, 1, "of one there is nothing to keep"),
            (1, 2, false, 1, "or to try with"),
        ];
        for (max, accounts, proven, most, why) in table {
            assert_eq!(Silent::new(max, accounts).send(0, proven), most, "{why}: {max}, {proven}");
        }
    }

    #[test]
    fn accounts_that_fall_silent_one_after_the_other_leave_room_for_the_next() {
        let mut silent = Silent::new(256, 14);
        let shares: Vec<usize> = (0..13)
            .map(|account| {
                let out = silent.send(account, true);
                silent.grow_slow();
                out
            })
            .collect();
        assert_eq!(shares, [224, 7, 5, 4, 4, 3, 2, 2, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn many_accounts_find_room_to_be_tried_beside_those_that_never_answer() {
        let mut silent = Silent::new(256, 60);
        let tried = (0..60).filter(|account| silent.send(*account, false) > 0).count();
        assert_eq!((tried, silent.all().out), (35, 128));
    }

    #[test]
    fn a_customer_whose_requests_are_slow_leaves_room_for_its_neighbours() {
        let caps = Caps::new(256);
        let asking = |counted, alone| Asking {
            load: Load {
                out: counted,
                counted,
            },
            proven: true,
            alone,
        };
        let most = |alone| {
            (0..)
                .find(|slow| {
                    let customer = Load {
                        out: *slow,
                        counted: *slow,
                    };
                    let all = Load {
                        out: *slow,
                        counted: caps.shared(*slow),
                    };
                    !caps.admits_customer(all, asking(*slow, alone), customer)
                })
                .unwrap()
        };
        assert_eq!((most(true), most(false)), (64, 43));
        let all = Load { out: 64, counted: 64 };
        assert!(caps.admits_customer(all, asking(64, true), Load::default()), "its neighbour");
    }

    proptest! {
        /// However many accounts are tried and never answer, proven ones find half of all free.
        #[test]
        fn accounts_that_never_answered_hold_half_at_most(
            max in 2usize..600, turns in prop::collection::vec(0usize..40, 0..2000),
        ) {
            let mut silent = Silent::new(max, 40);
            for account in turns {
                if silent.may(account, false) {
                    silent.loads[account].out += 1;
                    silent.loads[account].counted += 1;
                }
                prop_assert!(silent.all().out <= (max / 2).max(1));
            }
            prop_assert!(silent.send(39, true) > 0 || silent.loads[39].counted > 0);
        }

        /// Whatever is under way, whoever answers in time and has nothing under way may send.
        #[test]
        fn one_more_of_who_answers_in_time_finds_what_is_free(
            max in 1usize..600, out in 0usize..600, counted in 0usize..600,
        ) {
            prop_assume!(out < max);
            let all = Load { out, counted: counted.min(out) };
            let idle = Asking { load: Load::default(), proven: true, alone: false };
            prop_assert!(Caps::new(max).admits_account(all, idle));
            prop_assert!(Caps::new(max).admits_customer(all, idle, Load::default()));
        }
    }
}
