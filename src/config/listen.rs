//! `listen[*]`

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};

use super::text::AddressText;

/// One address to serve on, and what is spoken there. An address alone, as a string, is short for a
/// listener without TLS that speaks HTTP/1.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// The address. Port 0 takes any free port.
    pub address: SocketAddr,
    /// The certificates. None: no TLS.
    pub tls: Option<Tls>,
    /// Speak HTTP/2 too. With TLS clients choose (ALPN), and the default is true; without, they
    /// must know (RFC 9113 section 3.3), and the default is false.
    pub http2: bool,
}

/// TLS of a listener.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificates; of those for the name a client asks for, the first. A client that asks for
    /// another name, or none, gets the first of all.
    pub certificates: Vec<Certificate>,
    /// Only clients with a certificate of one of these authorities are served: a PEM file.
    pub client_ca: Option<PathBuf>,
}

/// A certificate and its key.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// PEM file with the certificate, followed by those that lead to its root.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// An address to serve on, and what is spoken there.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Form {
    /// The address. Port 0 takes any free port.
    #[schemars(with = "AddressText")]
    address: SocketAddr,
    /// The certificates. None: no TLS.
    tls: Option<Tls>,
    /// Speak HTTP/2 too. The default is true with TLS, where clients choose, and false without.
    http2: Option<bool>,
}

impl Listener {
    /// A listener without TLS that speaks HTTP/1.
    #[must_use]
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None, http2: false }
    }
}

impl<'de> Deserialize<'de> for Listener {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Forms)
    }
}

/// Takes both forms.
struct Forms;

impl<'de> Visitor<'de> for Forms {
    type Value = Listener;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an address such as 0.0.0.0:8080, or a map with one")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Listener, E> {
        let address = text.parse();
        address.map(Listener::plain).map_err(|_| E::custom(format!("`{text}` is no IP:PORT")))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listener, A::Error> {
        let Form { address, tls, http2 } = Form::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Listener { http2: http2.unwrap_or(tls.is_some()), address, tls })
    }
}

impl JsonSchema for Listener {
    fn schema_name() -> Cow<'static, str> {
        "Listener".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let forms = [generator.subschema_for::<AddressText>(), generator.subschema_for::<Form>()];
        json_schema!({ "anyOf": forms })
    }
}
