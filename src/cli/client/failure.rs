//! Why a command of the client fails.

use std::io;
use std::path::Path;
use std::time::Duration;

use http::StatusCode;

/// The longest text of a gateway that is shown, in characters.
const TEXT_MAX: usize = 300;

/// Why a command fails, as people are told.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Failure {
    /// The command was used wrongly.
    #[error("{0}")]
    Usage(String),
    /// Nobody takes a connection.
    #[error("cannot reach {0}")]
    Unreachable(String),
    /// There was a connection, and no whole answer.
    #[error("the connection broke: {0}")]
    Cut(String),
    /// The gateway says no.
    #[error("the gateway answered {status}: {message}")]
    Refused {
        /// The status.
        status: StatusCode,
        /// What it says, fit to be shown.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// An upload has other bytes than were sent.
    #[error("the gateway has {0} bytes of the upload, which are not those that were sent")]
    OutOfStep(u64),
    /// Anything else, which another attempt would not change.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// A failure of the gateway's, with its text made fit to be shown.
    pub(super) fn refused(status: StatusCode, text: &str, retry_after: Option<Duration>) -> Self {
        let message = text.trim().chars().take(TEXT_MAX).collect::<String>();
        let message = message.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'");
        Self::Refused { status, message, retry_after }
    }

    /// A file that cannot be read or written.
    pub(in crate::cli) fn of_file(path: &Path, error: &io::Error) -> Self {
        Self::Failed(format!("{}: {error}", path.display()))
    }

    /// Whether another attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Cut(_) | Self::OutOfStep(_) => true,
            Self::Refused { status, .. } => match *status {
                StatusCode::NOT_ACCEPTABLE
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::CONFLICT
                | StatusCode::TOO_MANY_REQUESTS => true,
                StatusCode::NOT_IMPLEMENTED
                | StatusCode::HTTP_VERSION_NOT_SUPPORTED
                | StatusCode::INSUFFICIENT_STORAGE => false,
                status => status.is_server_error(),
            },
            Self::Usage(_) | Self::Failed(_) => false,
        }
    }

    /// Whether the gateway does not know what it was asked for.
    pub(in crate::cli) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }

    /// Whether what was asked for does not go with how things are.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::CONFLICT, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_some_failures_are_worth_another_attempt() {
        let refused = |status| {
            Failure::refused(StatusCode::from_u16(status).unwrap(), "", None).is_transient()
        };
        for status in [406, 408, 409, 429, 500, 502, 503, 504] {
            assert!(refused(status), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 413, 501, 505, 507] {
            assert!(!refused(status), "{status}");
        }
    }

    #[test]
    fn what_a_gateway_says_cannot_write_to_a_terminal() {
        let text = format!("\u{1b}[2Jit's \"gone\"\n{}", "x".repeat(1000));
        let shown = Failure::refused(StatusCode::NOT_FOUND, &text, None).to_string();
        assert!(shown.contains("it's \"gone\"") && !shown.contains(['\u{1b}', '\n']), "{shown}");
        assert!(shown.len() < 400, "{shown}");
    }
}
