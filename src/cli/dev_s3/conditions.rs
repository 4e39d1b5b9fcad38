//! Conditional requests: which preconditions let a request go on.

use s3s::dto::{ETag, ETagCondition, Timestamp};

/// What the conditions of a read are judged against. `last_modified` has whole
/// seconds, as the `Last-Modified` header does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Validators<'a> {
    pub(super) e_tag: &'a ETag,
    pub(super) last_modified: &'a Timestamp,
}

/// The conditions of a GET, a HEAD or of the source of a copy.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// What the conditions of a read ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    /// Send the object.
    Proceed,
    /// The client's copy is current: 304.
    NotModified,
    /// The object is not the one the client means: 412.
    PreconditionFailed,
}

impl ReadConditions {
    /// Applies RFC 9110 section 13.2.2, whose order S3 follows: an entity tag
    /// silences the date of its pair, and the 412 pair comes before the 304 pair.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    pub(super) fn judge(&self, current: Validators<'_>) -> ReadOutcome {
        let fails = match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => !matches_strongly(condition, current.e_tag),
            (None, Some(date)) => current.last_modified > date,
            (None, None) => false,
        };
        if fails {
            return ReadOutcome::PreconditionFailed;
        }
        let unchanged = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => matches_weakly(condition, current.e_tag),
            (None, Some(date)) => current.last_modified <= date,
            (None, None) => false,
        };
        if unchanged { ReadOutcome::NotModified } else { ReadOutcome::Proceed }
    }
}

/// The conditions of a PUT, of a completed multipart upload or of a DELETE.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

/// Why a conditional write is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteRefusal {
    /// The object is not in the state the client requires: 412.
    PreconditionFailed,
    /// `If-Match` names a state of an object that does not exist: 404.
    NoSuchKey,
    /// `If-None-Match` with an entity tag, which S3 does not offer for writes: 501.
    NotImplemented,
}

impl WriteConditions {
    /// Whether every state of the object is welcome.
    pub(super) fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Judges the conditions against the entity tag of the object in place, or
    /// `None` where there is none.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
    pub(super) fn judge(&self, current: Option<&ETag>) -> Result<(), WriteRefusal> {
        match (&self.if_none_match, current) {
            (Some(ETagCondition::ETag(_)), _) => return Err(WriteRefusal::NotImplemented),
            (Some(ETagCondition::Any), Some(_)) => return Err(WriteRefusal::PreconditionFailed),
            (Some(ETagCondition::Any) | None, _) => {}
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(WriteRefusal::NoSuchKey),
            (Some(condition), Some(e_tag)) if matches_strongly(condition, e_tag) => Ok(()),
            (Some(_), Some(_)) => Err(WriteRefusal::PreconditionFailed),
        }
    }
}

fn matches_strongly(condition: &ETagCondition, e_tag: &ETag) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.strong_cmp(e_tag),
    }
}

fn matches_weakly(condition: &ETagCondition, e_tag: &ETag) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.weak_cmp(e_tag),
    }
}

#[cfg(test)]
mod tests;
