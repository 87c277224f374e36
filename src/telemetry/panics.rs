//! Tells of panics as of any other fault: as one line of the log, with what the work was about.

use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicU64, Ordering};

use log::error;

/// What the lines of panics have as their target.
pub(super) const TARGET: &str = "panic";

/// The most of a panic's words that is told, in characters.
const WORDS: usize = 256;

/// What may quote.
const QUOTES: [char; 2] = ['"', '`'];

/// How words begin that the standard library says of itself: these quote nothing.
const STANDARD: [&str; 5] = [
    "called `Result::unwrap()` on an `Err` value",
    "called `Result::unwrap_err()` on an `Ok` value",
    "called `Option::unwrap()` on a `None` value",
    "assertion `left == right` failed",
    "assertion `left != right` failed",
];

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Tells of panics in the log from now on, in place of standard error.
pub fn watch_panics() {
    panic::set_hook(Box::new(tell));
}

/// Returns how many panics there were since the process started.
pub fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

fn tell(panic: &PanicHookInfo<'_>) {
    PANICS.fetch_add(1, Ordering::Relaxed);
    let thread = std::thread::current();
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let payload = panic.payload();
    let words = payload.downcast_ref::<&str>().copied();
    let words = words.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    error!(
        target: TARGET, thread = thread.name().unwrap_or("unnamed"), location, panic = without_quotes(words.unwrap_or_default(), WORDS);
        "something panicked: a fault of the service"
    );
}

/// Leaves out all from the first quote to the last, and all after so many characters: the words of a panic or of an
/// error may quote what was worked on. That may have quotes of both kinds in it itself, so none in between ends
/// anything; and where the last one may have lost its partner, all is left out to the end.
pub(super) fn without_quotes(words: &str, most: usize) -> String {
    let is_cut = words.chars().nth(most).is_some();
    let words: String = words.chars().take(most).collect();
    let standard = STANDARD.iter().find(|start| words.starts_with(**start));
    let (standard, rest) = words.split_at(standard.map_or(0, |start| start.len()));
    let quotes: Vec<(usize, &str)> = rest.match_indices(QUOTES).collect();
    let (Some((first, quote)), Some((last, kind))) = (quotes.first(), quotes.last()) else {
        return words;
    };
    let before = rest.split_at(*first).0;
    let is_bare = |at: usize| !rest.split_at(at).0.ends_with('\\');
    let bare = quotes
        .iter()
        .filter(|(at, of)| of == kind && is_bare(*at))
        .count();
    let is_open = is_cut || bare == 0 || bare % 2 == 1;
    match is_open {
        true => format!("{standard}{before}{quote}…"),
        false => format!("{standard}{before}{quote}…{quote}{}", rest.split_at(last + 1).1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_quotes_is_not_told() {
        let table = [
            ("index out of bounds: the len is 3", "index out of bounds: the len is 3", "nothing quoted"),
            (
                "end byte index 2 is inside 'é' of `{\"card\":\"42\"}`",
                "end byte index 2 is inside 'é' of `…`",
                "a payload",
            ),
            (
                "called `Result::unwrap()` on an `Err` value: \"{\\\"card\\\":\\\"42\\\"}\"",
                "called `Result::unwrap()` on an `Err` value: \"…\"",
                "escaped quotes",
            ),
            (
                "called `Option::unwrap()` on a `None` value",
                "called `Option::unwrap()` on a `None` value",
                "what it always says",
            ),
            (
                "assertion `left == right` failed\n  left: \"{\\\"card\\\":42}\"\n right: \"{\\\"card\\\":43}\"",
                "assertion `left == right` failed\n  left: \"…\"",
                "two documents",
            ),
            (
                "invalid type: string \"4\\\"2\", expected u8 at line 1 column 5",
                "invalid type: string \"…\", expected u8 at line 1 column 5",
                "a value",
            ),
            ("unknown field `4`, expected `a` or `b` here", "unknown field `…` here", "a name"),
            ("unknown field `4`2`, expected `a` or `b` here", "unknown field `…", "a name with a quote"),
            ("no `a\"b` 42 \"c`d\" is left", "no `…", "both kinds within each other"),
            ("a \"4`2\" and `4\"2` then", "a \"…", "one of each kind in the other"),
            ("a `x` is not \"4`2\" at all", "a `…` at all", "one kind within the other"),
            ("it is `odd` on \"42", "it is `…", "no end"),
            ("\"a\" is not \"b\\\"42", "\"…", "no end, with an escaped quote"),
            ("it is \\\"42", "it is \\\"…", "an escaped quote only"),
        ];
        for (words, told, why) in table {
            assert_eq!(without_quotes(words, WORDS), told, "{why}");
            assert_eq!(without_quotes(told, WORDS), told, "{why}, again");
        }
        assert!(without_quotes(&"x".repeat(10_000), WORDS).len() <= WORDS);
        let huge = format!("it is \"{{\\\"a\\\": {}\"", "4".repeat(10_000));
        assert_eq!(without_quotes(&huge, WORDS), "it is \"…", "the quote that is left is not the last");
    }
}
