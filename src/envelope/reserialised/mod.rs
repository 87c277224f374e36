//! Whether a payload that Svix shows is one that was sent to it: Svix reads what it stores and writes it anew.
//!
//! White space goes, members change their order, and of those that are there twice the last one stays.
//! Numbers keep their digits (observed with svix-server 1.100), or become what `serde_json` makes of them.
//! Each text is written once more in a form of which all that does not matter is gone, in time that grows
//! with its length, without recursion, and in a few bytes for each of its own.

use serde::de::IgnoredAny;

use super::{depth, number, object};

/// The most levels that Svix's parser follows.
const LEVELS: usize = 127;

/// Ends a text or a number; no byte of UTF-8.
const END: u8 = 0xff;

/// Tells whether Svix, asked for what it holds of `ours`, may show `held`. Where it may not, that is another payload.
pub fn same_after_reserialising(held: &[u8], ours: &[u8]) -> bool {
    if held == ours {
        return true;
    }
    let held = rewrite(held, Numbers::AsWritten);
    let may_be = |numbers| rewrite(ours, numbers) == held;
    held.is_some() && (may_be(Numbers::AsWritten) || may_be(Numbers::AsRead))
}

/// Tells whether Svix shows this in place of a payload that it has dropped, or that it cannot parse.
pub fn is_expired_marker(payload: &[u8]) -> bool {
    let members = std::str::from_utf8(payload)
        .ok()
        .and_then(|text| object::members(text).ok());
    matches!(members.as_deref(), Some([only]) if only.key == "expired" && only.value.get() == "true")
}

/// What becomes of numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbers {
    /// Each digit stays.
    AsWritten,
    /// What is no whole number of 64 bits becomes a double.
    AsRead,
}

/// Writes a text in a form that two texts share if and only if they say the same; nothing where it cannot be read.
fn rewrite(json: &[u8], numbers: Numbers) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(json).ok()?;
    if depth::exceeds(text, LEVELS) {
        return None;
    }
    // From here on it is known to be JSON, but for the escapes of its strings.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut form = Form {
        out: Vec::with_capacity(text.len()),
        open: Vec::new(),
        numbers,
    };
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',', ':']);
        let length = match rest.as_bytes() {
            [] => return Some(form.out),
            [b'{', ..] => form.open(Level::object()),
            [b'[', ..] => form.open(Level::Array),
            [b'}' | b']', ..] => form.close(),
            [b'"', ..] => {
                let after = number::after_string(rest.get(1..)?);
                let string = rest.get(..rest.len() - after.len())?;
                form.text(&object::text(string).ok()?);
                string.len()
            }
            _ => {
                let end = rest.find([',', ']', '}', ' ', '\t', '\r', '\n']);
                let literal = rest.get(..end.unwrap_or(rest.len()))?;
                form.literal(literal)?;
                literal.len()
            }
        };
        rest = rest.get(length..)?;
    }
}

/// What has been written so far.
struct Form {
    out: Vec<u8>,
    open: Vec<Level>,
    numbers: Numbers,
}

/// An array or an object that is not closed yet.
enum Level {
    Array,
    Object {
        members: Vec<Member>,
        /// Whether the last of them has its name only.
        is_named: bool,
    },
}

/// Where a member stands in what has been written; it ends where the next one begins.
struct Member {
    start: usize,
    name_end: usize,
}

impl Level {
    const fn object() -> Self {
        Self::Object {
            members: Vec::new(),
            is_named: false,
        }
    }
}

impl Form {
    fn open(&mut self, level: Level) -> usize {
        self.out.push(match level {
            Level::Array => b'[',
            Level::Object { .. } => b'{',
        });
        self.open.push(level);
        1
    }

    fn close(&mut self) -> usize {
        match self.open.pop() {
            Some(Level::Object { members, .. }) => {
                put_in_order(&mut self.out, &members);
                self.out.push(b'}');
            }
            _ => self.out.push(b']'),
        }
        self.end_value();
        1
    }

    /// Writes a member's name, or a text.
    fn text(&mut self, text: &str) {
        let start = self.out.len();
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(END);
        if let Some(Level::Object { members, is_named }) = self.open.last_mut()
            && !*is_named
        {
            *is_named = true;
            members.push(Member {
                start,
                name_end: self.out.len(),
            });
        } else {
            self.end_value();
        }
    }

    /// Writes a number, or a word.
    fn literal(&mut self, literal: &str) -> Option<()> {
        if matches!(literal, "true" | "false" | "null") {
            self.out.extend_from_slice(literal.as_bytes());
        } else {
            let number = match self.numbers {
                Numbers::AsWritten => number::in_one_form(literal),
                Numbers::AsRead => {
                    let read: serde_json::Number = serde_json::from_str(literal).ok()?;
                    number::in_one_form(&read.to_string())
                }
            };
            self.out.push(b'#');
            self.out.extend_from_slice(number.as_bytes());
            self.out.push(END);
        }
        self.end_value();
        Some(())
    }

    fn end_value(&mut self) {
        if let Some(Level::Object { is_named, .. }) = self.open.last_mut() {
            *is_named = false;
        }
    }
}

/// Sorts the members at the end of what has been written by their names, and keeps the last of each name.
fn put_in_order(out: &mut Vec<u8>, members: &[Member]) {
    let Some(first) = members.first() else { return };
    let base = first.start;
    let name = |member: &Member| out.get(member.start..member.name_end).unwrap_or_default();
    if members.is_sorted_by(|one, other| name(one) < name(other)) {
        return;
    }
    let ends = members.iter().skip(1).map(|next| next.start).chain([out.len()]);
    let mut sorted: Vec<(&Member, usize)> = members.iter().zip(ends).collect();
    sorted.sort_by(|(one, _), (other, _)| name(one).cmp(name(other)));
    let unsorted = out.get(base..).unwrap_or_default().to_vec();
    let part = |from: usize, to: usize| unsorted.get(from - base..to - base).unwrap_or_default();
    let named = |member: &Member| part(member.start, member.name_end);
    out.truncate(base);
    for (place, (member, end)) in sorted.iter().enumerate() {
        let is_last = sorted
            .get(place + 1)
            .is_none_or(|(next, _)| named(next) != named(member));
        if is_last {
            out.extend_from_slice(part(member.start, *end));
        }
    }
}

#[cfg(test)]
mod tests;
