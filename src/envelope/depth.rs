//! How deeply a text nests objects and arrays, found without recursion and before anything parses it.

/// Tells whether objects and arrays are nested in more than `levels` levels.
///
/// The text need not be JSON; what is not is refused by the parser afterwards.
pub(super) fn exceeds(text: &str, levels: usize) -> bool {
    // A text with fewer brackets than levels cannot nest deeper, wherever they stand; counting is
    // a fraction of the cost of following strings and escapes, and settles nearly every event.
    let brackets = text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    brackets > levels && deepest(text) > levels
}

fn deepest(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_outside_of_strings_nest() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let table = [
            (nested(128), false, "as deep as it may be"),
            (nested(129), true, "one level more"),
            (nested(10_000), true, "deep enough to overflow a recursive parser"),
            ("[".repeat(10_000), true, "never closed"),
            ("[]".repeat(200), false, "many, but side by side"),
            (format!("\"{}\"", "[".repeat(200)), false, "brackets in a string"),
            (format!("\"\\\"{}\"", "[".repeat(200)), false, "a string with an escaped quote before them"),
            (format!("\"\\\\\"{}", nested(200)), true, "a string that ends after an escaped backslash"),
            ("]".repeat(200) + &nested(129), true, "closed before it is opened"),
        ];
        for (text, too_deep, why) in table {
            assert_eq!(exceeds(&text, 128), too_deep, "{why}");
        }
    }
}
