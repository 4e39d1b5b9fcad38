//! What one build tool does differently from another.

use http::StatusCode;

use crate::auth::Carriage;
use crate::content::digest::Sha256Digest;
use crate::content::entry::{Entry, EntryName};
use crate::error::Error;

/// The longest name of Gradle's and Nx's, in bytes. Gradle's have 32, Nx's 20.
const NAME_BYTES_MAX: usize = 128;

/// A build tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Bazel's `--remote_cache=http`: `ac/{digest}` and `cas/{digest}`.
    Bazel,
    /// Gradle's `HttpBuildCache`: `{key}`.
    Gradle,
    /// Nx's self-hosted remote cache: `v1/cache/{hash}`.
    Nx,
    /// sccache's WebDAV storage: `a/b/c/abc...`.
    Sccache,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Bazel, Self::Gradle, Self::Nx, Self::Sccache];

    /// The name in metrics, logs and configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bazel => "bazel",
            Self::Gradle => "gradle",
            Self::Nx => "nx",
            Self::Sccache => "sccache",
        }
    }

    /// Where the token can be.
    pub(super) const fn carriage(self) -> Carriage {
        match self {
            // Gradle knows nothing else than Basic, and the other two let users choose.
            Self::Bazel | Self::Gradle | Self::Sccache => Carriage::BearerOrBasic,
            Self::Nx => Carriage::Bearer,
        }
    }

    /// Where users of the tool put the token.
    pub(super) const fn token_place(self) -> &'static str {
        match self {
            Self::Bazel => "the password in --remote_cache, or --remote_header",
            Self::Gradle => "the password of the build cache's credentials",
            Self::Nx => "NX_SELF_HOSTED_REMOTE_CACHE_ACCESS_TOKEN",
            Self::Sccache => "SCCACHE_WEBDAV_TOKEN",
        }
    }

    /// The value of `Allow`.
    pub(super) const fn methods(self) -> &'static str {
        match self {
            Self::Bazel | Self::Gradle | Self::Nx => "GET, HEAD, PUT",
            Self::Sccache => "GET, HEAD, MKCOL, PROPFIND, PUT",
        }
    }

    /// The status that says that there is an entry already which no other replaces.
    ///
    /// Nx expects 409 for that. The others would take it for a failure: Gradle would not use the
    /// cache for the rest of the build, and sccache, whose `.sccache_check` is there from its second
    /// start on, would not write any more. They have what they want: there is an entry.
    pub(super) const fn already_there(self) -> StatusCode {
        match self {
            Self::Nx => StatusCode::CONFLICT,
            Self::Bazel | Self::Gradle | Self::Sccache => StatusCode::OK,
        }
    }

    /// Whether an entry can have this name, which in most cases is the path below the route's.
    pub(super) fn stores(self, name: &str) -> bool {
        match self {
            Self::Bazel => bazel(name).is_some(),
            Self::Gradle => gradle(name).is_some(),
            Self::Nx => nx_hash(name).is_some(),
            Self::Sccache => opaque(name).is_some(),
        }
    }

    /// The entry at a path below the route's.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`]: the tool has no such names.
    pub(super) fn entry(self, rest: &str) -> Result<Entry, Error> {
        let (entry, expected) = match self {
            Self::Bazel => {
                (bazel(rest), "expected ac/ or cas/ and 64 lower-case hexadecimal digits")
            }
            Self::Gradle => (gradle(rest), "expected a key of 1 to 128 letters and digits"),
            Self::Nx => {
                (nx(rest), "expected v1/cache/ and a hash of 1 to 128 letters, digits, _ and -")
            }
            Self::Sccache => (opaque(rest), "expected a path of letters, digits, '.', _ and -"),
        };
        entry.ok_or(Error::InvalidRequest(expected.into()))
    }
}

/// A name in `cas` says what the bytes are: `--digest_function` is SHA-256, which is the default.
/// One in `ac` is that of an action, and its entry says what came of it.
fn bazel(rest: &str) -> Option<Entry> {
    let (store, hex) = rest.split_once('/')?;
    let digest = Sha256Digest::parse_hex(hex).ok()?;
    let name = EntryName::parse(rest).ok()?;
    match store {
        "ac" => Some(Entry::opaque(name)),
        "cas" => Some(Entry::of_digest(name, digest)),
        _ => None,
    }
}

fn gradle(rest: &str) -> Option<Entry> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric();
    opaque(rest).filter(|_| rest.len() <= NAME_BYTES_MAX && rest.bytes().all(legal))
}

fn nx(rest: &str) -> Option<Entry> {
    nx_hash(rest.strip_prefix("v1/cache/")?)
}

fn nx_hash(hash: &str) -> Option<Entry> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    opaque(hash).filter(|_| hash.len() <= NAME_BYTES_MAX && hash.bytes().all(legal))
}

fn opaque(name: &str) -> Option<Entry> {
    EntryName::parse(name).ok().map(Entry::opaque)
}
