//! Why keys could not be fetched.

use std::io;

use http::StatusCode;
use url::{Position, Url};

use crate::auth::KeyringProblem;

/// A fetch that failed, and where. No text has a query in it, which may hold somebody's secret.
#[derive(Debug, thiserror::Error)]
#[error("{at}")]
pub struct FetchError {
    at: String,
    #[source]
    cause: Cause,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cause {
    #[error("refused to connect: {0}")]
    Address(String),
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("no answer in time")]
    Timeout,
    #[error("TLS failed")]
    Tls(#[source] io::Error),
    #[error("HTTP failed")]
    Http(#[source] hyper::Error),
    #[error("the status is {0}")]
    Status(StatusCode),
    #[error("a redirect is not followed: {0}")]
    Redirect(String),
    #[error("the answer is larger than 1 MiB")]
    TooLarge,
    #[error("{0}")]
    Discovery(String),
    #[error("the keys cannot be used")]
    Keys(#[source] KeyringProblem),
}

impl FetchError {
    pub(super) fn new(url: &Url, cause: Cause) -> Self {
        Self { at: url[..Position::AfterPath].to_owned(), cause }
    }

    /// The name of the cause in metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.cause {
            Cause::Address(_) => "address",
            Cause::Connect(_) => "connect",
            Cause::Timeout => "timeout",
            Cause::Tls(_) => "tls",
            Cause::Http(_) => "http",
            Cause::Status(_) => "status",
            Cause::Redirect(_) => "redirect",
            Cause::TooLarge => "too_large",
            Cause::Discovery(_) => "discovery",
            Cause::Keys(_) => "keys",
        }
    }
}
