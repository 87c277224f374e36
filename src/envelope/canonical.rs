//! When two events say the same: RFC 8785 where that loses nothing, else byte for byte.
//!
//! The canonical form knows only doubles, and JSON parsers disagree on names that are there twice.
//! An event with a number that a double does not say exactly, with a repeated name, with half of a
//! surrogate pair, or nested deeper than the parser follows, has no canonical form here: it is the
//! same as another only where every byte is. No such bytes are the canonical form of another event.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::number;
use super::object::Name;

/// Returns `sha256:` and the digest, in hexadecimal, of what the bytes say.
pub fn content_digest(bytes: &[u8]) -> String {
    let digest = match canonical(bytes) {
        Some(canonical) => Sha256::digest(canonical),
        None => Sha256::digest(bytes),
    };
    digest
        .iter()
        .fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Tells whether two texts say the same.
pub fn same_content(one: &[u8], other: &[u8]) -> bool {
    one == other || canonical(one).is_some_and(|canonical_one| canonical(other) == Some(canonical_one))
}

/// Returns the canonical form of a text, or nothing where that would lose something.
fn canonical(bytes: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let tree: Node<'_> = serde_json::from_str(text).ok()?;
    if !number::all_exact(text) {
        return None;
    }
    // Refuses a name that is there twice: the tree has kept both.
    serde_json_canonicalizer::to_vec(&tree).ok()
}

/// A JSON value with every member that the text has; `serde_json::Value` drops repeated ones.
enum Node<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    Array(Vec<Self>),
    Object(Vec<(Name<'a>, Self)>),
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Node::Bool(value))
    }

    // The casts lose nothing in an event whose numbers are exact.
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Node::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Node::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Node::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Object(members))
    }
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Array(elements) => serializer.collect_seq(elements),
            Self::Object(members) => {
                serializer.collect_map(members.iter().map(|(Name(key), value)| (key, value)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn same(one: &str, other: &str) -> bool {
        let same = same_content(one.as_bytes(), other.as_bytes());
        let digests = content_digest(one.as_bytes()) == content_digest(other.as_bytes());
        assert_eq!(same, digests, "the digest and the comparison agree: {one} {other}");
        same
    }

    fn nested(levels: usize, inner: &str) -> String {
        format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn what_says_the_same_is_the_same() {
        let table = [
            (r#"{"a":1,"b":2}"#, r#"{ "b" : 2, "a" : 1 }"#, "order and white space"),
            ("[1,1]", "[1.0,1e0]", "three notations of one number"),
            ("[0]", "[-0]", "both zeros"),
            ("[0.1,1500]", "[1.0e-1,1.5E3]", "fractions and exponents"),
            (r#"{"a":"é/"}"#, r#"{"\u0061":"\u00e9\/"}"#, "escapes"),
            ("[9007199254740993]", "[9007199254740993]", "the same bytes, whatever they hold"),
            (r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#, "the same bytes, though they repeat a name"),
            (&nested(100, "1"), &nested(100, " 1.0 "), "nested as deeply as the parser follows"),
        ];
        for (one, other, why) in table {
            assert!(same(one, other), "{why}");
        }
    }

    #[test]
    fn what_may_say_something_else_is_not_the_same() {
        let deep = nested(10_000, "1");
        let token = r#"{"$serde_json::private::RawValue":"{\"a\":1}"}"#;
        let table = [
            ("[1]", "[2]", "another number"),
            ("[1,2]", "[2,1]", "the order of an array counts"),
            (r#"["1"]"#, "[1]", "a string is no number"),
            (r#"{"a":null}"#, "{}", "null is not nothing"),
            ("[9007199254740993]", "[9007199254740992]", "equal as doubles"),
            ("[9007199254740993.0]", "[9007199254740992]", "equal as doubles, with a fraction"),
            ("[18446744073709551616]", "[18446744073709551617]", "beyond 64 bits"),
            ("[0.1]", "[0.10000000000000000555]", "equal as doubles, though not whole"),
            ("[1e400]", "[2e400]", "beyond every double"),
            ("[1e-400]", "[0]", "nearest to zero"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#, "the last one is not what counts"),
            (r#"{"a":1,"a":2}"#, r#"{"a":1}"#, "nor is the first"),
            (r#"{"x":[{"a":1,"a":2}]}"#, r#"{"x":[{"a":2}]}"#, "nor deeper inside"),
            (r#"{"a":1,"\u0061":2}"#, r#"{"a":2}"#, "nor in disguise"),
            (r#"["\ud800"]"#, r#"["\ufffd"]"#, "half of a surrogate pair is no character"),
            (r#"["é"]"#, r#"["e\u0301"]"#, "Unicode's own equivalence is not JSON's"),
            (token, r#"{"a":1}"#, "a name that the parser uses inside itself"),
            (&deep, &nested(10_000, "2"), "too deep to follow"),
            ("[1", "[2", "not JSON at all"),
        ];
        for (one, other, why) in table {
            assert!(!same(one, other), "{why}");
        }
    }

    #[test]
    fn the_digest_is_that_of_the_canonical_form() {
        let digest = "sha256:43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777";
        assert_eq!(content_digest(br#"{ "b": 2.0, "a": 1 }"#), digest, "sha256 of {{\"a\":1,\"b\":2}}");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..6).prop_map(|map| json!(map)),
            ]
        })
    }

    /// Writes a value with its members in any order and white space anywhere.
    fn write(value: &Value, random: &mut fastrand::Rng, text: &mut String) {
        let mut blank = |text: &mut String| text.push_str(["", " ", "\n\t"][random.usize(..3)]);
        blank(text);
        match value {
            Value::Array(elements) => {
                text.push('[');
                for (place, element) in elements.iter().enumerate() {
                    text.push_str(if place == 0 { "" } else { "," });
                    write(element, random, text);
                }
                text.push(']');
            }
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                random.shuffle(&mut members);
                text.push('{');
                for (place, (key, member)) in members.into_iter().enumerate() {
                    text.push_str(if place == 0 { "" } else { "," });
                    text.push_str(&format!("{} :", json!(key)));
                    write(member, random, text);
                }
                text.push('}');
            }
            Value::Number(number) if random.bool() => text.push_str(&format!("{number}.0")),
            leaf => text.push_str(&leaf.to_string()),
        }
    }

    proptest! {
        #[test]
        fn order_and_white_space_and_notation_say_nothing(value in any_json(), seed in any::<u64>()) {
            let mut text = String::new();
            write(&value, &mut fastrand::Rng::with_seed(seed), &mut text);
            prop_assert!(same(&value.to_string(), &text));
        }

        #[test]
        fn another_value_is_another_content(one in any_json(), other in any_json()) {
            prop_assert_eq!(same(&one.to_string(), &other.to_string()), one == other);
            let (here, there) = (json!({"data": [one, 1]}), json!({"data": [other, 1]}));
            prop_assert_eq!(same(&here.to_string(), &there.to_string()), here == there);
        }

        #[test]
        fn no_bytes_are_too_strange_for_a_digest(bytes in any::<Vec<u8>>()) {
            prop_assert_eq!(content_digest(&bytes).len(), 71);
        }
    }
}
