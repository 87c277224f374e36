//! How many reports there may be: some of each fault, and not too many together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// For how long reports are counted together.
const SPAN: Duration = Duration::from_secs(60);

/// Reports of one place in the code in a span.
const OF_SITE: u32 = 10;

/// Reports in a span.
const OF_ALL: u32 = 100;

/// Where in the code a fault shows: a file and a line of it.
pub(super) type Site = (Cow<'static, str>, u32);

/// Counts reports, of a span at a time.
pub(super) struct Limiter {
    begun: Option<Instant>,
    sites: BTreeMap<Site, u32>,
    all: u32,
}

impl Limiter {
    pub(super) const fn new() -> Self {
        Self {
            begun: None,
            sites: BTreeMap::new(),
            all: 0,
        }
    }

    /// Takes up one report, unless there were too many.
    pub(super) fn may(&mut self, site: Site, now: Instant) -> bool {
        if self
            .begun
            .is_none_or(|begun| now.saturating_duration_since(begun) >= SPAN)
        {
            self.begun = Some(now);
            self.sites.clear();
            self.all = 0;
        }
        if self.all >= OF_ALL {
            return false;
        }
        let of_site = self.sites.entry(site).or_insert(0);
        if *of_site >= OF_SITE {
            return false;
        }
        *of_site += 1;
        self.all += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(line: u32) -> Site {
        ("a.rs".into(), line)
    }

    #[test]
    fn a_storm_of_one_fault_leaves_room_for_others_and_passes_with_its_minute() {
        let mut limiter = Limiter::new();
        let begun = Instant::now();
        let one = (0..1000).filter(|_| limiter.may(site(1), begun)).count();
        assert_eq!(one, 10);
        let others = (2..1000).filter(|line| limiter.may(site(*line), begun)).count();
        assert_eq!(others, 90, "and not too many together");
        assert_eq!(limiter.sites.len(), 91, "what is refused is not remembered");
        assert!(!limiter.may(site(1), begun + SPAN - Duration::from_millis(1)));
        assert!(limiter.may(site(1), begun + SPAN));
    }
}
