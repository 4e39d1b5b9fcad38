//! What an operator says of the dialect.

use crate::dialect::Origins;

/// How a mount speaks the dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether `get` answers with a tar archive where nobody asked for one.
    pub archives: bool,
    /// Whether what is not there is refused with 500.
    pub legacy_errors: bool,
    /// Whose pages may ask.
    pub origins: Origins,
    /// The gateway's own origin. None: it is not known, and whatever `Host` names is taken for it.
    pub own_origin: Option<String>,
    /// Whether wallets may sign in.
    pub signs_in: bool,
}
