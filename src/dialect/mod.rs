//! Wire protocols: how clients ask, how they are answered, how they are refused. Pure.
//!
//! A dialect turns a request into a [`Call`], in words no protocol owns, and an [`Outcome`] or a
//! [`Kind`] back into its own shape. It knows no bucket, no key and no clock.

// A new kind of refusal must be answered by every dialect.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod chainloop;

use std::time::Duration;

use http::request::Parts;

use crate::bucket::object::ObjectHead;
use crate::content::ContentId;
use crate::error::{Error, Kind};
use crate::reply::{Portion, Reply, Visibility};

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// The bytes of a content (GET).
    Download(ContentId),
    /// The same without the bytes (HEAD).
    Describe(ContentId),
}

impl Call {
    /// The content the call is about.
    #[must_use]
    pub const fn content(&self) -> &ContentId {
        match self {
            Self::Download(content) | Self::Describe(content) => content,
        }
    }
}

/// What the gateway has for the client.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// A URL of storage that needs no further credential.
    Redirect {
        /// The URL: its scheme and host are the operator's, everything else is percent-encoded.
        url: &'a str,
        /// How long URL and authorization are good for, whichever ends first.
        life: Duration,
    },
    /// The object, or part of it; its bytes follow unless the call only describes it.
    Object {
        /// The object.
        object: &'a ObjectHead,
        /// The part of it.
        portion: Portion,
        /// Who may cache it.
        visibility: Visibility,
    },
    /// The client has the bytes already.
    NotModified(Visibility),
}

/// One wire protocol. Implementations are pure: everything they need is an argument.
pub trait Dialect: Send + Sync + 'static {
    /// The name in metrics and logs.
    fn name(&self) -> &'static str;

    /// The query parameter that may carry the credential where `Authorization` is absent.
    fn credential_parameter(&self) -> Option<&'static str>;

    /// Reads a request; `rest` is the path below the route's prefix, as the client sent it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] or [`Error::MethodNotAllowed`].
    fn parse(&self, head: &Parts, rest: &str) -> Result<Call, Error>;

    /// The answer to a call.
    fn answer(&self, head: &Parts, call: &Call, outcome: &Outcome<'_>) -> Reply;

    /// The refusal of a request. `message` may be shown to the client; it can be empty.
    fn refuse(&self, head: &Parts, kind: Kind, message: &str) -> Reply;
}
