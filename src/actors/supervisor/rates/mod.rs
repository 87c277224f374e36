//! Rates that customers have of their own: who has no permit is passed over until it may have one.
//!
//! A customer's rate holds for all lanes that it has something in. Only those are remembered that have sent lately:
//! whoever has not has a full bucket, unless its rate is in force for too short a time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::budget::Budget;
use super::fair::May;
use crate::domain::Customer;
use crate::policy::Bucket;
use crate::store::{Directory, RateInForce, RateOwner, Slice, SliceRequest};

/// The permits of customers that have a rate of their own.
#[derive(Debug)]
pub(super) struct Rates {
    /// Whether replicas share them.
    shared: bool,
    customers: HashMap<Customer, Paced>,
    /// Those that had something to send and no permit of a rate that replicas share.
    without_permits: Vec<Customer>,
}

/// One customer's permits, which end with the rate they are of.
#[derive(Debug)]
struct Paced {
    since: Instant,
    permits: Permits,
}

#[derive(Debug)]
enum Permits {
    Own(Bucket),
    Shared(Budget),
}

/// A slice that is to be asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) customer: Customer,
    /// Since when the rate is in force that it is of.
    pub(super) since: Instant,
    pub(super) request: SliceRequest,
}

impl Wanted {
    pub(super) fn owner(&self) -> RateOwner {
        RateOwner::Customer(self.customer.clone())
    }
}

impl Rates {
    pub(super) fn new(shared: bool) -> Self {
        Self {
            shared,
            customers: HashMap::new(),
            without_permits: Vec::new(),
        }
    }

    /// Tells whether a customer may send as far as its own rate goes, and when where it may not.
    pub(super) fn may(&mut self, customer: &Customer, rate: Option<RateInForce>, now: Instant) -> May {
        let Some(rate) = rate else { return May::Go };
        match &self.paced(customer, rate).permits {
            Permits::Own(bucket) => match bucket.next_at(now) {
                at if at <= now => May::Go,
                at => May::Paced(Some(at)),
            },
            Permits::Shared(budget) if budget.has_permit() => May::Go,
            // While a slice is on its way, until it is there.
            Permits::Shared(budget) => match budget.wait() {
                Some(Duration::ZERO) => {
                    self.without_permits.push(customer.clone());
                    May::Paced(None)
                }
                wait => May::Paced(wait.map(|wait| now + wait)),
            },
        }
    }

    /// Notes that a request of a customer goes out.
    pub(super) fn use_permit(&mut self, customer: &Customer, now: Instant) {
        match self.customers.get_mut(customer).map(|paced| &mut paced.permits) {
            Some(Permits::Own(bucket)) => bucket.take(now),
            Some(Permits::Shared(budget)) => budget.use_permit(),
            None => {}
        }
    }

    /// Returns how many requests of a customer could go out at once, as far as its share of its own rate goes.
    pub(super) fn permits(&self, customer: &Customer, rate: Option<RateInForce>) -> usize {
        if rate.is_none() {
            return usize::MAX;
        }
        match self.customers.get(customer).map(|paced| &paced.permits) {
            Some(Permits::Shared(budget)) => budget.permits(),
            _ => 0,
        }
    }

    /// Takes the slices that are to be asked for now; `waiting` tells how much a customer has to send.
    pub(super) fn begin_asking(&mut self, mut waiting: impl FnMut(&Customer) -> usize) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        for customer in std::mem::take(&mut self.without_permits) {
            let Some(Paced {
                since,
                permits: Permits::Shared(budget),
            }) = self.customers.get_mut(&customer)
            else {
                continue;
            };
            let Some(want) = budget.begin_asking(waiting(&customer)) else {
                continue;
            };
            let request = SliceRequest {
                want,
                capacity: budget.share().capacity,
                interval_us: budget.share().interval_us,
                probe_wait: Duration::ZERO,
            };
            let since = *since;
            wanted.push(Wanted {
                customer,
                since,
                request,
            });
        }
        wanted
    }

    /// Takes in a slice that was asked for at `asked`; one of a rate that is over is of no use.
    pub(super) fn receive(&mut self, wanted: &Wanted, slice: Option<Slice>, asked: Instant) {
        if let Some(paced) = self.customers.get_mut(&wanted.customer)
            && paced.since == wanted.since
            && let Permits::Shared(budget) = &mut paced.permits
        {
            budget.receive(slice, asked);
        }
    }

    /// Forgets whoever has not sent lately, or has no rate of its own any more.
    pub(super) fn forget_idle(&mut self, directory: &Directory, now: Instant) {
        self.customers.retain(|customer, paced| {
            let is_idle = match &paced.permits {
                Permits::Own(bucket) => bucket.is_full(now),
                Permits::Shared(budget) => budget.is_idle(),
            };
            !is_idle && directory.rate(customer).is_some()
        });
    }

    /// Finds what a customer has of a rate. It starts empty with the rate.
    fn paced(&mut self, customer: &Customer, RateInForce { rate, since }: RateInForce) -> &Paced {
        let shared = self.shared;
        let make = || Paced {
            since,
            permits: match shared {
                true => Permits::Shared(Budget::new(rate.share())),
                false => Permits::Own(rate.bucket(since)),
            },
        };
        let paced = self.customers.entry(customer.clone()).or_insert_with(make);
        if paced.since != since {
            *paced = make();
        }
        paced
    }
}

#[cfg(test)]
mod tests;
