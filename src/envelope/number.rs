//! What a JSON number says: one form for all its notations, and whether a double says exactly the same.

/// Numbers as short as this, written without an exponent, always do.
const SHORT: usize = 15;

/// Tells whether every number of a JSON text is exact.
pub(super) fn all_exact(json: &str) -> bool {
    let mut rest = json;
    while let Some(start) = rest.find(|letter: char| letter == '"' || is_of_number(letter)) {
        rest = rest.get(start..).unwrap_or_default();
        if let Some(inner) = rest.strip_prefix('"') {
            rest = after_string(inner);
            continue;
        }
        let end = rest.find(|letter| !is_of_number(letter)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        // The letter e of true and false is no number.
        if run != "e" && !is_exact(run) {
            return false;
        }
        rest = after;
    }
    true
}

/// Writes a number in one form, the same for every notation of it: `-15e3` is 0.15 × 10^3, below zero.
///
/// One whose exponent no machine has stays as it is.
pub(super) fn in_one_form(literal: &str) -> String {
    let power = literal
        .split_once(['e', 'E'])
        .map(|(_, power)| power.parse::<i64>());
    if let Some(Err(_)) = power {
        return literal.replace('E', "e").replace('+', "");
    }
    let Decimal {
        negative,
        digits,
        exponent,
    } = Decimal::of(literal);
    let sign = if negative { "-" } else { "" };
    format!("{sign}{digits}e{exponent}")
}

/// Tells whether a number is the shortest decimal of the double next to it, in whatever notation.
///
/// Two numbers for which this holds are equal as doubles if and only if they are equal.
fn is_exact(literal: &str) -> bool {
    if literal.len() <= SHORT && !literal.contains(['e', 'E']) {
        return true;
    }
    literal
        .parse::<f64>()
        .is_ok_and(|double| double.is_finite() && Decimal::of(literal) == Decimal::of(&format!("{double:e}")))
}

fn is_of_number(letter: char) -> bool {
    letter.is_ascii_digit() || matches!(letter, '+' | '-' | '.' | 'e' | 'E')
}

/// Returns what follows a string, of which `inner` begins behind the opening quotation mark.
pub(super) fn after_string(inner: &str) -> &str {
    let mut escaped = false;
    for (place, byte) in inner.bytes().enumerate() {
        if byte == b'"' && !escaped {
            return inner.get(place + 1..).unwrap_or_default();
        }
        escaped = !escaped && byte == b'\\';
    }
    ""
}

/// A decimal number, the same however it is written: 0.digits × 10^exponent.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn of(literal: &str) -> Self {
        let (negative, unsigned) = match literal.strip_prefix('-') {
            Some(unsigned) => (true, unsigned),
            None => (false, literal),
        };
        let (mantissa, power) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0').to_owned();
        if digits.is_empty() {
            // RFC 8785 writes both zeros alike.
            return Self {
                negative: false,
                digits,
                exponent: 0,
            };
        }
        let place = length(whole).saturating_sub(length(&all).saturating_sub(length(significant)));
        // A power that no machine has belongs to no double, so that any other wrong one will do.
        let power = power.parse::<i64>().unwrap_or(i64::MAX);
        Self {
            negative,
            digits,
            exponent: place.saturating_add(power),
        }
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_exact_where_a_double_says_the_same() {
        let table = [
            ("0", true, "zero"),
            ("-0.000e10", true, "zero, with a sign that RFC 8785 drops"),
            ("1e0", true, "one, in another notation"),
            ("1.50", true, "a zero that says nothing"),
            ("0.1", true, "the shortest decimal of its double"),
            ("0.30000000000000004", true, "seventeen digits that a double needs"),
            ("9007199254740992", true, "2^53"),
            ("9007199254740993", false, "2^53 + 1 is no double"),
            ("-9007199254740993", false, "nor is its negative"),
            ("9007199254740993.0", false, "nor in another notation"),
            ("18446744073709551616", false, "2^64 is one, but shares it with shorter numbers"),
            ("18446744073709552000", true, "the shortest of those"),
            ("0.1000000000000000055511151231257827", false, "more digits than a double keeps"),
            ("1e400", false, "beyond every double"),
            ("1e-400", false, "too small for any but zero"),
            ("5e-324", true, "the smallest double"),
            ("4e-324", false, "another number that is nearest to it"),
            ("1e99999999999999999999", false, "an exponent that no machine has"),
            ("0e99999999999999999999", true, "zero all the same"),
            ("1000000000000000000000000e-24", true, "one, by a detour"),
        ];
        for (literal, exact, why) in table {
            assert_eq!(is_exact(literal), exact, "{literal}: {why}");
        }
    }

    #[test]
    fn only_numbers_outside_of_strings_count() {
        let table = [
            (r#"{"a":[true,false,null,1.5e3]}"#, true, "letters that numbers use as well"),
            (r#"{"9007199254740993":"1e400"}"#, true, "numbers in strings"),
            (r#"{"a\"":"\\","b":"9007199254740993"}"#, true, "strings with escapes before them"),
            (r#"{"a":"\\","b":9007199254740993}"#, false, "a number after such strings"),
            (r#"[true,[1,-9007199254740993]]"#, false, "a number deep inside"),
        ];
        for (json, exact, why) in table {
            assert_eq!(all_exact(json), exact, "{why}");
        }
    }

    proptest! {
        #[test]
        fn every_double_is_exact_as_it_is_written(double in any::<f64>().prop_filter("finite", |d| d.is_finite())) {
            let (short, long) = (format!("{double:e}"), double.to_string());
            prop_assert!(is_exact(&short) && is_exact(&long), "{} {}", short, long);
        }

        #[test]
        fn whole_numbers_that_are_exact_and_equal_as_doubles_are_equal(
            number in 1_u64 << 53..u64::MAX - 2048, more in 1_u64..2048,
        ) {
            let (one, other) = (number.to_string(), (number + more).to_string());
            let equal = one.parse::<f64>() == other.parse::<f64>();
            prop_assert!(!(equal && is_exact(&one) && is_exact(&other)));
        }
    }
}
