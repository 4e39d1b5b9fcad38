//! JSON read strictly, straight into the values rules work on.
//!
//! Parsers disagree about which of two equal members counts, and whoever signs is not whoever
//! verifies: repeated members are refused at every level (RFC 8259 section 4, RFC 8725 section
//! 2.4). Nesting is bounded, so that nothing that walks a value later needs much stack.

use std::collections::HashMap;
use std::fmt;

use cel::Value;
use cel::objects::{Key, KeyRef, Map};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Levels of objects and arrays, the outermost included.
pub(super) const DEPTH_MAX: usize = 16;

/// Reads one JSON object. Integers that fit become `int`, larger ones `uint`, the rest `double`.
///
/// # Errors
/// Not JSON, not an object, repeated members, too deep, or a number out of range.
pub(super) fn parse_object(bytes: &[u8]) -> Result<Map, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { levels: DEPTH_MAX }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    match value {
        Value::Map(object) => Ok(object),
        _ => Err(serde_json::Error::custom("not an object")),
    }
}

/// The member of that name.
pub(super) fn member<'o>(object: &'o Map, name: &str) -> Option<&'o Value> {
    object.get(&KeyRef::String(name))
}

struct Strict {
    levels: usize,
}

impl Strict {
    fn inner<E: Error>(&self) -> Result<usize, E> {
        self.levels.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        // CEL has no arithmetic between int and uint; one type for all usual numbers lets rules
        // calculate with them.
        Ok(i64::try_from(value).map_or(Value::UInt(value), Value::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let levels = self.inner()?;
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element_seed(Self { levels })? {
            elements.push(element);
        }
        Ok(Value::List(elements.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let levels = self.inner()?;
        let mut members = HashMap::new();
        while let Some(name) = object.next_key::<String>()? {
            let value = object.next_value_seed(Self { levels })?;
            if members.insert(Key::from(name), value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Value::Map(Map { map: members.into() }))
    }
}
