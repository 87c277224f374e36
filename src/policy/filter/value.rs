//! An event's JSON as values of an expression, borrowed from the text where it has no escapes; what the
//! expression does not read is passed over.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::failure::{FilterFailure, excerpt};
use super::reads::Reads;

/// Most values of an event; each takes some eighty bytes.
const VALUES_MAX: usize = 100_000;

/// Most slots that are made ready before their values are seen.
const READY_MAX: usize = 64;

/// Reads what is wanted of an object. Of members of the same name the last one counts.
pub(super) fn object<'a>(json: &'a [u8], reads: &Reads) -> Result<CelMap<'a>, FilterFailure> {
    let left = Cell::new(VALUES_MAX);
    let mut reader = serde_json::Deserializer::from_slice(json);
    reader
        .deserialize_map(Object(Values { left: &left, reads }))
        .and_then(|object| reader.end().map(|()| object))
        .map_err(|error| FilterFailure::Unreadable(excerpt(&error.to_string())))
}

/// Reads values, and counts them.
#[derive(Clone, Copy)]
struct Values<'c> {
    left: &'c Cell<usize>,
    reads: &'c Reads,
}

/// Reads a value that must be an object.
struct Object<'c>(Values<'c>);

/// Reads the name of a member.
struct Name;

type Boxed<'de> = Box<dyn Val + 'de>;

impl Values<'_> {
    fn count<E: Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.unwrap_or_default());
        left.map(drop)
            .ok_or_else(|| E::custom(format_args!("it has more than {VALUES_MAX} values")))
    }

    fn members<'de, A: MapAccess<'de>>(self, mut access: A) -> Result<CelMap<'de>, A::Error> {
        let mut members: HashMap<CelMapKey<'de>, Boxed<'de>> = HashMap::new();
        while let Some(name) = access.next_key_seed(Name)? {
            match self.reads.member(name.inner()) {
                Some(reads) => {
                    let value = access.next_value_seed(Self { reads, ..self })?;
                    members.insert(CelMapKey::String(name), value);
                }
                None => drop(access.next_value::<IgnoredAny>()?),
            }
        }
        Ok(CelMap::from(members))
    }
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = Boxed<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = Boxed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Box::new(CelNull))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Box::new(CelBool::from(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Box::new(CelInt::from(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(match i64::try_from(value) {
            Ok(value) => Box::new(CelInt::from(value)),
            Err(_) => Box::new(CelUInt::from(value)),
        })
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Box::new(CelDouble::from(value)))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Box::new(CelString::from(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Box::new(CelString::from(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items: Vec<Boxed<'de>> = Vec::with_capacity(access.size_hint().unwrap_or(0).min(READY_MAX));
        let whole = Self {
            reads: Reads::WHOLE,
            ..self
        };
        while let Some(item) = access.next_element_seed(whole)? {
            items.push(item);
        }
        Ok(Box::new(CelList::from(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
        Ok(Box::new(self.members(access)?))
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = CelMap<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
        self.0.members(access)
    }
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = CelString<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = CelString<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(CelString::from(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(CelString::from(name.to_owned()))
    }
}
