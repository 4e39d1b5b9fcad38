//! One download: ask storage, judge its answer, choose the check, send.

use http::StatusCode;
use http::request::Parts;
use prometheus::IntCounter;

use super::answer::Answer;
use super::check::{Check, storage_vouches};
use super::client::{Client, Gone};
use super::storage::StorageClient;
use super::{Cut, Source, Transfer, copy};
use crate::bucket::object::{self, ObjectHead};
use crate::bucket::{Bucket, Read};
use crate::conditions::Range;
use crate::content::digest::Sha256Digest;
use crate::content::layout::{Key, Places};
use crate::dialect::{Call, Outcome};
use crate::error::{Error, Kind};
use crate::gateway::{Download, Storage as _};
use crate::plan::Route;
use crate::reply::Portion;

/// Content up to this size is checked whole before anything is sent, so that a mismatch is a proper
/// refusal; 64 KiB is one read buffer.
pub const BUFFERED_BYTES_MAX: u64 = 64 * 1024;

/// How a download ended without being delivered.
#[derive(Debug)]
pub enum Undelivered {
    /// Before the head was sent: there is still an answer to give.
    Refused(Error),
    /// After it: the connection must be dropped.
    Cut(Error),
    /// The client left.
    Gone(Gone),
}

impl From<Gone> for Undelivered {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

impl From<Error> for Undelivered {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Delivers a download.
///
/// # Errors
/// See [`Undelivered`].
pub async fn deliver(
    client: &mut Client,
    storage: &StorageClient,
    head: &Parts,
    download: Download,
) -> Result<(), Undelivered> {
    let Download { route, places, call, content, range, visibility } = download;
    let content = match (&call, &content) {
        (_, Some(content)) | (Call::Download(content) | Call::Describe(content), None) => content,
        _ => return Err(Error::Internal("a download without a content".into()).into()),
    };
    let asked = match range {
        Range::Part(part) => Some(part.to_header()),
        Range::Whole | Range::FromStart => None,
    };
    let found = tokio::select! {
        biased;
        found = find(storage, &route, &places, asked.as_deref(), range) => found?,
        gone = client.gone() => return Err(Undelivered::Gone(gone)),
    };
    let (object, portion, answer) = found;
    if portion == Portion::Whole
        && let (Range::Part(_), Call::Catalog(_)) = (range, &call)
    {
        // Its clients are told by nothing that it is not the part that they asked for.
        let detail = "storage answered the whole instead of a part";
        return Err(Error::storage(Kind::StorageFailed, detail).into());
    }
    let (mut check, counter) = choose_check(&route, content.digest(), &object, portion);
    let outcome = Outcome::Object { object: &object, portion, visibility };
    let reply = route.dialect.answer(head, &call, &outcome);
    let source = if object.size <= BUFFERED_BYTES_MAX && matches!(check, Check::Digest(_)) {
        let result = buffer(client, answer, &mut check).await;
        if matches!(result, Err(Undelivered::Refused(Error::ContentCorrupt { .. }))) {
            route.metrics.mismatched.inc();
        }
        check = Check::None;
        result?
    } else {
        Source::Storage(answer)
    };
    let (prefix, suffix) = Default::default();
    let sent = copy(client, reply, Transfer { prefix, source, suffix, check }).await;
    settle_cut(&route, sent)?;
    counter.inc();
    Ok(())
}

/// Counts what was found wrong with content on its way.
pub(super) fn settle_cut(route: &Route, sent: Result<(), Cut>) -> Result<(), Undelivered> {
    sent.map_err(|cut| match cut {
        Cut::Client(gone) => Undelivered::Gone(gone),
        Cut::Content(error) => {
            if error.kind() == Kind::ContentCorrupt {
                route.metrics.mismatched.inc();
            }
            Undelivered::Cut(error)
        }
    })
}

/// Asks storage for the object in one place after the other.
pub(super) async fn find(
    storage: &StorageClient,
    route: &Route,
    places: &Places,
    asked: Option<&str>,
    range: Range,
) -> Result<(ObjectHead, Portion, Answer), Error> {
    let first = get(storage, route, &places.first, asked, range).await;
    match (first, &places.other) {
        (Err(Error::NotFound(_)), Some(other)) => get(storage, route, other, asked, range).await,
        (first, _) => first,
    }
}

/// Asks storage for the object in one place. Its bytes are still to be read.
async fn get(
    storage: &StorageClient,
    route: &Route,
    key: &Key,
    asked: Option<&str>,
    range: Range,
) -> Result<(ObjectHead, Portion, Answer), Error> {
    let bucket = &route.bucket;
    let checksum = route.trust_storage_checksum;
    let read = Read { range: asked, checksum, ..Read::get(key) };
    let answer = storage.send(bucket, &read).await?;
    if !matches!(answer.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        let mut error = answer.into_error(bucket).await;
        match &mut error {
            Error::NotFound(_) => bucket.objects.forget(key),
            // The client is owed the size (RFC 9110 section 15.5.17), and not every server says it.
            Error::RangeNotSatisfiable { size: size @ None } => {
                *size = whole_size(storage, bucket, key).await;
            }
            _ => {}
        }
        return Err(error);
    }
    let (mut object, portion, answer) = judge(answer, range)?;
    if route.legacy_tags {
        storage.add_tag(bucket, key, &mut object).await?;
    }
    Ok((object, portion, answer))
}

/// What the body is held against, and the counter of bodies delivered that way.
pub(super) fn choose_check<'r>(
    route: &'r Route,
    digest: Option<&Sha256Digest>,
    object: &ObjectHead,
    portion: Portion,
) -> (Check, &'r IntCounter) {
    let metrics = &route.metrics;
    if !is_whole(portion, object.size) {
        return (Check::None, &metrics.partial);
    }
    let Some(digest) = digest else { return (Check::None, &metrics.opaque) };
    match &object.checksum_sha256 {
        Some(checksum)
            if route.trust_storage_checksum && storage_vouches(digest, checksum.as_bytes()) =>
        {
            (Check::None, &metrics.trusted)
        }
        _ => (Check::digest(digest), &metrics.verified),
    }
}

/// The size of an object, asked for by itself.
pub(super) async fn whole_size(storage: &StorageClient, bucket: &Bucket, key: &Key) -> Option<u64> {
    storage.stat(bucket, key).await.ok().map(|object| object.size)
}

/// Whether storage answered what was asked: the size of the object and the portion that follows.
pub(super) fn judge(
    mut answer: Answer,
    range: Range,
) -> Result<(ObjectHead, Portion, Answer), Error> {
    let failed = |detail: &'static str| Error::storage(Kind::StorageFailed, detail);
    let (size, portion) = match (answer.status(), range) {
        (StatusCode::PARTIAL_CONTENT, Range::Part(asked)) => {
            let (first, length, size) = object::content_range(answer.headers())
                .ok_or_else(|| failed("a partial answer without a usable Content-Range"))?;
            if asked.resolve(size) != Some((first, length)) {
                return Err(failed("storage answered another range than was asked for"));
            }
            (size, Portion::Part { first, length })
        }
        (StatusCode::PARTIAL_CONTENT, _) => return Err(failed("a partial answer to no range")),
        (_, range) => {
            let size = object::content_length(answer.headers())
                .ok_or_else(|| failed("storage answered without a length"))?;
            match range {
                // Nothing of an empty content can be a range of it; all of it can be sent.
                Range::FromStart if size > 0 => (size, Portion::Part { first: 0, length: size }),
                // Storage may ignore a range like any server; then the whole is checked and sent.
                _ => (size, Portion::Whole),
            }
        }
    };
    let length = match portion {
        Portion::Whole => size,
        Portion::Part { length, .. } => length,
    };
    answer.expect(length)?;
    Ok((ObjectHead::read(answer.headers(), size), portion, answer))
}

pub(super) const fn is_whole(portion: Portion, size: u64) -> bool {
    match portion {
        Portion::Whole => true,
        Portion::Part { length, .. } => length == size,
    }
}

/// Reads and checks a short body before anything of the answer is sent.
pub(super) async fn buffer(
    client: &mut Client,
    mut answer: Answer,
    check: &mut Check,
) -> Result<Source, Undelivered> {
    let mut body = Vec::new();
    loop {
        let chunk = tokio::select! {
            biased;
            chunk = answer.chunk() => chunk?,
            gone = client.gone() => return Err(Undelivered::Gone(gone)),
        };
        let Some(chunk) = chunk else { break };
        check.update(chunk.bytes);
        body.extend_from_slice(chunk.bytes);
    }
    answer.release().await;
    check.finish()?;
    Ok(Source::Buffered(body.into()))
}
