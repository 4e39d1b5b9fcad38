//! Reading the file so that every mistake has a place, and one mistake does not hide the next.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// A value that does not have the form it must have.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Misfit {
    /// The place, such as `auth.jwt.read`; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

/// Reads a value. Enums are written as maps of one key, at every depth.
pub(super) fn read<'de, T: DeserializeOwned>(
    from: impl Deserializer<'de, Error = serde_yaml::Error>,
) -> Result<T, Misfit> {
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(from, &mut track);
    serde_yaml::with::singleton_map_recursive::deserialize(tracked).map_err(|error| {
        let path = track.path().to_string();
        let path = if path == "." { String::new() } else { path };
        // serde_yaml may name a place too, less exactly.
        let message = error.to_string();
        let message = match message.split_once(": ") {
            Some((place, rest)) if !place.contains([' ', '`']) => rest.to_owned(),
            _ => message,
        };
        Misfit { path, message }
    })
}

/// One entry of the file, or what is wrong with its form.
#[derive(Debug)]
pub enum Section<T> {
    /// The entry is well-formed.
    Valid(T),
    /// The entry is not.
    Invalid(Misfit),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_yaml::Value::deserialize(deserializer)?;
        Ok(read(value).map_or_else(Self::Invalid, Self::Valid))
    }
}

/// What an entry has to be, without the room for mistakes.
impl<T: JsonSchema> JsonSchema for Section<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
