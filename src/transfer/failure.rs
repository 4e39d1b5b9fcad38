//! What goes wrong on a connection to storage.

use pingora::{BError, ErrorType};

use crate::bucket::Bucket;
use crate::error::{Error, Kind};

/// What went wrong between us and storage, before there was an answer.
pub(super) enum Failure {
    Timeout,
    Broken { doing: &'static str, error: BError },
}

impl Failure {
    pub(super) fn of(doing: &'static str, error: BError) -> Self {
        Self::Broken { doing, error }
    }

    /// Whether the other side had closed before it saw the request.
    pub(super) fn is_dead_connection(&self) -> bool {
        use ErrorType::{ConnectionClosed, ReadError, WriteError};
        matches!(self, Self::Broken { error, .. }
            if matches!(error.etype(), ConnectionClosed | ReadError | WriteError))
    }

    /// The error of a request that got no answer.
    pub(super) fn counted(self, bucket: &Bucket) -> Error {
        bucket.metrics.unanswered.inc();
        self.into_error()
    }

    pub(super) fn into_error(self) -> Error {
        use ErrorType::{ConnectTimedout, ReadTimedout, TLSHandshakeTimedout, WriteTimedout};
        match self {
            Self::Timeout => Error::storage(Kind::StorageTimeout, "no answer in time"),
            Self::Broken { doing, error } => {
                let late = matches!(
                    error.etype(),
                    ConnectTimedout | ReadTimedout | TLSHandshakeTimedout | WriteTimedout
                );
                let kind = if late { Kind::StorageTimeout } else { Kind::StorageFailed };
                Error::Storage { kind, detail: doing.into(), source: Some(error) }
            }
        }
    }
}
