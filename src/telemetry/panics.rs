//! Tells of panics as of any other fault: as one line of the log, with what the work was about.

use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicU64, Ordering};

use log::error;

/// What the lines of panics have as their target.
pub(super) const TARGET: &str = "panic";

/// The most of a panic's words that is told, in characters.
const WORDS: usize = 256;

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

/// Leaves out what stands between quotes, and all after so many characters: the words of a panic or of an error may
/// quote what was worked on.
pub(super) fn without_quotes(words: &str, most: usize) -> String {
    let mut text = String::new();
    let mut open: Option<char> = None;
    for character in words.chars().take(most) {
        match open {
            Some(quote) if character == quote => {
                open = None;
                text.push(character);
            }
            Some(_) => {}
            None => {
                text.push(character);
                if matches!(character, '"' | '`') {
                    open = Some(character);
                    text.push('…');
                }
            }
        }
    }
    text
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
            ("called `unwrap` on \"secret", "called `…` on \"…", "cut off"),
        ];
        for (words, told, why) in table {
            assert_eq!(without_quotes(words, WORDS), told, "{why}");
        }
        assert!(without_quotes(&"x".repeat(10_000), WORDS).len() <= WORDS);
    }
}
