//! What is kept of a text that Svix sent: bounded, printable, without the token.

use super::Account;
use super::wire::Problem;

/// What is kept at most, in bytes.
const KEPT: usize = 1024;

/// Makes a text that can be stored and shown of an answer's body.
pub(super) fn excerpt(body: &[u8], account: &Account) -> String {
    let start = body.trim_ascii_start();
    let head = start.get(..KEPT * 8).unwrap_or(start);
    let words = Problem::read(body).and_then(|problem| problem.words());
    let words = words.unwrap_or_else(|| String::from_utf8_lossy(head).into_owned());
    // Cut after the token is taken out, or a piece of it could be left.
    bounded(account.without_piece(&account.redact(&words)))
}

/// Cuts a text to what is kept, and takes out what would garble a terminal or a log.
pub(super) fn bounded(text: &str) -> String {
    let mut kept = String::new();
    for character in text.trim().chars() {
        let character = if garbles(character) { ' ' } else { character };
        if kept.len() + character.len_utf8() > KEPT {
            break;
        }
        kept.push(character);
    }
    kept
}

/// Tells whether a character breaks a line or turns the direction of a text.
fn garbles(character: char) -> bool {
    let turns =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::AccountName;

    fn account() -> Account {
        let name = AccountName::new("default");
        Account::new(name, String::new(), "s3cret.eu".into(), Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn the_words_of_a_problem_are_kept_and_everything_else_is_cut_to_size() {
        let huge = "x".repeat(1_000_000);
        // The token stands where the text is cut.
        let cut = format!("{}Bearer {}s3cret.eu", " ".repeat(9000), " ".repeat(KEPT * 8 - 7 - 8));
        let table = [
            (
                r#"{"code":"conflict","detail":"A conflict has occurred"}"#,
                "conflict: A conflict has occurred",
            ),
            (
                r#"{"detail":[{"loc":["body","payload"],"msg":"Payload must be an object.","type":"value_error"}]}"#,
                "body.payload: Payload must be an object.",
            ),
            ("<h1>502\nBad Gateway</h1>", "<h1>502 Bad Gateway</h1>"),
            ("no Bearer s3cret.eu here", "no Bearer [token] here"),
            (cut.as_str(), "Bearer"),
            ("a\u{202e}b\u{2028}c", "a b c"),
            ("", ""),
            (huge.as_str(), &huge[..KEPT]),
        ];
        for (body, kept) in table {
            assert_eq!(excerpt(body.as_bytes(), &account()), kept);
        }
    }
}
