//! What a file refers to inside the crate, each path spelled from the crate's root on.

use super::source::{Token, tokens};

/// A path of the crate that a file names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// From the root on, without `crate`; ends in `*` for a glob.
    pub(crate) path: Vec<String>,
    /// Where it is named.
    pub(crate) line: usize,
}

/// Finds every path that starts with `crate`, `super` or `self`, or with the library's own name.
pub(crate) fn references(source: &str, module: &[String]) -> Vec<Reference> {
    let mut reader = Reader {
        tokens: tokens(source),
        at: 0,
        found: Vec::new(),
    };
    // The modules that are written inside the file, each with the number of brackets around it.
    let mut inner: Vec<(String, usize)> = Vec::new();
    let mut brackets = 0;
    while let Some(token) = reader.next() {
        match token.as_str() {
            "{" => brackets += 1,
            "}" => {
                brackets -= 1;
                inner.pop_if(|(_, outside)| *outside == brackets);
            }
            "mod" if reader.peek(1) == "{" => inner.push((reader.peek(0).to_owned(), brackets)),
            "crate" | "svix_hooks" if reader.peek(0) == "::" => reader.tree(&[]),
            "self" | "super" if reader.peek(0) == "::" => {
                let mut base = module.to_vec();
                base.extend(inner.iter().map(|(name, _)| name.clone()));
                if token == "super" {
                    base.pop();
                }
                reader.tree(&base);
            }
            _ => {}
        }
    }
    reader.found
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    found: Vec<Reference>,
}

impl Reader {
    fn next(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token.text.clone())
    }

    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| &token.text)
    }

    /// Reads what follows a path's beginning: `::a::b`, `::{a, b::c}`, `::*` or nothing.
    fn tree(&mut self, base: &[String]) {
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let mut path = base.to_vec();
        while self.peek(0) == "::" {
            match self.peek(1) {
                "{" => {
                    self.at += 2;
                    return self.branches(&path);
                }
                name if name == "*" || is_name(name) => path = below(&path, name),
                // A turbofish.
                _ => break,
            }
            self.at += 2;
        }
        self.found.push(Reference { path, line });
    }

    /// Reads the branches of a tree up to the bracket that closes it.
    fn branches(&mut self, base: &[String]) {
        while let Some(token) = self.next() {
            match token.as_str() {
                "}" => return,
                "," => {}
                "as" => self.at += 1,
                "self" => self.tree(base),
                name => self.tree(&below(base, name)),
            }
        }
    }
}

fn below(path: &[String], name: &str) -> Vec<String> {
    let mut path = path.to_vec();
    if name == "super" {
        path.pop();
    } else {
        path.push(name.to_owned());
    }
    path
}

fn is_name(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<String> {
        let module = ["http".to_owned(), "stats".to_owned()];
        references(source, &module)
            .into_iter()
            .map(|reference| reference.path.join("::"))
            .collect()
    }

    #[test]
    fn every_way_to_name_a_path_is_seen() {
        let table: [(&str, &[&str], &str); 17] = [
            ("use crate::a::B;", &["a::B"], "a plain import"),
            ("pub(crate) use crate::a::B as C;", &["a::B"], "a renamed one"),
            ("use crate::{a, b::c};", &["a", "b::c"], "several"),
            (
                "use crate::a::{self, b::{C, D as E}, f::*,};",
                &["a", "a::b::C", "a::b::D", "a::f::*"],
                "nested",
            ),
            ("use {crate::a, crate::b};", &["a", "b"], "the root inside of brackets"),
            ("use crate::*;", &["*"], "everything"),
            ("use crate::{*};", &["*"], "everything, in brackets"),
            ("use ::svix_hooks::a;", &["a"], "the library's own name"),
            ("fn f() { crate::a::g::<u8>(crate::b::C) }", &["a::g", "b::C"], "inline"),
            ("macro_rules! m { () => { $crate::a::B } }", &["a::B"], "in a macro"),
            ("#[serde(with = \"x\")] struct S(crate :: a :: B);", &["a::B"], "with white space"),
            ("use super::a;", &["http::a"], "a sibling"),
            ("use self::a; use super::super::b::c;", &["http::stats::a", "b::c"], "up to the root"),
            ("use super::{super::b, a};", &["b", "http::a"], "up behind a bracket"),
            (
                "mod tests { use super::a; mod m { use super::super::a; } } use super::b;",
                &["http::stats::a", "http::stats::a", "http::b"],
                "modules inside of the file",
            ),
            (
                "mod tests { fn f() { if x {} } use super::super::a; }",
                &["http::a"],
                "with brackets of their own",
            ),
            (
                "// crate::a\nconst A: &str = \"crate::b\"; pub(crate) fn f(self) {} mod c; pub(super) fn g() {}",
                &[],
                "what only looks like one",
            ),
        ];
        for (source, paths, why) in table {
            assert_eq!(found(source), paths, "{why}");
        }
    }

    #[test]
    fn a_reference_knows_its_line() {
        let lines: Vec<_> = references("//! x\n\nuse crate::a;\n", &[])
            .iter()
            .map(|found| found.line)
            .collect();
        assert_eq!(lines, [3]);
    }
}
