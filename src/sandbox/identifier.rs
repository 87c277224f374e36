//! Ids of the form that Svix gives: a prefix and 27 letters and digits that sort by time.
//!
//! The number of the message stands in its id, so that no table from ids to messages is kept.

use super::dice::mix;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const TIME_WIDTH: usize = 8;
const CHANCE_WIDTH: usize = 8;
/// Enough for any 64-bit number.
const NUMBER_WIDTH: usize = 11;
const WIDTH: usize = TIME_WIDTH + CHANCE_WIDTH + NUMBER_WIDTH;

/// Makes the id of the thing with this number, made at `unix_ms`.
pub(super) fn identifier(prefix: &str, seed: u64, unix_ms: i64, number: u64) -> String {
    let mut id = String::with_capacity(prefix.len() + WIDTH);
    id.push_str(prefix);
    push(&mut id, unix_ms.unsigned_abs(), TIME_WIDTH);
    push(&mut id, mix(seed ^ mix(number)), CHANCE_WIDTH);
    push(&mut id, number, NUMBER_WIDTH);
    id
}

/// Reads the number out of an id; that the rest of the id is right remains to be seen.
pub(super) fn number_of(prefix: &str, id: &str) -> Option<u64> {
    let code = id.strip_prefix(prefix)?;
    if code.len() != WIDTH || !code.is_ascii() {
        return None;
    }
    code.get(WIDTH - NUMBER_WIDTH..)?
        .bytes()
        .try_fold(0_u64, |number, byte| {
            let digit = DIGITS.iter().position(|known| *known == byte)?;
            number.checked_mul(62)?.checked_add(digit as u64)
        })
}

fn push(id: &mut String, mut value: u64, width: usize) {
    let mut digits = [b'0'; NUMBER_WIDTH];
    for digit in digits.iter_mut().take(width).rev() {
        *digit = DIGITS[(value % 62) as usize];
        value /= 62;
    }
    id.extend(digits.iter().take(width).map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::{identifier, number_of};

    #[test]
    fn an_id_has_svix_s_form_and_gives_its_number_back() {
        for number in [0, 1, 61, 62, 1_000_000, u64::MAX] {
            let id = identifier("msg_", 7, 1_767_225_600_123, number);
            assert_eq!(id.len(), "msg_".len() + 27);
            assert!(id.bytes().skip(4).all(|byte| byte.is_ascii_alphanumeric()), "{id}");
            assert_eq!(number_of("msg_", &id), Some(number));
        }
    }

    #[test]
    fn ids_sort_by_time() {
        let earlier = identifier("msg_", 7, 1_767_225_600_000, 9);
        let later = identifier("msg_", 7, 1_767_225_600_001, 10);
        assert!(earlier < later);
    }

    #[test]
    fn what_is_no_id_gives_no_number() {
        for text in [
            "",
            "msg_",
            "msg_zzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "evt_1",
            "msg_ä0000000000000000000000000",
        ] {
            assert_eq!(number_of("msg_", text), None, "{text}");
        }
    }
}
