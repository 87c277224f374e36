//! Secrets at rest: sealed under master keys that come from the configuration and are never stored.
//!
//! Every key of the ring opens, the first one seals, so that a new one is put in front, everything is sealed
//! anew, and the old one leaves.

mod key;
mod owner;
mod ring;
mod sealed;
mod tokens;

pub use key::{KeyId, MasterKey, MasterKeyError, NoRandom};
pub use owner::Owner;
pub use ring::{KeyRing, KeyRingError, SecretError};
pub use sealed::Sealed;
pub use tokens::{EARLIER_TOKENS, Tokens};

use secrecy::{ExposeSecret, SecretString};

/// How many characters of a secret are shown at most.
const SHOWN: usize = 4;

/// Returns the last characters of a secret, by which people tell one from another: four at most, and no more than a
/// quarter of it.
pub fn last_four(secret: &SecretString) -> String {
    let characters: Vec<char> = secret.expose_secret().chars().collect();
    let shown = SHOWN.min(characters.len() / 4);
    let last = characters.iter().skip(characters.len() - shown);
    "…".chars().chain(last.copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_secret_only_its_end_is_shown() {
        let table = [
            ("sk_abcdefghijklmnop.eu", "…p.eu", "four of many"),
            ("abcdefgh", "…gh", "a quarter of eight"),
            ("abc", "…", "nothing of three"),
            ("", "…", "nothing of nothing"),
            ("ÄÖÜäöüßéèêëñ", "…êëñ", "characters, not bytes"),
        ];
        for (secret, shown, why) in table {
            assert_eq!(last_four(&SecretString::from(secret)), shown, "{why}");
        }
    }
}
