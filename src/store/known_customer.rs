//! What is known of a customer for whom something is set.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use log::{error, warn};

use crate::domain::{Customer, Timestamp};
use crate::policy::{Clause, CustomerSettings, Filter, FilterInput, Verdict};

/// What is set for a customer, and in which version.
#[derive(Debug)]
pub struct KnownCustomer {
    /// What is set.
    pub settings: CustomerSettings,
    /// Which version this is; 0 where a file says so.
    pub version: i64,
    /// Whether what is set cannot be read.
    held: bool,
    /// Made when it is first asked.
    filter: OnceLock<Option<Filter>>,
    failures: AtomicU64,
    last_failure: Mutex<Option<(Timestamp, String)>>,
}

/// How often a filter could not decide, in this process and since it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterFailures {
    /// How often.
    pub count: u64,
    /// When it last could not.
    pub last_at: Timestamp,
    /// Why.
    pub last: String,
}

impl KnownCustomer {
    pub(super) fn new(settings: CustomerSettings, version: i64) -> Arc<Self> {
        Arc::new(Self {
            version,
            ..Self::proposed(settings)
        })
    }

    /// Makes what is known of a customer whose settings cannot be read: nothing of it goes out or comes in.
    pub(super) fn held(version: i64) -> Arc<Self> {
        let paused = CustomerSettings {
            paused: true,
            ..CustomerSettings::default()
        };
        Arc::new(Self {
            version,
            held: true,
            ..Self::proposed(paused)
        })
    }

    /// Tells whether nothing of it goes out or comes in because what is set for it cannot be read.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Makes what would be known of a customer for whom this was set.
    #[must_use]
    pub fn proposed(settings: CustomerSettings) -> Self {
        Self {
            settings,
            version: 0,
            held: false,
            filter: OnceLock::new(),
            failures: AtomicU64::new(0),
            last_failure: Mutex::new(None),
        }
    }

    /// Asks the customer's filter about an event, where there is one. One that cannot be made lets everything
    /// through: it was made by a later version of this service, for they are tried when they are written.
    pub fn ask(&self, event: &FilterInput<'_>) -> Option<Verdict> {
        let settings = &self.settings.filter;
        if settings.is_empty() {
            return None;
        }
        let make = || match Filter::compile(settings) {
            Ok(filter) => Some(filter),
            Err(errors) => {
                let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
                error!(customer = event.customer, error:% = errors.join("; "), whose = "customer"; "a customer's filter cannot be used; all its events pass");
                None
            }
        };
        let filter = self.filter.get_or_init(make).as_ref();
        filter.map(|filter| filter.decide(event))
    }

    /// Counts a verdict that came of a failure, and tells of the first, the tenth, the hundredth, and so on.
    pub fn note(&self, customer: &Customer, verdict: &Verdict, now: Timestamp) {
        let Clause::Failed(failure) = &verdict.clause else {
            return;
        };
        let count = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if count
            .checked_ilog10()
            .is_some_and(|digits| count == 10_u64.pow(digits))
        {
            warn!(customer:%, count, error:% = failure; "a customer's filter cannot decide; such events pass");
        }
        let mut last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((now, failure.to_string()));
    }

    /// Returns how often its filter could not decide, where it ever could not.
    pub fn filter_failures(&self) -> Option<FilterFailures> {
        let last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        let (last_at, last) = last.clone()?;
        Some(FilterFailures {
            count: self.failures.load(Ordering::Relaxed),
            last_at,
            last,
        })
    }
}
