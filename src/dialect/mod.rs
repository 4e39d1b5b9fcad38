//! Wire protocols: how clients ask, how they are answered, how they are refused. Pure.
//!
//! A dialect turns a request into a [`Call`], in words no protocol owns, and an [`Outcome`] or a
//! [`Kind`] back into its own shape. It knows no bucket, no key and no clock.

// A new kind of refusal must be answered by every dialect.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod build_cache;
mod catalog;
pub mod chainloop;
mod field;
mod graph;
pub mod kubo;
pub mod onetime;
mod origins;
pub mod resumable;
pub mod shakenfist;
mod single_use;
pub mod turborepo;
pub mod tus;
mod upload;

use std::borrow::Cow;
use std::time::Duration;

use http::request::Parts;

use crate::auth::{AskedTenant, Carriage, Challenge, Grant, NewToken, Tenants, percent_decoded};
use crate::bucket::object::{Annotations, ObjectHead};
use crate::content::ContentId;
use crate::error::{Error, Kind};
use crate::reply::{Portion, Reply, Visibility};

pub use catalog::{AllOf, CatalogCall, CatalogOutcome, KeyLogin, Publication, PublicationSource};
pub use graph::{GraphCall, GraphHead, GraphPath, ImportOrder, Imported, Scope, SignIn, View};
pub use origins::Origins;
pub use single_use::{Offer, Order, TokenAction, TokenCall, TokenOutcome, TokenStatus};
pub use upload::{
    Completes, LENGTH_DIFFERS, NewUpload, PieceOrder, UploadCall, UploadHead, UploadOutcome,
};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// The bytes of a content (GET).
    Download(ContentId),
    /// The same without the bytes (HEAD).
    Describe(ContentId),
    /// To store the request's body, with what is to be kept beside it (PUT).
    Store(ContentId, Box<Annotations>),
    /// Which of these there are.
    Find(Vec<ContentId>),
    /// Something of a graph of blocks.
    Graph(Box<GraphCall>),
    /// To store the files of a form, which is the request's body, as graphs of blocks.
    Import(Box<ImportOrder>),
    /// Something about the caller, for which storage is not asked.
    About(Topic),
    /// To make a single-use token; what for is in the body, and None until that was read.
    Issue(Option<Box<Order>>),
    /// Something about a single-use token.
    Token(TokenCall),
    /// Tokens for a wallet; everybody may ask, and what counts is the signature.
    SignIn(Box<SignIn>),
    /// Something to sign for the wallet with this address; everybody may ask.
    Challenge(String),
    /// Something about an upload that comes in pieces.
    Upload(Box<UploadCall>),
    /// Something of a catalog of artifacts.
    Catalog(Box<CatalogCall>),
    /// A token for a key, which is in the body, and None until that was read; everybody may ask, and
    /// what counts is the key.
    Login(Option<Box<KeyLogin>>),
    /// What the gateway offers; everybody may ask.
    Greeting,
    /// What may be asked (OPTIONS); everybody may ask that.
    Preflight,
}

/// What is asked about the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Whether the tenant is served. It is answered for tenants that are not, too.
    Availability,
    /// Who the caller is.
    Caller,
    /// A folder, in protocols that make them: whether there is one.
    Folder,
    /// The end of the token, as far as the client is concerned.
    Goodbye,
    /// A folder is to be made.
    NewFolder,
    /// What the client did, for statistics.
    Report,
    /// One of the caller's tenants.
    Tenant(String),
    /// All of the caller's tenants.
    Tenants,
    /// What the token is.
    Token,
    /// What the gateway is.
    Version,
}

/// What is to be done with the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing; there should be none.
    None,
    /// It is part of the question, and has at most so many bytes; see [`Dialect::complete`].
    Small(usize),
    /// It is content.
    Content,
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
    /// The body was stored.
    Stored,
    /// The body was not stored: what was there before stays.
    AlreadyThere,
    /// The objects of [`Call::Find`], in its order; None: there is none.
    Found(&'a [Option<ObjectHead>]),
    /// Who asks, for [`Call::About`].
    Granted {
        /// What the caller may do.
        grant: &'a Grant,
        /// What is known of tenants.
        tenants: &'a Tenants,
    },
    /// What was asked of a graph of blocks; its bytes follow if the call wants them.
    Graph(GraphHead<'a>),
    /// The files of a form were stored as these.
    Imported(&'a [Imported]),
    /// What became of a call about a single-use token.
    Token(TokenOutcome<'a>),
    /// The tokens of a wallet, for [`Call::SignIn`].
    SignedIn {
        /// One for each of its storages.
        tokens: &'a [NewToken],
        /// Where they are good.
        endpoint: &'a str,
    },
    /// The chain of [`Call::SignIn`] is none that wallets here are of.
    ChainNotSupported,
    /// What to sign, for [`Call::Challenge`].
    Challenge(&'a Challenge),
    /// What became of a [`Call::Upload`].
    Upload(UploadOutcome<'a>),
    /// What became of a [`Call::Catalog`].
    Catalog(CatalogOutcome<'a>),
    /// The token for a key, for [`Call::Login`].
    LoggedIn {
        /// The token. It is a credential, and never logged.
        token: &'a str,
        /// How long it is good for.
        life: Duration,
    },
    /// What the gateway offers, for [`Call::Greeting`].
    Greeting,
    /// Anything may be asked, for [`Call::Preflight`].
    Preflight,
}

/// One wire protocol. Implementations are pure: everything they need is an argument.
pub trait Dialect: Send + Sync + 'static {
    /// The name in metrics and logs.
    fn name(&self) -> &'static str;

    /// Where the token can be.
    fn carriage(&self) -> Carriage;

    /// Reads a request; `rest` is the path below the route's prefix, as the client sent it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] or [`Error::MethodNotAllowed`].
    fn parse(&self, head: &Parts, rest: &str) -> Result<Call, Error>;

    /// What stands for `rest` in logs. None: there is no credential in it.
    fn redacted(&self, rest: &str) -> Option<&'static str>;

    /// The tenant that a request names, by all the names it uses. Empty: it names none.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`].
    fn tenant<'r>(&self, head: &'r Parts) -> Result<Vec<AskedTenant<'r>>, Error>;

    /// Whether an entry that clients store can have this name.
    fn stores(&self, name: &str) -> bool;

    /// What the body of a call is for.
    fn body(&self, call: &Call) -> Body;

    /// A call together with the small body that is part of it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`].
    fn complete(&self, call: Call, body: &[u8]) -> Result<Call, Error>;

    /// Whether an object may be had by redirect, from a server that knows nothing of this protocol.
    fn may_redirect(&self, object: &ObjectHead) -> bool;

    /// The link by which a single-use token is used. None: the protocol has none.
    fn link(&self, token: &str) -> Option<String>;

    /// The answer to a call.
    fn answer(&self, head: &Parts, call: &Call, outcome: &Outcome<'_>) -> Reply;

    /// What is said of an upload that has just begun, before its first piece has come (1xx); for
    /// calls that hear it ([`NewUpload::hears_interim`]). None: nothing.
    fn interim(&self, head: &UploadHead<'_>) -> Option<Reply>;

    /// The refusal of a request. `message` may be shown to the client; it can be empty.
    fn refuse(&self, head: &Parts, kind: Kind, message: &str) -> Reply;
}

/// The answer to a call that the dialect does not make, or with an outcome that the call does not
/// have: a defect of ours, which the client gets to know as one.
fn unasked(dialect: &dyn Dialect, head: &Parts) -> Reply {
    dialect.refuse(head, Kind::Internal, "")
}

/// The text of a form's field (WHATWG URL Standard, section 5.1), where it is well-formed.
fn form_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('+') {
        return percent_decoded(text);
    }
    percent_decoded(&text.replace('+', " ")).map(|text| Cow::Owned(text.into_owned()))
}
