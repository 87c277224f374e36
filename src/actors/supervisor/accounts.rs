//! Accounts beside the operator's own: each gets its lane when something is to go through it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use actix::Context;
use log::{error, info};

use super::SupervisorActor;
use super::lane::Lane;
use crate::actors::messages::{AccountSettings, AccountStatus, OwnAccountError};
use crate::domain::{AccountName, Timestamp};
use crate::policy::GateState;

/// For how long an account that something waited for is shown as missing.
const SHOWN: Duration = Duration::from_secs(5);

/// Missing accounts that are shown.
const NAMED: usize = 100;

/// Why an account is of no use.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    /// It is not set.
    #[error("no account of this name is set")]
    Absent,
    /// What is set cannot be used.
    #[error("{}{}", .0, cause(.0))]
    Broken(#[from] OwnAccountError),
}

/// Says what an error came of, where it came of another.
fn cause(error: &OwnAccountError) -> String {
    std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"))
}

/// Accounts that something waits for and that cannot be used.
#[derive(Debug, Default)]
pub(super) struct Missing(HashMap<AccountName, Absence>);

#[derive(Debug)]
struct Absence {
    since: Timestamp,
    last: Instant,
    why: String,
}

impl Missing {
    fn note(&mut self, name: &AccountName, why: String, now: Timestamp) {
        if self.0.len() >= NAMED && !self.0.contains_key(name) {
            return;
        }
        let absence = self.0.entry(name.clone()).or_insert_with(|| {
            error!(account:% = name, error = why.as_str(), whose = "operator"; "notifications wait for an account that cannot be used");
            Absence {
                since: now,
                last: Instant::now(),
                why: String::new(),
            }
        });
        absence.last = Instant::now();
        absence.why = why;
    }

    /// Returns how those stand that something has waited for lately.
    pub(super) fn statuses(&mut self) -> Vec<AccountStatus> {
        self.0.retain(|_, absence| absence.last.elapsed() < SHOWN);
        let status = |(name, absence): (&AccountName, &Absence)| AccountStatus {
            name: name.clone(),
            gate: GateState::Open,
            in_flight: 0,
            last_failure: Some(absence.why.clone()),
            missing_since: Some(absence.since),
        };
        self.0.iter().map(status).collect()
    }
}

impl SupervisorActor {
    /// Makes sure that an account has its lane. Returns whether it has, and notes why where it has not.
    pub(super) fn has_lane(&mut self, name: &AccountName) -> bool {
        if self.lanes.contains_key(name) && !self.closed.contains(name) {
            return true;
        }
        match self.own_settings(name) {
            Ok(settings) => {
                self.open_lane(name, &settings);
                true
            }
            Err(unusable) => {
                let now = self.around.store.now();
                self.missing.note(name, unusable.to_string(), now);
                false
            }
        }
    }

    /// Takes over what has been changed of accounts; all are looked at where what holds for all has changed.
    pub(super) fn follow_accounts(&mut self, all: bool, ctx: &mut Context<Self>) {
        let mut changed = self.around.store.directory().take_changed_accounts();
        if all {
            changed.extend(self.lanes.keys().cloned());
        }
        for name in changed {
            let is_operators = |settings: &AccountSettings| settings.account.name == name;
            if self.settings.accounts.iter().any(is_operators) {
                continue;
            }
            match self.own_settings(&name) {
                Ok(settings) if self.lanes.contains_key(&name) => self.open_lane(&name, &settings),
                Ok(_) => {}
                Err(Unusable::Absent) => self.close_lane(&name, ctx),
                // Another replica may know a master key that this one does not.
                Err(unusable) => {
                    error!(account:% = name, error:err = unusable, whose = "operator"; "an account cannot be used as it is set now; what stood before holds");
                }
            }
        }
    }

    /// Lets go of the lanes that are closed and have come to their end.
    pub(super) fn remove_closed(&mut self) {
        let lanes = &mut self.lanes;
        self.closed.retain(|name| {
            let is_out = lanes.get(name).is_some_and(|lane| lane.load().out > 0);
            if !is_out {
                lanes.remove(name);
            }
            is_out
        });
    }

    /// Returns how the accounts stand.
    pub(super) fn account_statuses(&mut self) -> Vec<AccountStatus> {
        let missing = self.missing.statuses();
        self.lanes
            .values()
            .map(Lane::status)
            .filter(|status| !missing.iter().any(|missing| missing.name == status.name))
            .chain(missing.iter().cloned())
            .collect()
    }

    fn own_settings(&self, name: &AccountName) -> Result<AccountSettings, Unusable> {
        let known = self.around.store.directory().account(name);
        let known = known.ok_or(Unusable::Absent)?;
        Ok(self.settings.own.settings(name, &known)?)
    }

    fn open_lane(&mut self, name: &AccountName, settings: &AccountSettings) {
        self.closed.remove(name);
        self.missing.0.remove(name);
        match self.lanes.get_mut(name) {
            Some(lane) => lane.reconfigure(settings),
            None => {
                let lane = Lane::new(settings, self.around.store.is_shared());
                self.lanes.insert(name.clone(), lane);
            }
        }
        self.turns.wake(name);
        self.count_again();
    }

    /// Lets nothing more go out through an account. What is under way comes to its end; its lane goes after that.
    fn close_lane(&mut self, name: &AccountName, ctx: &mut Context<Self>) {
        let Some(lane) = self.lanes.get_mut(name) else {
            return;
        };
        info!(account:% = name; "an account was deleted; nothing more goes out through it");
        let back = lane.queues().cut(|_| true);
        if lane.load().out == 0 {
            self.lanes.remove(name);
            self.count_again();
        } else {
            self.closed.insert(name.clone());
        }
        self.put_back(back, ctx);
    }
}
