//! Mistakes that a gateway, a ledger or a store could make, one at a time. Each is made in the model
//! or between it and the ledger, never in the ledger.

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defect {
    /// The use is claimed before storage was asked.
    ClaimBeforeStorage,
    /// The head is sent before the use is claimed.
    HeadBeforeClaim,
    /// After an unknown outcome the next use is tried, without a look at this one.
    NoLookAfterUnknown,
    /// An unknown outcome counts as success.
    UnknownIsSuccess,
    /// After an unknown outcome everything is tried again, as somebody else.
    BlindRetry,
    /// Whoever names a use may go on with it.
    SecretNotChecked,
    /// A start is written whatever the register holds by then.
    NoComparison,
    /// Records end when the token does.
    RecordsEndWithToken,
    /// Only the first use is taken back.
    RevokesFirstUseOnly,
    /// The store lets two create the same register.
    CreateNotExclusive,
    /// The store makes room by forgetting.
    StoreForgets,
    /// Nobody looks at the clock again after the claim.
    ClockReadOnce,
    /// An older start does not find out that it was taken over.
    AlwaysHolds,
}
