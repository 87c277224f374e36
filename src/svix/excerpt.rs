//! What is kept of a text that Svix sent: bounded, printable, without the token.

use super::Account;
use super::wire::Problem;

/// What is kept at most, in bytes.
const KEPT: usize = 1024;

/// Makes a text that can be stored and shown of an answer's body.
pub(super) fn excerpt(body: &[u8], account: &Account) -> String {
    // Cut after the token is taken out, or a piece of it could be left.
    let head = body.get(..KEPT * 8).unwrap_or(body);
    let words = Problem::read(body).and_then(|problem| problem.words());
    let words = words.unwrap_or_else(|| String::from_utf8_lossy(head).into_owned());
    bounded(&account.redact(&words))
}

/// Cuts a text to what is kept, and takes out what would garble a terminal or a log.
pub(super) fn bounded(text: &str) -> String {
    let mut kept = String::new();
    for character in text.trim().chars() {
        let character = if character.is_control() { ' ' } else { character };
        if kept.len() + character.len_utf8() > KEPT {
            break;
        }
        kept.push(character);
    }
    kept
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
            ("", ""),
            (huge.as_str(), &huge[..KEPT]),
        ];
        for (body, kept) in table {
            assert_eq!(excerpt(body.as_bytes(), &account()), kept);
        }
    }
}
