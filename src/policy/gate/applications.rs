//! Whether a 404 is an application's own matter, or the account is another organisation's and knows none.

use std::sync::Arc;

use super::LATELY;
use crate::domain::Timestamp;

/// Different applications in a row that may be unknown before it is the account's matter.
const SEVERAL: usize = 3;

/// What Svix said of an account's applications.
#[derive(Clone, Debug, Default)]
pub struct Applications {
    /// The one that the account must know.
    default: Option<Arc<str>>,
    /// The one that Svix last took something for, and when.
    known: Option<(Arc<str>, Timestamp)>,
    /// Those that it did not know since; each once, and no more than matter.
    unknown: Vec<Arc<str>>,
}

impl Applications {
    /// Starts with nothing known, of an account that must know `default`.
    pub fn new(default: Option<Arc<str>>) -> Self {
        Self {
            default,
            ..Self::default()
        }
    }

    /// Returns the one that the account must know.
    pub fn default_one(&self) -> Option<&Arc<str>> {
        self.default.as_ref()
    }

    /// Notes that Svix took something for an application.
    pub fn found(&mut self, application: &Arc<str>, now: Timestamp) {
        self.known = Some((application.clone(), now));
        self.unknown.clear();
    }

    /// Notes that Svix did not know an application. Returns whether that speaks against the account: it was the
    /// default one and nothing was taken for others lately, or one of several with nothing taken between.
    pub fn missed(&mut self, application: &Arc<str>, now: Timestamp) -> bool {
        if self.unknown.len() < SEVERAL && !self.unknown.contains(application) {
            self.unknown.push(application.clone());
        }
        let is_default = self.default.as_ref() == Some(application);
        self.unknown.len() >= SEVERAL || (is_default && !self.knows_another(application, now))
    }

    fn knows_another(&self, application: &Arc<str>, now: Timestamp) -> bool {
        let known = self.known.as_ref();
        known.is_some_and(|(other, at)| other != application && now.since(*at) < LATELY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn app(name: &str) -> Arc<str> {
        name.into()
    }

    #[test]
    fn the_third_application_in_a_row_speaks_against_the_account() {
        let mut applications = Applications::default();
        let mut missed = |name| applications.missed(&app(name), at(0));
        assert_eq!(
            ["a", "a", "b", "a", "c", "a", "d"].map(&mut missed),
            [false, false, false, false, true, true, true]
        );
        applications.found(&app("e"), at(0));
        let mut missed = |name| applications.missed(&app(name), at(3600));
        assert_eq!(["a", "b", "b"].map(&mut missed), [false; 3], "something was taken between");
        assert!(missed("c"), "however long ago");
    }

    #[test]
    fn the_default_one_does_so_at_once_unless_another_works() {
        let mut applications = Applications::new(Some(app("default")));
        assert!(!applications.missed(&app("other"), at(0)));
        assert!(applications.missed(&app("default"), at(0)));
        applications.found(&app("default"), at(1));
        assert!(applications.missed(&app("default"), at(1)), "it was deleted, or the whole organisation was");
        applications.found(&app("other"), at(2));
        assert!(!applications.missed(&app("default"), at(11)));
        assert!(applications.missed(&app("default"), at(12)));
    }
}
