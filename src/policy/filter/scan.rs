//! A look over the text of an expression before the parser sees it: what nests or chains deeply would
//! overflow the parser's stack, and what is not closed is told more plainly here.

use super::settings::FilterSettings;

/// Most brackets inside of each other.
const BRACKETS_MAX: usize = 24;

/// Most `!` or `-` in a row.
const SIGNS_MAX: usize = 8;

/// Most `?`, each of which nests in the one before.
const TERNARIES_MAX: usize = 16;

/// Most names, numbers, texts and symbols.
const TOKENS_MAX: usize = 1000;

/// What is wrong, and how many bytes stand before it.
pub(super) type Finding = (usize, String);

/// Tells whether the parser may see the text, or the first thing that is wrong with it.
pub(super) fn scan(text: &str) -> Result<(), Finding> {
    if text.len() > FilterSettings::EXPRESSION_BYTES_MAX {
        let message = format!("the expression is longer than {} bytes", FilterSettings::EXPRESSION_BYTES_MAX);
        return Err((FilterSettings::EXPRESSION_BYTES_MAX, message));
    }
    if text.trim().is_empty() {
        return Err((0, "the expression is empty".to_owned()));
    }
    let mut scan = Scan {
        text,
        at: 0,
        open: Vec::new(),
        signs: 0,
        ternaries: 0,
        tokens: 0,
    };
    while let Some(character) = scan.peek() {
        scan.token(character)?;
    }
    match scan.open.pop() {
        Some((bracket, at)) => Err((at, format!("this \"{bracket}\" is not closed"))),
        None => Ok(()),
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    open: Vec<(char, usize)>,
    signs: usize,
    ternaries: usize,
    tokens: usize,
}

impl Scan<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes characters while they fit.
    fn skip(&mut self, fits: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !fits(c)).unwrap_or(rest.len());
    }

    fn token(&mut self, character: char) -> Result<(), Finding> {
        let start = self.at;
        if matches!(character, ' ' | '\t' | '\r' | '\n') {
            self.at += 1;
            return Ok(());
        }
        if self.rest().starts_with("//") {
            self.skip(|c| c != '\n');
            return Ok(());
        }
        self.tokens += 1;
        if self.tokens > TOKENS_MAX {
            return Err((start, format!("the expression has more than {TOKENS_MAX} parts")));
        }
        if !matches!(character, '!' | '-') {
            self.signs = 0;
        }
        match character {
            '"' | '\'' => self.text_literal(start, false),
            'a'..='z' | 'A'..='Z' | '_' => self.word(start),
            '0'..='9' => {
                self.skip(|c| c.is_ascii_alphanumeric());
                Ok(())
            }
            _ => {
                self.at += character.len_utf8();
                self.symbol(character, start)
            }
        }
    }

    /// Passes a name, or a text with the `r` or `b` before it.
    fn word(&mut self, start: usize) -> Result<(), Finding> {
        self.skip(|c| c.is_ascii_alphanumeric() || c == '_');
        let word = self.text.get(start..self.at).unwrap_or_default();
        let raw = match word {
            "r" | "R" | "br" | "bR" | "Br" | "BR" => true,
            "b" | "B" => false,
            _ => return Ok(()),
        };
        match self.peek() {
            Some('"' | '\'') => self.text_literal(start, raw),
            _ => Ok(()),
        }
    }

    fn text_literal(&mut self, start: usize, raw: bool) -> Result<(), Finding> {
        let not_closed = || (start, "this text is not closed".to_owned());
        let quote = self.peek().unwrap_or('"');
        let triple = self.rest().chars().take_while(|c| *c == quote).count() >= 3;
        let closing: String = std::iter::repeat_n(quote, if triple { 3 } else { 1 }).collect();
        self.at += closing.len();
        loop {
            if self.rest().starts_with(&closing) {
                self.at += closing.len();
                return Ok(());
            }
            let character = self.peek().ok_or_else(not_closed)?;
            match character {
                '\n' | '\r' if !triple => return Err(not_closed()),
                '\t' | '\n' | '\r' => {}
                _ if character.is_control() => return Err((self.at, control(character))),
                _ => {}
            }
            self.at += character.len_utf8();
            if character == '\\' && !raw {
                let escaped = self.peek().ok_or_else(not_closed)?;
                if escaped.is_control() {
                    return Err((self.at, control(escaped)));
                }
                self.at += escaped.len_utf8();
            }
        }
    }

    fn symbol(&mut self, symbol: char, start: usize) -> Result<(), Finding> {
        match symbol {
            '(' | '[' | '{' => {
                self.open.push((symbol, start));
                if self.open.len() > BRACKETS_MAX {
                    return Err((start, format!("more than {BRACKETS_MAX} brackets inside of each other")));
                }
            }
            ')' | ']' | '}' => {
                let opening = match symbol {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                match self.open.pop() {
                    Some((open, _)) if open == opening => {}
                    Some((open, _)) => {
                        return Err((start, format!("\"{symbol}\" cannot close \"{open}\"")));
                    }
                    None => return Err((start, format!("nothing is open that \"{symbol}\" could close"))),
                }
            }
            '!' | '-' => {
                self.signs += 1;
                if self.signs > SIGNS_MAX {
                    return Err((start, format!("more than {SIGNS_MAX} signs in a row")));
                }
            }
            '?' => {
                self.ternaries += 1;
                if self.ternaries > TERNARIES_MAX {
                    return Err((start, format!("more than {TERNARIES_MAX} \"?\"")));
                }
            }
            '.' | ',' | ':' | '+' | '*' | '/' | '%' | '<' | '>' | '=' | '&' | '|' => {}
            _ if symbol.is_control() => return Err((start, control(symbol))),
            _ => return Err((start, format!("{symbol:?} has no meaning outside of a text"))),
        }
        Ok(())
    }
}

fn control(character: char) -> String {
    format!("a control character, {}", character.escape_unicode())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_parser_may_see_is_told_apart() {
        let table = [
            ("a.b > 1 && !c", None, "plain"),
            (r#"'it\'s' == "a\"b" // done ((("#, None, "escapes and a comment"),
            (r"r'\' == 'x'", None, "no escapes in a raw text"),
            ("'''it's\n[''' == r\"\"\"\"\"\"", None, "long texts"),
            ("'[[[' + \"(((\"", None, "brackets in texts"),
            ("'日本' == a", None, "any script in a text"),
            ("", Some(0), "empty"),
            (" \n ", Some(0), "blank"),
            ("a == 'x", Some(5), "a text without an end"),
            ("a == 'x\n'", Some(5), "a line ends a short text"),
            ("a == '\\", Some(5), "ends in an escape"),
            ("b'", Some(0), "bytes without an end"),
            ("f(a[0)", Some(5), "crossed brackets"),
            ("f((a)", Some(1), "not closed"),
            ("a)", Some(1), "closes nothing"),
            ("a\0b", Some(1), "a control character"),
            ("'a\u{1b}'", Some(2), "a control character in a text"),
            ("a == ä", Some(5), "a letter that names do not have"),
            ("@result", Some(0), "an inner name"),
            ("a.`b`", Some(2), "a quoted name"),
        ];
        for (text, at, why) in table {
            assert_eq!(scan(text).err().map(|(at, _)| at), at, "{why}");
        }
    }

    #[test]
    fn what_nests_or_chains_without_end_is_refused() {
        for (piece, why) in [
            ("(", "round"),
            ("[", "square"),
            ("{1:", "curly"),
            ("!", "not"),
            ("- ", "minus"),
            ("a?", "ternaries"),
            ("1+", "a long sum"),
            ("a.", "a long path"),
        ] {
            let text = piece.repeat(2048 / piece.len());
            assert!(scan(&text).is_err(), "{why}");
        }
        assert!(scan(&"a".repeat(2049)).is_err());
    }
}
