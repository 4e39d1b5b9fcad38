//! Values that are written as text: how they are read, and what the schema says of their form.
//!
//! The patterns are a little narrower than what is read: no blanks inside of a number, a digit on
//! both sides of a point.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Durations as people write them: `30s`, `5m`, `1h 30m`. For serde's `with` on a
/// [`Duration`].
pub(super) enum DurationText {}

impl DurationText {
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text)
            .map_err(|error| D::Error::custom(format!("`{text}` is no duration: {error}")))
    }

    /// For the defaults in the schema.
    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*time))
    }
}

impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let unit = "nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds?|secs?|s|minutes?|mins?|m\
                    |hours?|hrs?|h|days?|d|weeks?|wks?|w|months?|M|years?|yrs?|y";
        json_schema!({
            "type": "string",
            "pattern": format!(r"^(0|\s*([0-9]+(\.[0-9]+)?\s*({unit})\s*)+)$"),
            "examples": ["30s", "5m", "1h 30m"],
        })
    }
}

/// Sizes in bytes: `64KiB`, `8MB`, or a number. For the schema of [`bytesize::ByteSize`].
pub(super) enum SizeText {}

impl JsonSchema for SizeText {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "pattern": r"^([0-9]+|[0-9]+(\.[0-9]+)?\s*([bB]|[kKmMgGtTpPeE][iI]?[bB]?))$",
            "minimum": 0,
            "examples": ["64KiB", "8MiB"],
        })
    }
}

/// An IP address and a port. For the schema of [`std::net::SocketAddr`].
pub(super) enum AddressText {}

impl JsonSchema for AddressText {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9a-fA-F:.]+(%[0-9]+)?\]):[0-9]{1,5}$",
            "examples": ["0.0.0.0:8080", "[::]:8080"],
        })
    }
}

/// An IP address and the length of a prefix. For the schema of [`ipnet::IpNet`], whose own one
/// takes no IPv4 networks: to it they are IPv6 networks too.
pub(super) enum NetworkText {}

impl JsonSchema for NetworkText {
    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)/[0-9]{1,3}$",
            "examples": ["10.0.0.0/8", "fd00::/8"],
        })
    }
}
