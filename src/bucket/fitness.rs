//! What a bucket was seen to be fit for, beside storing objects.

use std::sync::{Arc, PoisonError, RwLock};

use super::control::conditional::ConditionalWrites;

/// What is known of a bucket's conditional writes. It is learnt once: a server does not change its
/// ways while it runs.
#[derive(Debug, Default)]
pub struct Fitness(RwLock<Option<Arc<ConditionalWrites>>>);

impl Fitness {
    /// Takes note of what was seen. What was seen first counts.
    pub fn learn(&self, seen: ConditionalWrites) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.get_or_insert_with(|| Arc::new(seen));
    }

    /// Forgets that conditions are not kept: somebody may have put another server in the place of the
    /// one that did not.
    pub fn forget_unfit(&self) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.take_if(|seen| [&seen.create, &seen.replace].iter().any(|it| it.defect().is_some()));
    }

    /// What was seen, if anybody looked.
    #[must_use]
    pub fn conditional_writes(&self) -> Option<Arc<ConditionalWrites>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether of several writers that want to be the first, one is.
    #[must_use]
    pub fn creates_once(&self) -> bool {
        self.conditional_writes().is_some_and(|seen| seen.create.defect().is_none())
    }

    /// Whether documents can be kept: of several writers that want to be the first, or the next, one
    /// is.
    #[must_use]
    pub fn keeps_documents(&self) -> bool {
        self.conditional_writes()
            .is_some_and(|seen| seen.create.defect().is_none() && seen.replace.defect().is_none())
    }

    /// The same where an object comes in parts.
    #[must_use]
    pub fn completes_once(&self) -> bool {
        self.conditional_writes().is_some_and(|seen| seen.complete.defect().is_none())
    }
}
