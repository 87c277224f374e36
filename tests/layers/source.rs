//! Rust source cut into the tokens that matter here: comments and literals are gone.

/// A token and the line on which it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Cuts source into names, `::` and single signs.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped(rest);
        let length = match skipped {
            0 => token_length(rest, first),
            _ => skipped,
        };
        let (text, after) = rest.split_at(length);
        if skipped == 0 && !first.is_whitespace() {
            tokens.push(Token {
                text: text.to_owned(),
                line,
            });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

fn token_length(text: &str, first: char) -> usize {
    if is_of_name(first) {
        text.find(|letter| !is_of_name(letter)).unwrap_or(text.len())
    } else if text.starts_with("::") {
        2
    } else {
        first.len_utf8()
    }
}

/// Returns the length of the comment or literal that a text starts with, or 0.
fn skipped(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if let Some(body) = text.strip_prefix('\'') {
        return character(body).map_or(0, |length| length + 1);
    }
    // Letters before a string: b"", r"", br#""#, c"".
    let prefix = text
        .find(|letter: char| !letter.is_ascii_lowercase())
        .unwrap_or(text.len());
    let raw = match &text[..prefix] {
        "" | "b" | "c" => false,
        "r" | "br" | "cr" => true,
        _ => return 0,
    };
    let hashes = if raw {
        text[prefix..].len() - text[prefix..].trim_start_matches('#').len()
    } else {
        0
    };
    let Some(body) = text[prefix + hashes..].strip_prefix('"') else {
        return 0;
    };
    let end = format!("\"{}", "#".repeat(hashes));
    let inner = if raw { body.find(&end) } else { closing(body, '"') };
    inner.map_or(text.len(), |inner| prefix + hashes + 1 + inner + end.len())
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut place = 0;
    while place < text.len() {
        match text.as_bytes().get(place..place + 2) {
            Some(b"/*") => depth += 1,
            Some(b"*/") => depth -= 1,
            _ => {
                place += 1;
                continue;
            }
        }
        place += 2;
        if depth == 0 {
            break;
        }
    }
    place
}

/// Returns the length of a character literal behind its first quote; a lifetime is none.
fn character(body: &str) -> Option<usize> {
    let mut letters = body.chars();
    match letters.next()? {
        '\\' => closing(body, '\'').map(|inner| inner + 1),
        letter if letters.next() == Some('\'') => Some(letter.len_utf8() + 1),
        _ => None,
    }
}

/// Returns where the first quote stands that no backslash escapes.
fn closing(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (place, letter) in body.char_indices() {
        if letter == quote && !escaped {
            return Some(place);
        }
        escaped = letter == '\\' && !escaped;
    }
    None
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[test]
fn comments_and_literals_are_left_out() {
    let table = [
        ("a // crate::b\nc", "a c", "a line's comment"),
        ("//! crate::b\n/// crate::c\nd", "d", "documentation"),
        ("a /* crate::b /* c */ d */ e", "a e", "a nested comment"),
        (r#"a("crate::b \" c", d)"#, "a ( , d )", "a string with an escaped quote"),
        (r##"a(r#"crate::"b"#, c)"##, "a ( , c )", "a raw string"),
        (r#"a(b"\\", br"\", c)"#, "a ( , , c )", "bytes"),
        (
            r"fn a<'b>(c: &'b str, d: '\'', e: '\u{1f}', f: '/', g: 'ä')",
            "fn a < ' b > ( c : & ' b str , d : , e : , f : , g : )",
            "lifetimes are no characters",
        ),
        ("brr::c r#type", "brr :: c r # type", "names that start like strings"),
        ("\"never closed", "", "a string without an end"),
    ];
    for (source, text, why) in table {
        let texts: Vec<_> = tokens(source).into_iter().map(|token| token.text).collect();
        assert_eq!(texts.join(" "), text, "{why}");
    }
    assert_eq!(
        tokens("a\n\n\"\n\"b")[1],
        Token {
            text: "b".to_owned(),
            line: 4
        }
    );
}
