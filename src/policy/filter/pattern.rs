//! Patterns of event types: `invoice.*`, `inv*.paid`, `**.test`.

use std::sync::Arc;

use super::settings::FilterSettings;

/// A pattern, checked. `*` stands for one part or for any characters inside of one, `**` for any number of
/// parts, also none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    text: Arc<str>,
}

impl Pattern {
    /// Checks a pattern, or tells what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*');
        if text.is_empty() {
            return Err("a pattern is empty".to_owned());
        }
        if text.len() > FilterSettings::PATTERN_BYTES_MAX {
            return Err(format!("a pattern is longer than {} bytes", FilterSettings::PATTERN_BYTES_MAX));
        }
        if let Some(character) = text.chars().find(|c| !allowed(*c)) {
            return Err(format!(
                "a pattern has letters, digits, \"_\", \"-\", \".\" and \"*\" only, not {character:?}"
            ));
        }
        if text.split('.').any(str::is_empty) {
            return Err("a part between the dots of a pattern is empty".to_owned());
        }
        if text.split('.').any(|part| part != "**" && part.contains("**")) {
            return Err("\"**\" stands for whole parts; inside of a part write \"*\"".to_owned());
        }
        Ok(Self { text: text.into() })
    }

    /// Returns the pattern as it is written.
    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Tells whether an event type matches.
    ///
    /// Of several `**` only the last one met is ever tried again with more parts: what an earlier one could
    /// take, the last one can take as well. So the work is bounded by pattern times type.
    pub(super) fn matches(&self, event_type: &str) -> bool {
        let mut pattern = Some(&*self.text);
        let mut rest = Some(event_type);
        let mut again: Option<(Option<&str>, &str)> = None;
        loop {
            match (pattern.map(next_part), rest) {
                (Some(("**", after)), _) => {
                    pattern = after;
                    again = rest.map(|rest| (after, rest));
                    // A final `**` takes all that is left.
                    if after.is_none() {
                        return true;
                    }
                    continue;
                }
                (Some((part, after)), Some(text)) => {
                    let (own, following) = next_part(text);
                    if part_matches(part, own) {
                        (pattern, rest) = (after, following);
                        continue;
                    }
                }
                (None, None) => return true,
                (None, Some(_)) | (Some(_), None) => {}
            }
            // The last `**` takes one part more.
            let Some((after, from)) = again else { return false };
            let Some(from) = next_part(from).1 else {
                return false;
            };
            again = Some((after, from));
            (pattern, rest) = (after, Some(from));
        }
    }
}

/// Splits off the part before the first dot.
fn next_part(text: &str) -> (&str, Option<&str>) {
    match text.split_once('.') {
        Some((part, rest)) => (part, Some(rest)),
        None => (text, None),
    }
}

/// Tells whether one part matches, where `*` stands for any characters.
fn part_matches(pattern: &str, part: &str) -> bool {
    let Some((prefix, pattern)) = pattern.split_once('*') else {
        return pattern == part;
    };
    let Some(mut part) = part.strip_prefix(prefix) else {
        return false;
    };
    // The first place of each piece between stars is as good as any later one; the last must be at the end.
    let mut pieces = pattern.split('*');
    let suffix = pieces.next_back().unwrap_or_default();
    for piece in pieces {
        match part.find(piece) {
            Some(at) => part = part.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    part.ends_with(suffix)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, any, prop, prop_oneof, proptest};
    use proptest::prop_assert_eq;

    use super::*;

    #[test]
    fn a_pattern_matches_whole_types() {
        let table = [
            ("invoice.paid", "invoice.paid", true, "the same"),
            ("invoice.paid", "invoice.paid.late", false, "more parts"),
            ("invoice.paid", "invoice", false, "fewer parts"),
            ("invoice.*", "invoice.paid", true, "one part"),
            ("invoice.*", "invoice", false, "no part"),
            ("invoice.*", "invoice.paid.late", false, "two parts"),
            ("*", "invoice", true, "one part alone"),
            ("*", "invoice.paid", false, "one part is not two"),
            ("**", "invoice.paid.late", true, "everything"),
            ("**", "", true, "everything, even nothing"),
            ("invoice.**", "invoice", true, "no further part"),
            ("invoice.**", "invoice.a.b.c", true, "many further parts"),
            ("invoice.**", "invoices.a", false, "parts are whole"),
            ("**.test", "test", true, "nothing before"),
            ("**.test", "a.b.test", true, "something before"),
            ("**.test", "a.b.tests", false, "another end"),
            ("a.**.b.**.c", "a.b.c", true, "both empty"),
            ("a.**.b.**.c", "a.x.b.b.y.c", true, "both filled"),
            ("a.**.b.**.c", "a.x.c", false, "the middle is missing"),
            ("**.**", "a", true, "twice everything"),
            ("**.*", "a", true, "at least one part"),
            ("inv*.paid", "invoice.paid", true, "a start"),
            ("inv*", "inv", true, "a start and nothing else"),
            ("*ed", "paid.ed", false, "a star stays in its part"),
            ("*_v2", "user_v2", true, "an end"),
            ("a*b*c", "a1b2b3c", true, "several stars"),
            ("a*a", "a", false, "both ends need a letter of their own"),
            ("Invoice.*", "invoice.paid", false, "case counts"),
            ("a.*", "a.", true, "an empty part is a part"),
        ];
        for (pattern, event_type, matches, why) in table {
            let pattern = Pattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(event_type), matches, "{pattern:?} {event_type}: {why}");
        }
    }

    #[test]
    fn a_bad_pattern_is_refused() {
        let long = "a".repeat(257);
        let table = [
            ("", "empty"),
            (long.as_str(), "too long"),
            ("a..b", "an empty part"),
            (".a", "an empty first part"),
            ("a.", "an empty last part"),
            ("a b", "a space"),
            ("ä", "not ASCII"),
            ("a\0", "a control character"),
            ("a?", "no such wildcard"),
            ("a.**b", "`**` inside of a part"),
            ("***", "three stars"),
        ];
        for (pattern, why) in table {
            assert!(Pattern::parse(pattern).is_err(), "{why}");
        }
        assert!(Pattern::parse(&"a".repeat(256)).is_ok());
    }

    /// The definition, by recursion: slow and plain.
    fn model(pattern: &[&str], parts: &[&str]) -> bool {
        match (pattern, parts) {
            ([], []) => true,
            (["**", rest @ ..], _) => {
                model(rest, parts) || matches!(parts, [_, later @ ..] if model(pattern, later))
            }
            ([first, rest @ ..], [part, later @ ..]) => {
                model_part(first.as_bytes(), part.as_bytes()) && model(rest, later)
            }
            _ => false,
        }
    }

    fn model_part(pattern: &[u8], part: &[u8]) -> bool {
        match (pattern, part) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                model_part(rest, part) || matches!(part, [_, later @ ..] if model_part(pattern, later))
            }
            ([p, rest @ ..], [c, later @ ..]) => p == c && model_part(rest, later),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_means_what_the_model_means(
            pattern in prop::collection::vec(prop_oneof![Just("**".to_owned()), "\\*?[ab]{1,2}\\*?[ab]?", Just("*".to_owned())], 1..6),
            parts in prop::collection::vec("[ab]{0,3}", 1..7),
        ) {
            let pattern = pattern.join(".");
            let event_type = parts.join(".");
            let expected = model(&pattern.split('.').collect::<Vec<_>>(), &event_type.split('.').collect::<Vec<_>>());
            prop_assert_eq!(Pattern::parse(&pattern).unwrap().matches(&event_type), expected, "{} {}", pattern, event_type);
        }

        #[test]
        fn any_text_is_parsed_and_matched_without_a_panic(pattern in any::<String>(), event_type in any::<String>()) {
            if let Ok(pattern) = Pattern::parse(&pattern) {
                pattern.matches(&event_type);
            }
        }

        #[test]
        fn many_wildcards_take_no_exponential_time(stars in 1..60_usize) {
            let pattern = Pattern::parse(&format!("{}end", "**.".repeat(stars))).unwrap();
            let inside = Pattern::parse(&format!("{}b", "*a".repeat(stars))).unwrap();
            prop_assert_eq!(pattern.matches(&"a.".repeat(128)), false);
            prop_assert_eq!(inside.matches(&"a".repeat(256)), false);
        }
    }
}
