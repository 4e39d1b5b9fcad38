//! Verified tokens, remembered: a signature costs tens of microseconds, a look-up next to nothing.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::claims::Claims;
use super::issuer::{Issuer, IssuerId};
use crate::telemetry::MemoryMetrics;

/// The longest time a verdict is believed. It bounds how long a key that left its set still counts:
/// where the issuer publishes the set, that is this time and its `refresh`; where the set cannot be
/// fetched any more, this time and its `max_age`.
const AGE_MAX: Duration = Duration::from_secs(60);

/// Remembers which tokens were signed by which issuer, with their claims, and in these what the
/// first rules that granted something granted. Time and audience are judged on every request, other
/// rules too, and refusals are never remembered, so nobody can fill the memory without a signed
/// token.
pub struct VerdictMemory {
    size: usize,
    verdicts: Option<Cache<(Fingerprint, IssuerId), Verdict, BySize>>,
    metrics: MemoryMetrics,
}

/// The SHA-256 of a token, so that tokens themselves are not kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

#[derive(Clone)]
struct Verdict {
    claims: Arc<Claims>,
    since: SystemTime,
}

/// Weighs verdicts by the length of their claims, so that the memory is bounded in bytes and not
/// only in number.
#[derive(Clone)]
struct BySize;

impl Weighter<(Fingerprint, IssuerId), Verdict> for BySize {
    fn weight(&self, _: &(Fingerprint, IssuerId), verdict: &Verdict) -> u64 {
        verdict.claims.size().div_ceil(1024).max(1) as u64
    }
}

impl Fingerprint {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

impl VerdictMemory {
    /// The most verdicts it remembers.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// A memory of at most `size` verdicts; 0 remembers nothing. One whose claims are longer than
    /// 1 KiB takes the place of several.
    #[must_use]
    pub fn new(size: usize, metrics: MemoryMetrics) -> Self {
        Self {
            size,
            verdicts: (size > 0).then(|| Cache::with_weighter(size, size as u64, BySize)),
            metrics,
        }
    }

    /// The first of `issuers` that is known to have signed the token.
    pub(super) fn recall<'i>(
        &self,
        fingerprint: &Fingerprint,
        issuers: &'i [Arc<Issuer>],
        now: SystemTime,
    ) -> Option<(&'i Issuer, Arc<Claims>)> {
        let found = self.verdicts.as_ref().and_then(|verdicts| {
            issuers.iter().find_map(|issuer| {
                let verdict = verdicts.get(&(*fingerprint, issuer.id()))?;
                verdict.holds(now).then_some((issuer.as_ref(), verdict.claims))
            })
        });
        // A miss is a token that has to be parsed and verified, or refused.
        let counter = if found.is_some() { &self.metrics.hits } else { &self.metrics.misses };
        counter.inc();
        found
    }

    /// Keeps the claims of a token whose signature was just verified with a key of the issuer.
    pub(super) fn remember(
        &self,
        fingerprint: Fingerprint,
        issuer: IssuerId,
        claims: Arc<Claims>,
        now: SystemTime,
    ) {
        let verdict = Verdict { claims, since: now };
        if let Some(verdicts) = self.verdicts.as_ref().filter(|_| verdict.holds(now)) {
            verdicts.insert((fingerprint, issuer), verdict);
        }
    }
}

impl Verdict {
    /// A clock that went back ends a verdict too: how old it is cannot be told any more.
    fn holds(&self, now: SystemTime) -> bool {
        now < self.claims.expires() && now.duration_since(self.since).is_ok_and(|age| age < AGE_MAX)
    }
}

impl fmt::Debug for VerdictMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerdictMemory").field("size", &self.size).finish_non_exhaustive()
    }
}
