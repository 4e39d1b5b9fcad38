//! What a bucket was seen to be fit for, beside storing objects.

use std::sync::OnceLock;

use super::control::conditional::ConditionalWrites;

/// What is known of a bucket's conditional writes. It is learnt once: a server does not change its
/// ways while it runs.
#[derive(Debug, Default)]
pub struct Fitness(OnceLock<ConditionalWrites>);

impl Fitness {
    /// Takes note of what was seen. What was seen first counts.
    pub fn learn(&self, seen: ConditionalWrites) {
        let _ = self.0.set(seen);
    }

    /// What was seen, if anybody looked.
    #[must_use]
    pub fn conditional_writes(&self) -> Option<&ConditionalWrites> {
        self.0.get()
    }

    /// Whether of several writers that want to be the first, one is.
    #[must_use]
    pub fn creates_once(&self) -> bool {
        self.0.get().is_some_and(|seen| seen.create.defect().is_none())
    }

    /// The same where an object comes in parts.
    #[must_use]
    pub fn completes_once(&self) -> bool {
        self.0.get().is_some_and(|seen| seen.complete.defect().is_none())
    }
}
