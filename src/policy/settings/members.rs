//! Reads the members of an object one by one, and notes everything that is wrong with them.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// Faults that one reading names.
const LISTED: usize = 16;

/// Characters of a caller's text that a fault repeats.
const SHOWN: usize = 64;

/// How the names of members are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// As in JSON: `maxQueued`.
    #[default]
    Camel,
    /// As in the configuration: `max_queued`.
    Snake,
}

impl Spelling {
    /// Spells a name, which is given as in JSON.
    fn of(self, name: &'static str) -> Cow<'static, str> {
        if self == Self::Camel {
            return Cow::Borrowed(name);
        }
        let mut snake = String::with_capacity(name.len() + 4);
        for letter in name.chars() {
            if letter.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        Cow::Owned(snake)
    }
}

/// Something in a document that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// What is wrong there, and what would be right.
    pub detail: String,
}

/// What is wrong with a document, as far as one answer tells.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        if self.0.len() < LISTED {
            self.0.push(Fault {
                pointer: pointer.into(),
                detail: detail.into(),
            });
        }
    }

    /// Returns what was read, where nothing is wrong with it.
    pub(super) fn or<T>(self, read: T) -> Result<T, Vec<Fault>> {
        if self.0.is_empty() { Ok(read) } else { Err(self.0) }
    }
}

/// The members of one object.
pub(super) struct Members<'f> {
    left: Map<String, Value>,
    pointer: String,
    spelling: Spelling,
    known: Vec<Cow<'static, str>>,
    faults: &'f mut Faults,
}

impl<'f> Members<'f> {
    pub(super) fn new(members: Map<String, Value>, faults: &'f mut Faults) -> Self {
        Self::spelled(members, Spelling::Camel, faults)
    }

    pub(super) fn spelled(members: Map<String, Value>, spelling: Spelling, faults: &'f mut Faults) -> Self {
        Self {
            left: members,
            pointer: String::new(),
            spelling,
            known: Vec::new(),
            faults,
        }
    }

    /// Takes a member. One that is null is not there.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Value> {
        let name = self.name(name);
        let value = self.left.remove(&*name).filter(|value| !value.is_null());
        self.known.push(name);
        value
    }

    /// Returns the name of a member as it is written here.
    pub(super) fn name(&self, name: &'static str) -> Cow<'static, str> {
        self.spelling.of(name)
    }

    fn refuse(&mut self, name: &'static str, detail: impl Into<String>) {
        let pointer = format!("{}/{}", self.pointer, self.name(name));
        self.faults.add(pointer, detail);
    }

    /// Tells whether a member is there.
    pub(super) fn has(&self, name: &'static str) -> bool {
        self.left
            .get(&*self.name(name))
            .is_some_and(|value| !value.is_null())
    }

    /// Reads a member that must be there.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Option<T>,
    ) -> Option<T> {
        if !self.has(name) {
            self.refuse(name, "is missing");
        }
        read(self, name)
    }

    /// Reads a member that is made of another type.
    pub(super) fn read<T>(
        &mut self,
        name: &'static str,
        right: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(name)?;
        let read = read(&value);
        if read.is_none() {
            self.refuse(name, format!("is {}; it must be {right}", kind(&value)));
        }
        read
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.read(name, "true or false", Value::as_bool)
    }

    pub(super) fn whole(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let right = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(name, &right, |value| value.as_u64().filter(|number| range.contains(number)))
    }

    pub(super) fn number(&mut self, name: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let right = format!("a number from {} to {}", range.start(), range.end());
        self.read(name, &right, |value| value.as_f64().filter(|number| range.contains(number)))
    }

    /// Reads a text that `check` finds nothing wrong with.
    pub(super) fn text(
        &mut self,
        name: &'static str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Option<String> {
        let text = self.read(name, "a text", |value| value.as_str().map(str::to_owned))?;
        if let Err(detail) = check(&text) {
            self.refuse(name, format!("{} {detail}", shown(&text)));
            return None;
        }
        Some(text)
    }

    /// Reads a list of texts.
    pub(super) fn texts(&mut self, name: &'static str) -> Option<Vec<String>> {
        let read = |value: &Value| {
            let items = value.as_array()?.iter();
            items.map(|item| item.as_str().map(str::to_owned)).collect()
        };
        self.read(name, "a list of texts", read)
    }

    /// Reads an object with members of its own.
    pub(super) fn object<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Members<'_>) -> T,
    ) -> Option<T> {
        let members = self.read(name, "an object", |value| value.as_object().cloned())?;
        let mut members = Members {
            left: members,
            pointer: format!("{}/{}", self.pointer, self.name(name)),
            spelling: self.spelling,
            known: Vec::new(),
            faults: self.faults,
        };
        let read = read(&mut members);
        members.finish();
        Some(read)
    }

    /// Notes what is wrong with a part that others have looked at.
    pub(super) fn fault(&mut self, within: &'static str, detail: impl Into<String>) {
        self.refuse(within, detail);
    }

    /// Refuses whatever has not been read.
    pub(super) fn finish(self) {
        for name in self.left.keys() {
            let pointer = format!("{}/{}", self.pointer, shown(name));
            let (known, nearest) = (self.known.join(", "), self.nearest(name));
            self.faults
                .add(pointer, format!("is not known here; known are {known}; the nearest is {nearest}"));
        }
    }

    /// Returns the known name that is most like this one.
    fn nearest(&self, name: &str) -> &str {
        let name: String = name.chars().take(SHOWN).collect();
        let likeness = |known: &&Cow<'static, str>| {
            strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase())
        };
        let nearest = self
            .known
            .iter()
            .max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        nearest.map_or("none", |nearest| nearest)
    }
}

/// Cuts a caller's text to what a fault may repeat.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_default).collect()
}

/// Says what a value is, without its content where that could be long.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("the text {}", shown(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
